//! The metadata of one pool: where its files are, and whether there are any.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::StoreError;
use super::legacy::is_legacy_volume;
use super::records_log::log::RecordsLog;
use crate::layout::{self, Layout};
use crate::sys::disk;
use crate::sys::locks::{LockFile, LockGuard, Wait};

/// The metadata of one pool. Holds no file open.
#[derive(Debug)]
pub struct Store {
    pub(super) layout: Layout,
    pub(super) path: PathBuf,
    pub(super) log: RecordsLog,
    lock: LockFile,
    wait: Duration,
}

impl Store {
    /// Names the metadata of the pool at `layout`. A transaction waits at most `wait` for others.
    pub fn new(layout: &Layout, wait: Duration) -> Self {
        Store {
            layout: layout.clone(),
            path: layout.metadata(),
            log: RecordsLog::new(layout),
            lock: LockFile::new(layout.metadata_lock()),
            wait,
        }
    }

    /// Returns the path of the database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the error for a call of redb that failed.
    pub(super) fn failed(&self, action: &'static str, error: impl Into<redb::Error>) -> StoreError {
        StoreError::of(action, &self.path, error)
    }

    /// Makes the error for a database that is damaged.
    pub(super) fn damaged(&self, reason: impl Into<String>) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), reason: reason.into() }
    }

    fn waiting(&self) -> Wait<'_> {
        Wait { what: "the metadata", verb: "transaction", limit: self.wait, notice: &|_| (), cancel: None }
    }

    /// Takes the lock for a writer.
    pub(super) fn exclusive(&self) -> Result<LockGuard, StoreError> {
        Ok(self.lock.exclusive(&self.waiting())?)
    }

    /// Takes the lock for a writer, once no process moves the pool. Gives the lock of the move too,
    /// where there is one: a move waits for this writer then.
    pub(super) fn exclusive_in_place(&self) -> Result<(LockGuard, Option<LockGuard>), StoreError> {
        let moving = self.layout.image_lock();
        loop {
            let guard = self.exclusive()?;
            if !moving.exists() {
                return Ok((guard, None));
            }
            let moving = LockFile::new(&moving);
            if let Some(in_place) = moving.try_shared()? {
                return Ok((guard, Some(in_place)));
            }
            // Readers go on while the pool is moved.
            drop(guard);
            let _ = moving.shared(&Wait { what: "the pool", ..self.waiting() })?;
        }
    }

    /// Waits until the transactions that have begun are over.
    ///
    /// # Errors
    /// When the wait exceeds its limit.
    pub fn wait_for_writers(&self) -> Result<(), StoreError> {
        self.exclusive().map(drop)
    }

    /// Takes the lock for a reader, together with other readers.
    pub(super) fn shared(&self) -> Result<LockGuard, StoreError> {
        Ok(self.lock.shared(&self.waiting())?)
    }

    /// Returns whether there is a database.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none, and the pool shows that there was one.
    pub fn is_there(&self) -> Result<bool, StoreError> {
        if self.path.exists() {
            return Ok(true);
        }
        match self.trace()? {
            None => Ok(false),
            // Another process may have made both meanwhile, the database first.
            Some(_) if self.path.exists() => Ok(true),
            Some(trace) => Err(StoreError::Missing { path: self.path.clone(), trace }),
        }
    }

    /// Finds a file that exists only beside a database.
    fn trace(&self) -> Result<Option<PathBuf>, StoreError> {
        let log = self.log.path();
        if log.exists() {
            return Ok(Some(log.to_path_buf()));
        }
        for name in disk::names_in(self.layout.root())? {
            let directory = self.layout.root().join(&name);
            let point = directory.join(layout::RUNNING_POINT);
            // An older tool's volume has its own metadata beside it, until it is imported.
            let is_older = is_legacy_volume(&directory) && !self.layout.adopted().exists();
            if name != layout::PRIVATE && point.is_symlink() && !is_older {
                return Ok(Some(point));
            }
        }
        Ok(None)
    }
}
