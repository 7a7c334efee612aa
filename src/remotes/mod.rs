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
//! | room | what it does |
//! | --- | --- |
//! | `places` | where repositories lie: a directory, a store that speaks S3, another machine |
//! | `format` | a repository in restic's format, as its library and we read and write it |
//! | `refs` | branches and tags, and how one is moved by several machines at once |
//! | `trees` | trees of commits on their way out and in |
//! | `probe` | what a place does, for `doctor` |
//! | `sweep`, `check` | deletes what nothing needs; finds what is wrong |

mod check;
mod error;
mod format;
mod places;
mod probe;
mod refs;
mod sweep;
mod trees;

pub use check::{RemoteCheck, RemoteFault};
pub use error::RemoteError;
pub use format::lock::{Holder, Lock, Waiting};
pub use format::repository::{Repository, Secret, Traffic};
pub use places::credentials::CloudAccess;
pub use places::http::Unreachable;
pub use probe::{Probe, PushMemory};
pub use refs::fold::{MoveReason, RefMove, TagNote};
pub use refs::moves::{Moved, Rejection, Rule, Wish, judge};
pub use refs::records::{CommitNote, Records, Stored};
pub use sweep::{Swept, SweptCommit};
pub use trees::receive::{Received, Receiving};
pub use trees::send::{Sending, TreeCount, count_tree};
