//! Copying a tree for an operation: an interrupt ends it, and a watcher sees its progress.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::error::Error;
use crate::pool::{Notice, Pool};
use crate::sys::error::DiskError;
use crate::sys::tree::{self, Bounds, CopyOptions, CopyStats, FileTime, Progress, Usage};

/// How long a copy runs before its watcher hears of it.
const WATCH_AFTER: Duration = Duration::from_millis(500);

/// Watches long copies.
pub trait Watcher: Send + Sync {
    /// Reports work on a tree that has been running for half a second, and the size of the tree if
    /// it could be measured.
    fn start(&self, work: Work, total: Option<Usage>);
    /// Reports how much has been done so far. Called from several threads, also before `start`.
    fn at(&self, bytes: u64, entries: u64);
    /// Reports the end of the work.
    fn end(&self);
}

/// Says what is done to a tree, for a watcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Copies the tree.
    Copy,
    /// Reads the tree for a push, which sends what the remote lacks.
    Read,
    /// Writes the tree from what came from a remote or was here.
    Write,
}

/// A tree that is to be copied into staging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// Full path of the tree.
    pub source: PathBuf,
    /// Full path of the empty directory that becomes the copy.
    pub staged: PathBuf,
}

impl Pool {
    /// Makes the options of a copy, so that an interrupt ends it.
    pub fn copy_options(&self) -> CopyOptions {
        let progress = self.options.watcher.clone().map(|watcher| {
            let told: Progress = Arc::new(move |bytes, entries| watcher.at(bytes, entries));
            told
        });
        let refused_flags = Arc::clone(&self.refused_flags);
        CopyOptions { cancel: Some(self.interrupted()), progress, refused_flags, ..CopyOptions::default() }
    }

    /// Tells once for an operation which flags of chattr(1) the file system refused.
    pub(in crate::pool) fn tell_refused_flags(&self) {
        if let Some((entries, flags)) = self.refused_flags.take() {
            self.tell(&Notice::RefusedFlags { entries, flags });
        }
    }

    /// Syncs the file system, and returns bounds from which on an index can trust times: a store
    /// through an old mapping changes a file's times only after its page was written out. Called
    /// before an operation writes, this costs only what other processes have written.
    ///
    /// # Errors
    /// When the kernel reports an earlier or present failure to write.
    pub fn sync_and_bound(&self) -> Result<Bounds, DiskError> {
        let begun = Bounds::now();
        tree::sync_filesystem(self.layout.root())?;
        Ok(begun)
    }

    /// Copies `source` into the empty directory `target`.
    ///
    /// # Errors
    /// When something cannot be read or written, or the run is interrupted.
    pub fn copy_tree(&self, source: &Path, target: &Path) -> Result<CopyStats, DiskError> {
        self.watched(source, || tree::copy_tree(source, target, &self.copy_options()))
    }

    /// Copies `source` into the empty directory `target`, and returns the bounds up to which an
    /// index can trust the copy.
    ///
    /// # Errors
    /// As [`Pool::copy_tree`].
    pub fn copy_known(&self, source: &Path, target: &Path) -> Result<Bounds, DiskError> {
        let begun = Bounds::now();
        self.copy_tree(source, target)?;
        Ok(Bounds { changed: FileTime::a_tick_after(FileTime::fine()), ..begun })
    }

    /// Copies trees into staging, if there is space for all of them.
    ///
    /// # Errors
    /// When the space does not suffice or a copy fails.
    pub fn fill<'f>(&self, fills: impl IntoIterator<Item = &'f Fill>) -> Result<(), Error> {
        let fills: Vec<&Fill> = fills.into_iter().collect();
        self.check_space(fills.iter().map(|fill| &*fill.source))?;
        for fill in fills {
            self.copy_tree(&fill.source, &fill.staged)?;
        }
        Ok(())
    }

    /// Runs `copy`, which copies the tree `source`, and reports it to the watcher.
    pub fn watched<T>(&self, source: &Path, copy: impl FnOnce() -> T) -> T {
        self.watched_as(Work::Copy, || tree::measure_tree(source).ok(), copy)
    }

    /// Runs `copy`, and reports it to the watcher with the size that `measure` finds.
    pub(in crate::pool) fn watched_as<T>(
        &self,
        work: Work,
        measure: impl FnOnce() -> Option<Usage> + Send,
        copy: impl FnOnce() -> T,
    ) -> T {
        let Some(watcher) = &self.options.watcher else { return copy() };
        let (over, wait) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let starter = scope.spawn(move || {
                if let Err(RecvTimeoutError::Timeout) = wait.recv_timeout(WATCH_AFTER) {
                    // A walk beside the copy costs little, and a bar needs an end.
                    watcher.start(work, measure());
                }
            });
            let result = copy();
            drop(over);
            // Otherwise the watcher could hear of the start after the end.
            let _ = starter.join();
            watcher.end();
            result
        })
    }
}
