//! dvol gives the volumes of containers what git gives source code: commit, log, reset, branch and
//! checkout, and restarts the containers on a volume around them.
//!
//! This library is the program's own. It promises no stability: any release may change any of it.
//! Scripts should use the command line and its JSON (`dvol help json`).
//!
//! # An example
//!
//! ```
//! use std::sync::Arc;
//!
//! use dvol::containers::NoContainers;
//! use dvol::layout::Layout;
//! use dvol::model::{Revision, Signature, VolumeName};
//! use dvol::ops::{self, CommitRequest, ResetRequest, Surroundings};
//! use dvol::pool::{Options, Pool};
//! use dvol::sys::{clock::SystemClock, ids::RandomIds};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let home = tempfile::tempdir()?;
//! let layout = Layout::new(home.path().join("pool"));
//! let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
//! let pool = Pool::new(layout, Options::new(Arc::new(NoContainers), clock, ids));
//! let volume: VolumeName = "db".parse()?;
//! ops::init(&pool, &volume)?;
//! let state = pool.layout().root().join("db/branches/master/state");
//!
//! std::fs::write(&state, "before the migration")?;
//! let request = CommitRequest {
//!     volume: Some(volume.clone()),
//!     message: "Before the migration".to_owned(),
//!     author: None,
//!     date: None,
//! };
//! let author = Signature { name: "Ada".to_owned(), email: "ada@example.org".to_owned() };
//! ops::commit(&pool, &request, || Surroundings { author, code: None })?;
//!
//! std::fs::write(&state, "half migrated")?;
//! let (volume, revision) = (Some(volume), Revision::head());
//! let request = ResetRequest { volume, revision, hard: true, force: false };
//! ops::reset(&pool, &request)?;
//! assert_eq!(std::fs::read_to_string(&state)?, "before the migration");
//! # Ok(())
//! # }
//! ```
//!
//! # A guided tour
//!
//! A **pool** is a directory. In it, each **volume** has branches, each with a working tree that
//! containers write to, and commits, each a plain copy of a working tree. One database in the pool
//! holds the **metadata**: parents, authors, dates. [`layout`] draws the directories, [`model`] has
//! the values, [`error`] all errors.
//!
//! Whatever changes a volume is an **operation**: it is done as a whole or not at all. Follow one
//! reset through the house:
//!
//! 1. [`cli`] parses `dvol reset --hard HEAD~1` (`cli/commands/reset.rs`), opens a [`pool::Pool`]
//!    and calls [`ops::reset`].
//! 2. [`pool::Pool::begin`] takes the volume's lock ([`sys::locks`]) and recovers what a dead
//!    process left behind.
//! 3. [`pool::Session::intend`] writes the plan into the journal ([`store`]): which entries the
//!    working tree will exchange with a staged tree, or that it will be replaced by one, and which
//!    rows will change.
//! 4. [`sys::tree::Retarget`] stages the entries that differ, or [`sys::tree::update_tree`] the
//!    whole tree, while containers still run.
//! 5. [`pool::Group::quiesce`] closes the gate, records the running containers in the journal and
//!    stops them ([`containers`]).
//! 6. [`pool::Quiesced::publish`] makes the staged entries durable, exchanges them
//!    ([`sys::tree::exchange_entries`]) and changes the rows in one transaction: the commit point.
//! 7. [`pool::Published::finish`] opens the gate, starts the containers and cleans up. [`report`]
//!    prints what [`ops::reset`] returned, as text or JSON.
//!
//! If the process dies on the way, [`pool::Pool::recover`] finishes or undoes the operation: called
//! by the next operation on that volume, by the driver ([`plugin`]) within seconds, or by [`fsck`].
//!
//! # Rooms
//!
//! | folder | what it holds |
//! | --- | --- |
//! | `cli/commands`, `ops`, `report/verbs` | a verb: its flags, what it does, what it prints |
//! | `cli/help` | the overview of verbs, and the topics of `dvol help` |
//! | `plugin` | Docker's volume driver |
//! | `ui` | the page of `dvol ui`: reads by `ops`, acts by running the program |
//! | `fsck` | checking and repairing a pool |
//! | `pool/operation` | an operation from its lock to its end, undo, trash |
//! | `pool/containers` | holding and releasing containers, mounts |
//! | `pool/history` | revisions, commits, compose projects |
//! | `pool/trees` | stat indexes, checksums, copies, space |
//! | `ops/image`, `sys/image` | the pool in an image: verbs, and file systems in files |
//! | `store`, `migrations` | the metadata, its second copy, all file formats |
//! | `containers` | container engines: Docker, or none |
//! | `sys`, `sys/tree` | disk, locks, clock, ids; copying, comparing and exchanging trees |
//! | `model` | names, ids, revisions, records |
//!
//! # Floors
//!
//! A file imports its own folder and lower floors only; a test reads the sources and keeps it so.
//!
//! ```text
//! F5  main.rs · lib.rs
//! F4  cli/  plugin/  ui/  report/ one verb, one file; flags and environment become a Pool here
//! F3  ops/  fsck/                 one verb, one file; return plain structs, print nothing
//! F2b pool/                       joins the stores: begin, intend, publish, finish; recover
//! F2  store/  containers/         do not know each other; both may use layout.rs
//! F1  sys/                        locks, clock, ids, disk calls, the tree walker and copier
//! F0  model/                      names, ids, revisions, records: pure values
//! ```
//!
//! # Glossary
//!
//! | word | meaning |
//! | --- | --- |
//! | pool | the directory with all volumes and their metadata |
//! | volume | a named set of branches; containers mount it under its name |
//! | branch | a name, a working tree, and a head once there is a commit |
//! | working tree | the directory of a branch that containers write to |
//! | commit | an immutable copy of a working tree, and its record: id, parent, message, date |
//! | head, HEAD | the newest commit of a branch; HEAD is the head of the current branch |
//! | current | the volume or branch that a command means if it names none |
//! | running point | the symlink in a volume to the working tree of its current branch |
//! | mount | one use of a volume by a container, from the engine's Mount to its Unmount |
//! | quiesce | keep containers from writing: stop them, pause them, or let them be |
//! | held | said of a container that an operation has stopped or paused |
//! | gate | a lock that keeps new containers from starting on a quiesced volume |
//! | operation | one commit, reset, checkout and so on, as the journal records it |
//! | journal | the operations that are not done; the operation log has those that are |
//! | settled | said of an operation whose trees and metadata are final; containers may be held |
//! | recover | finish or undo the operation of a dead process |
//! | reachable | said of a commit that a branch or a tag leads to |
//! | dropped | said of a commit that is not reachable any more; record and tree are in trash |
//! | trash | what operations removed, kept for undo |
//! | spare | a large file in trash that was made equal to the commit's, for the next reset |
//! | delta | what a file had otherwise before it became a spare; undo needs it |
//! | staging | trees on their way in |
//! | first pass | the copy that is made while containers still run |
//! | stat index | attributes of the entries of a working tree that are known to equal a commit's |
//! | second copy | the log of all records, from which the metadata can be rebuilt |
//! | image | a file with a file system in it, which is mounted at the pool |
//! | host | of an image: the file system that its file lies on |
//! | public | said of a remote whose password everybody knows; its files keep no secret |
//! | older layout | the directories and JSON files of an earlier tool, which dvol imports |
//!
//! # Changing dvol
//!
//! Which files three changes touch:
//!
//! * **A verb that reads.** `ops/VERB.rs` and `report/verbs/VERB.rs` with a line each in their
//!   `mod.rs`; `cli/commands/VERB.rs` with a line in `cli/commands/mod.rs` and one in the groups of
//!   `cli/help/mod.rs`; a test in `tests/`.
//! * **A column in `list`.** A field in `ops/list.rs`, from which the JSON follows; the column in
//!   `report/verbs/list.rs`; a test in `tests/`.
//! * **A way to quiesce.** A line in `model/quiesce.rs`, from which the setting, the flag, its
//!   help, completion and messages follow; what it does to a container in
//!   `pool/containers/planner.rs`; a new [`HoldMode`](model::HoldMode), if it needs one, with its
//!   end in `pool/containers/release.rs`; a test in `tests/containers/`.
//!
//! `store/tables.rs` says what a new table needs, `migrations/mod.rs` what a new schema needs.
//! Every change passes `.ci/run` first.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::exit,
    reason = "the library is silent: terminal and exit codes belong to cli/"
)]

pub mod cli;
pub mod containers;
pub mod error;
pub mod fsck;
pub mod layout;
pub mod model;
pub mod ops;
pub mod plugin;
pub mod pool;
pub mod remotes;
pub mod report;
#[doc(hidden)]
pub mod store;
#[doc(hidden)]
pub mod sys;
pub mod ui;
