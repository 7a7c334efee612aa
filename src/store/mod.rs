//! All metadata, in one redb database that nobody keeps open.
//!
//! redb lets one process at a time open a file for writing and refuses the others at once. So each
//! transaction takes `metadata.lock`, opens the file, runs, closes, and gives the lock back: a
//! writer alone, readers together. A transaction never copies a tree and never talks to an engine.
//!
//! Every commit is durable (two-phase, with the allocator state saved), so that an open after a
//! crash is quick; a reader that finds the file in need of repair has a writer repair it first.

mod backend;
mod codec;
mod error;
mod index;
mod rows;
mod tables;
mod transaction;
mod write;

#[path = "../../migrations/mod.rs"]
mod migrations;

pub use error::StoreError;
pub use index::{IndexPage, piece_key};
pub use rows::Rows;
pub use transaction::Store;
pub use write::Writer;
