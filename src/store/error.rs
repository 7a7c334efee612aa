//! What can go wrong with the metadata.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

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
    /// What is in the file is not what was written there.
    #[error("the metadata {} is damaged ({reason})", path.display())]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// How that was noticed.
        reason: String,
    },
    /// There is no database where one must have been.
    #[error("the metadata {} is missing, and {} shows that there was one", path.display(), trace.display())]
    Missing {
        /// The database file.
        path: PathBuf,
        /// What would not be there without it.
        trace: PathBuf,
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

    /// Whether the metadata has to be rebuilt.
    pub fn is_damage(&self) -> bool {
        matches!(self, StoreError::Damaged { .. } | StoreError::Missing { .. } | StoreError::Record { .. })
    }
}
