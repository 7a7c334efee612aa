//! Disk errors: the action, the path, and the kernel's reason.

use std::io;
use std::path::{Path, PathBuf};

/// Reports a failed call on a file or a directory.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct DiskError {
    /// The action, as a verb phrase: "open", "rename to commits/…".
    pub action: &'static str,
    /// The path that the action was tried on.
    pub path: PathBuf,
    /// The kernel's answer.
    pub source: io::Error,
}

impl DiskError {
    /// Wraps `source`, the answer to `action` on `path`.
    pub fn new(action: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        DiskError { action, path: path.into(), source: source.into() }
    }

    /// Returns whether the file system is full (`ENOSPC`) or the quota is used up (`EDQUOT`).
    pub fn is_no_space(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// Adds the action and the path to the error of a disk call.
pub trait At<T> {
    /// Names `action` and `path` in the error.
    fn at(self, action: &'static str, path: &Path) -> Result<T, DiskError>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, DiskError> {
        self.map_err(|source| DiskError::new(action, path, source))
    }
}
