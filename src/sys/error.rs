//! Errors of the disk: what was tried, on which path, and why the kernel refused.

use std::io;
use std::path::{Path, PathBuf};

/// A failed call on a file or a directory.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct DiskError {
    /// What was tried, as a verb phrase: "open", "rename to commits/…".
    pub action: &'static str,
    /// The path that it was tried on.
    pub path: PathBuf,
    /// What the kernel answered.
    pub source: io::Error,
}

impl DiskError {
    /// Wraps `source`, the answer to `action` on `path`.
    pub fn new(action: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        DiskError { action, path: path.into(), source: source.into() }
    }

    /// Whether the file system is full (ENOSPC) or the quota is used up (EDQUOT).
    pub fn is_no_space(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// Adds the path and the verb to the errors of one disk call.
pub trait At<T> {
    /// Names `action` and `path` in the error.
    fn at(self, action: &'static str, path: &Path) -> Result<T, DiskError>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, DiskError> {
        self.map_err(|source| DiskError::new(action, path, source))
    }
}
