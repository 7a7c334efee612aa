//! Errors of the metadata.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::sys::error::DiskError;
use crate::sys::locks::LockError;

/// A failed transaction; none of its changes were committed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A call of redb failed.
    #[error("cannot {action} the metadata {}: {source}", path.display())]
    Database {
        /// "open", "read", "write", "commit".
        action: &'static str,
        /// The database file.
        path: PathBuf,
        /// redb's error.
        source: Box<redb::Error>,
    },
    /// The file differs from what was written.
    #[error("the metadata {} is damaged ({reason})", path.display())]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// How the damage was noticed.
        reason: String,
    },
    /// The database is missing, and the pool shows that there was one.
    #[error("the metadata {} is missing, and {} shows that there was one", path.display(), trace.display())]
    Missing {
        /// The database file.
        path: PathBuf,
        /// A file that exists only beside a database.
        trace: PathBuf,
    },
    /// A record cannot be decoded.
    #[error("cannot read the record {key} in table {table}: {reason}")]
    Record {
        /// The table.
        table: String,
        /// The record's key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer dvol wrote the database.
    #[error(
        "cannot use the metadata {}: a newer dvol wrote it (schema {found}; this dvol knows {known} and older)",
        path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The database's schema.
        found: u64,
        /// The newest schema that this program knows.
        known: u64,
    },
    /// Another process changed a row after the operation was planned.
    #[error("another process has changed {0} meanwhile")]
    Conflict(String),
    /// The lock of the metadata cannot be taken.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file beside the database cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl StoreError {
    /// Wraps an answer of redb's to `action`: a failed call, or a damaged file.
    pub(super) fn of(action: &'static str, path: &Path, error: impl Into<redb::Error>) -> Self {
        let error = error.into();
        let is_damage = match &error {
            redb::Error::Io(error) => {
                matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof)
            }
            redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableIsNotMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::RepairAborted => true,
            _ => false,
        };
        if is_damage {
            return StoreError::Damaged { path: path.to_path_buf(), reason: error.to_string() };
        }
        StoreError::Database { action, path: path.to_path_buf(), source: Box::new(error) }
    }

    /// Returns whether the metadata must be rebuilt.
    pub fn is_damage(&self) -> bool {
        matches!(self, StoreError::Damaged { .. } | StoreError::Missing { .. } | StoreError::Record { .. })
    }
}
