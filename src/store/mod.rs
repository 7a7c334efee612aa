//! All metadata, in one redb database that nobody keeps open.
//!
//! redb lets one process at a time open a file for writing and refuses the others at once. So each
//! transaction takes `metadata.lock`, opens the file, runs, closes, and gives the lock back: a
//! writer alone, readers together. A transaction never copies a tree and never talks to an engine.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `tables`, `codec` | what is stored, and how |
//! | `open` | the database: found, made, brought to this schema |
//! | `transaction`, `rows`, `write`, `index` | reading and writing it |
//! | `backend`, `blocks`, `guard` | the database's file: its syncs, its checksums, redb's panics |
//! | `older` | what an older tool kept in files |
//! | `backup`, `entries`, `whole`, `copies`, `rebuild` | the second copy of the records, and the way back from it |
//!
//! Every commit is durable, with the allocator state saved, so that an open after a
//! crash is quick; a reader that finds the file in need of repair has a writer repair it first.

mod backend;
mod blocks;
mod checksums;
mod codec;
mod error;
mod guard;
mod index;
mod legacy;
mod open;
mod records_log;
mod rows;
mod tables;
mod transaction;
mod write;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests set up files of their own")]
mod damage;

#[path = "../../migrations/mod.rs"]
mod migrations;

pub use checksums::{ChecksumReader, ChecksumWriter};
pub use error::StoreError;
pub use index::{IndexChange, IndexPage, change_key, piece_key};
pub use legacy::{Legacy, LegacyCommit, LegacyVolume, is_legacy_volume, legacy_files, read_legacy};
pub use records_log::log::Records;
pub use records_log::rebuild::{Rebuildable, SecondCopy};
pub use rows::Rows;
pub use transaction::Store;
pub use write::Writer;
