//! Repositories outside of the pool: volumes are pushed there and cloned from there.
//!
//! A repository has restic's format, version 2, encrypted: restic lists, checks and restores it.
//! The library `rustic_core` writes and reads packs, indexes and trees; ours are what reads a tree
//! (`send`), what writes one (`receive`), the refs, the locks, and the places (`transport`).
//!
//! ```text
//! config  keys/  data/  index/  snapshots/  locks/     restic's
//! dvol/README                                          what this is, in plain text
//! dvol/announce/HASH-RANDOM                            a ref is about to be moved
//! ```
//!
//! A **commit** is a snapshot whose directory `data` is the tree; a **move** of a ref is a snapshot
//! of the same tree, too. Their records are JSON in the snapshots' descriptions.
//!
//! | file | what it does |
//! | --- | --- |
//! | `transport`, `storage` | the places: put, get, list, delete |
//! | `directory`, `bucket`, `ssh` | a directory, a store that speaks S3, another machine |
//! | `http` | requests to a store, and the way to it |
//! | `credentials` | finds the keys of a store as the AWS tools do; the environment of children |
//! | `backend`, `gate`, `cache`, `packs` | a place as the library wants it |
//! | `panics`, `warnings` | what the library does not return as an error |
//! | `repository` | makes and opens a repository |
//! | `records` | reads and writes records of commits and moves |
//! | `fold`, `refs` | what refs are, and how one is moved by several machines at once |
//! | `lock` | restic's locks |
//! | `seal`, `blobs` | what is encrypted, and pieces of packs, read with limits |
//! | `probe` | what a place does, for `doctor` |
//! | `sweep`, `check` | deletes what nothing needs; finds what is wrong |
//! | `nodes`, `send` | entries as nodes of the format; trees on their way out |
//! | `walk`, `local`, `receive` | trees on their way in, with pieces that this machine has |

mod backend;
mod blobs;
mod bucket;
mod cache;
mod check;
mod credentials;
mod directory;
mod error;
mod fold;
mod gate;
mod http;
mod local;
mod lock;
mod nodes;
mod packs;
mod panics;
mod probe;
mod receive;
mod records;
mod refs;
mod repository;
mod seal;
mod send;
mod ssh;
mod storage;
mod sweep;
mod transport;
mod walk;
mod warnings;

pub use check::{RemoteCheck, RemoteFault};
pub use credentials::CloudAccess;
pub use error::RemoteError;
pub use fold::{MoveReason, RefMove, TagNote};
pub use http::Unreachable;
pub use lock::{Holder, Lock, Waiting};
pub use probe::{Probe, PushMemory};
pub use receive::{Received, Receiving};
pub use records::{CommitNote, Records, Stored};
pub use refs::{Moved, Rejection, Rule, Wish, judge};
pub use repository::{Repository, Secret, Traffic};
pub use send::{Sending, TreeCount, count_tree};
pub use sweep::{Swept, SweptCommit};
