//! Copying a tree for an operation: stopped by an interrupt, measured for who wants to watch.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::error::Error;
use crate::pool::Pool;
use crate::sys::error::DiskError;
use crate::sys::tree::{self, Bounds, CopyOptions, CopyStats, FileTime, Progress, Usage};

/// Nobody needs to watch what is over sooner.
const SOON: Duration = Duration::from_millis(500);

/// Somebody who watches copies.
pub trait Watcher: Send + Sync {
    /// A copy has been going on for half a second; so much is to be done in all, where it could be measured.
    fn start(&self, total: Option<Usage>);
    /// So many bytes and entries are done; told now and then, from several threads, also before `start`.
    fn at(&self, bytes: u64, entries: u64);
    /// It is over.
    fn end(&self);
}

/// A tree to be copied into staging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// The tree, in full.
    pub source: PathBuf,
    /// The empty directory that becomes its copy, in full.
    pub staged: PathBuf,
}

impl Pool {
    /// What a copy should be made with: it ends when the run is interrupted.
    pub fn copy_options(&self) -> CopyOptions {
        let progress = self.options.watcher.clone().map(|watcher| {
            let told: Progress = Arc::new(move |bytes, entries| watcher.at(bytes, entries));
            told
        });
        CopyOptions { cancel: Some(self.interrupted()), progress, ..CopyOptions::default() }
    }

    /// Syncs the file system, and gives the bounds of what is known from here on: a store through an old mapping leaves its
    /// mark on a file only after its page was written out. Done before an operation writes anything, it costs
    /// what others have written, and nothing where they have not.
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

    /// Copies `source` into the empty directory `target`, and gives the bounds of what is known of the copy.
    ///
    /// # Errors
    /// As [`Pool::copy_tree`].
    pub fn copy_known(&self, source: &Path, target: &Path) -> Result<Bounds, DiskError> {
        let begun = Bounds::now();
        self.copy_tree(source, target)?;
        Ok(Bounds { changed: FileTime::a_tick_after(FileTime::fine()), ..begun })
    }

    /// Copies trees into staging, when there is space for all of them.
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

    /// Runs `copy`, which copies the tree `source`, and lets the watcher see it.
    pub fn watched<T>(&self, source: &Path, copy: impl FnOnce() -> T) -> T {
        let Some(watcher) = &self.options.watcher else { return copy() };
        let (over, wait) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let starter = scope.spawn(move || {
                if let Err(RecvTimeoutError::Timeout) = wait.recv_timeout(SOON) {
                    // A walk beside the copy costs little, and a bar needs an end.
                    watcher.start(tree::measure_tree(source).ok());
                }
            });
            let result = copy();
            drop(over);
            // Else it might begin to be shown after its end.
            let _ = starter.join();
            watcher.end();
            result
        })
    }
}
