//! What can go wrong with the metadata.

use std::path::PathBuf;

use crate::sys::error::DiskError;
use crate::sys::locks::LockError;

/// A failed transaction. Nothing of it holds.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// redb refused or failed.
    #[error("cannot {action} the metadata {}: {source}", path.display())]
    Database {
        /// "open", "read", "write", "commit".
        action: &'static str,
        /// The database file.
        path: PathBuf,
        /// redb's answer.
        source: Box<redb::Error>,
    },
    /// The bytes of a record are not what this program wrote.
    #[error("the record {key} in table {table} cannot be read: {reason}")]
    Record {
        /// The table.
        table: String,
        /// The record's key.
        key: String,
        /// What was wrong with it.
        reason: String,
    },
    /// Written by a later version.
    #[error(
        "the metadata {} has schema {found}, this dvol knows {known} and older: use the newer dvol that wrote it",
        path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema.
        found: u64,
        /// The newest schema that is known here.
        known: u64,
    },
    /// A row is not what the operation found when it was planned.
    #[error("the metadata changed meanwhile: {0}")]
    Conflict(String),
    /// `metadata.lock` was not had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file beside the database.
    #[error(transparent)]
    Disk(#[from] DiskError),
}
