//! dvol gives the volumes of containers what git gives source code: commit, log, reset, branch and
//! checkout, with the containers on the volume restarted around them.
//!
//! # A guided tour
//!
//! A **pool** is a directory. In it each **volume** has branches, each with a working tree that
//! containers write to, and commits, each a plain copy of a working tree. Which commit is whose
//! parent, who made it and when, is **metadata**, in one database under the pool. [`layout`] draws
//! the directories, [`model`] holds the words.
//!
//! Everything that changes a volume is an **operation**: all of it holds, or nothing. Follow one
//! reset through the house:
//!
//! 1. [`cli`] reads `dvol reset --hard HEAD~1`, opens a [`pool::Pool`] and calls [`ops::reset`].
//! 2. [`pool::Pool::begin`] takes the volume's lock ([`sys::locks`]) and finishes or undoes what a
//!    dead process left.
//! 3. [`pool::Session::intend`] writes the whole plan into the journal ([`store`]): which working
//!    tree will exchange entries with a staged one, or change places with it, which rows will change.
//! 4. [`sys::tree::Retarget`] stages what differs, or [`sys::tree::update_tree`] the whole, while
//!    containers still run.
//! 5. [`pool::Group::quiesce`] shuts the gate, writes the containers that run into the journal, and
//!    stops them ([`containers`]).
//! 6. [`pool::Quiesced::publish`] makes what is staged durable, has the working tree away while entries
//!    change places ([`sys::tree::exchange_entries`]), and changes the rows in one transaction: the
//!    commit point.
//! 7. [`pool::Published::finish`] opens the gate, starts the containers, clears up.
//!
//! A process that dies anywhere in between is cleaned up by the next one on that volume, by the
//! driver ([`plugin`]) within seconds, or by [`fsck`]: [`pool::Pool::recover`].
//!
//! # The floors
//!
//! A file imports its own folder and lower floors only; a test keeps it so.
//!
//! ```text
//! F5  main.rs · lib.rs
//! F4  cli/  plugin/  report/      one verb, one file; flags and environment become a Pool here
//! F3  ops/  fsck/                 one verb, one file; plain structs out; no printing
//! F2b pool/                       joins the stores: begin, intend, publish, finish; recover
//! F2  store/  containers/         do not know each other; both may use layout.rs
//! F1  sys/                        locks, clock, ids, disk calls, the tree walker and copier
//! F0  model/                      names, ids, revisions, records: pure values
//! ```

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
pub mod report;
pub mod store;
pub mod sys;
