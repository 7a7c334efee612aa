//! All metadata of a pool, in one redb database that no process keeps open.
//!
//! redb lets one process at a time open a file for writing and refuses all others meanwhile. So
//! each transaction takes `metadata.lock`, opens the file, runs, closes the file and releases the
//! lock: one writer alone, or readers together. A transaction never copies a tree and never talks
//! to an engine.
//!
//! Every commit is durable and saves redb's list of free pages, so that opening after a crash is
//! quick. A reader that finds the file in need of repair opens it as a writer first.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `metadata` | the [`Store`]: where the files are, and whether there are any |
//! | `tables`, `codec` | every table, and how a record is encoded |
//! | `schema`, `open` | the database: made, opened, brought to this schema |
//! | `transaction`, `rows`, `write`, `index` | reading and writing rows |
//! | `glances` | reading a little of many rows |
//! | `remotes` | the rows of remotes |
//! | `rename` | moving a volume's rows to another name |
//! | `backend`, `blocks`, `guard` | the database's file: its syncs, its checksums, redb's panics |
//! | `records_log/` | the second copy of the records, and rebuilding from it |
//! | `checksums`, `trash_schedule`, `trash_size` | formats of further files in `.dvol` |
//! | `legacy` | reading the files of an older tool |

mod backend;
mod blocks;
mod checksums;
mod codec;
mod error;
mod glances;
mod guard;
mod index;
mod legacy;
mod metadata;
mod open;
mod records_log;
mod remotes;
mod rename;
mod rows;
mod schema;
mod tables;
mod transaction;
mod trash_schedule;
mod trash_size;
mod write;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests set up files of their own")]
mod damage;

#[path = "../../migrations/mod.rs"]
mod migrations;

pub use checksums::{ChecksumReader, ChecksumWriter, has_checksums};
pub use error::StoreError;
pub use glances::{CommitGlance, OperationGlance};
pub use index::{IndexChange, IndexPage, StaleIndex, change_key, piece_key};
pub use legacy::{Legacy, LegacyCommit, LegacyVolume, is_legacy_volume, legacy_files, read_legacy};
pub use metadata::Store;
pub use records_log::rebuild::{Rebuildable, SecondCopy};
pub use records_log::records::LoggedRecords;
pub use rows::Rows;
pub use trash_schedule::TrashSchedule;
pub use trash_size::{read_trash_size, write_trash_size};
pub use write::Writer;
