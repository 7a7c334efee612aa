//! Finds what differs between a tree and another by a stat index, with one look at each entry.
//!
//! One thread reads the directories of both trees side by side, several look at entries. Unlike
//! [`walk`](super::walk) it reads no content: an entry that the index does not know to be
//! unchanged counts as different. Only an entry that was too young for the index to be sure, as
//! many are for a while where times are whole seconds, is compared by its content.
//!
//! Where no index serves, the same walk compares the content of every entry and makes one
//! ([`learn_equal`]).
//!
//! | file | what it does |
//! | --- | --- |
//! | `pairs` | reads both trees' directories in pairs, and hands out their entries |
//! | `judge` | says which entries are equal, and what must be done about the others |

mod judge;
mod pairs;

use std::ffi::{CStr, OsStr};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

use pairs::{DiffBatch, DirectoryPair};

use super::path_set::PathSet;
use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::copy::options::CopyOptions;
use crate::sys::tree::copy::queue::{Queue, workers};
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::handle::open_root;
use crate::sys::tree::entry::values::EntryAttributes;
use crate::sys::tree::exchange::list::{ListRecord, ListedDirectory};
use crate::sys::tree::index::{Index, NoIndex};
use crate::sys::tree::times::Bounds;

/// Batches that may wait for a thread; each holds two directory handles.
const QUEUED_BATCHES: usize = 64;

/// Receives what differs. The inode of an entry that comes is not known yet: it is 0.
pub(in crate::sys::tree) type Tell<'t> = dyn FnMut(ListRecord) -> Result<(), DiskError> + Send + 't;

/// Receives hashes for an index, and the path of their directory relative to the root.
pub type Learn<'l> = dyn FnMut(&Path, &[u8]) -> Result<(), DiskError> + Send + 'l;

/// Counts entries that are unchanged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::sys::tree) struct Unchanged {
    /// Entries other than directories.
    pub(in crate::sys::tree) entries: u64,
    /// Regular files among them.
    pub(in crate::sys::tree) files: u64,
}

/// Reports what must be done to `tree` to make it equal to the tree `source`. If other processes
/// write to `tree` meanwhile, the report of each entry is of some moment.
pub(in crate::sys::tree) fn diff_by_index(
    source: &Path,
    tree: &Path,
    index: &dyn Index,
    options: &CopyOptions,
    tell: &mut Tell<'_>,
) -> Result<Unchanged, DiskError> {
    diff_within(None, [tree, source], index, options, tell)
}

/// Reports as [`diff_by_index`] does, but only what is among the paths of `only`. A directory that
/// leads to one of them must be there in both trees, and keeps its own attributes.
pub(in crate::sys::tree) fn diff_within(
    only: Option<&PathSet>,
    roots: [&Path; 2],
    index: &dyn Index,
    options: &CopyOptions,
    tell: &mut Tell<'_>,
) -> Result<Unchanged, DiskError> {
    IndexDiff { only, ..IndexDiff::new(roots, index, options, Task::Tell(Mutex::new(tell))) }.run()
}

/// Compares the content of `tree` with that of `source` and reports the entries that are equal, for
/// an index whose bounds were taken before. Other processes may write to `tree` meanwhile.
///
/// # Errors
/// When an entry cannot be read, or `learn` fails; of kind `Interrupted` when it is cancelled.
pub fn learn_equal(
    source: &Path,
    tree: &Path,
    options: &CopyOptions,
    learn: &mut Learn<'_>,
) -> Result<(), DiskError> {
    IndexDiff::new([tree, source], &NoIndex, options, Task::Learn(Mutex::new(learn))).run().map(drop)
}

/// What becomes of the findings.
enum Task<'a> {
    /// What differs is reported.
    Tell(Mutex<&'a mut Tell<'a>>),
    /// Every entry is compared, and what is equal is reported.
    Learn(Mutex<&'a mut Learn<'a>>),
}

struct IndexDiff<'a> {
    /// Roots of the tree and of the source, in this order as everywhere here.
    roots: [&'a Path; 2],
    index: &'a dyn Index,
    /// The entries to look at; `None` for all.
    only: Option<&'a PathSet>,
    /// Taken before the first look.
    begun: Bounds,
    options: &'a CopyOptions,
    queue: Queue<DiffBatch>,
    task: Task<'a>,
    stopped: AtomicBool,
    error: Mutex<Option<DiskError>>,
    entries: AtomicU64,
    files: AtomicU64,
    met: AtomicU64,
}

impl<'a> IndexDiff<'a> {
    fn new(roots: [&'a Path; 2], index: &'a dyn Index, options: &'a CopyOptions, task: Task<'a>) -> Self {
        IndexDiff {
            roots,
            index,
            only: None,
            begun: Bounds::now(),
            options,
            queue: Queue::new(QUEUED_BATCHES),
            task,
            stopped: AtomicBool::new(false),
            error: Mutex::new(None),
            entries: AtomicU64::new(0),
            files: AtomicU64::new(0),
            met: AtomicU64::new(0),
        }
    }

    fn run(self) -> Result<Unchanged, DiskError> {
        let [tree, source] = self.roots;
        let root = self.pair(None, PathBuf::new(), [open_root(tree)?, open_root(source)?])?;
        thread::scope(|scope| {
            for _ in 0..workers(self.options.workers) {
                scope.spawn(|| self.look());
            }
            let _guard = CloseOnPanic(&self);
            if let Err(error) = self.walk(root) {
                self.fail(error);
            }
            self.queue.close();
        });
        if let Some(error) = self.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        Ok(Unchanged { entries: self.entries.into_inner(), files: self.files.into_inner() })
    }
}

impl IndexDiff<'_> {
    fn fail(&self, error: DiskError) {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stopped.store(true, Ordering::Relaxed);
        self.queue.close();
    }

    fn goes_on(&self) -> bool {
        if self.options.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            let cancelled = io::Error::new(io::ErrorKind::Interrupted, "cancelled");
            self.fail(DiskError::new("copy", self.roots[1], cancelled));
        }
        !self.stopped.load(Ordering::Relaxed)
    }

    /// Reads the attributes of a directory of the tree and of the source.
    fn attributes(
        &self,
        pair: &DirectoryPair,
        scratch: &mut Scratch,
    ) -> Result<(EntryAttributes, EntryAttributes), DiskError> {
        let mut of = |side: usize| {
            EntryAttributes::of(pair.handles[side].as_fd(), &pair.stats[side], scratch)
                .at("read the attributes of", &self.roots[side].join(&pair.path))
        };
        Ok((of(0)?, of(1)?))
    }

    fn count(&self, unchanged: Unchanged) {
        self.entries.fetch_add(unchanged.entries, Ordering::Relaxed);
        self.files.fetch_add(unchanged.files, Ordering::Relaxed);
        self.progress(unchanged.entries);
    }

    fn progress(&self, entries: u64) {
        if let Some(tell) = &self.options.progress {
            tell(0, self.met.fetch_add(entries, Ordering::Relaxed) + entries);
        }
    }

    fn tell(&self, record: ListRecord) -> Result<(), DiskError> {
        match &self.task {
            Task::Tell(tell) => (tell.lock().unwrap_or_else(PoisonError::into_inner))(record),
            Task::Learn(_) => Ok(()),
        }
    }

    /// Returns one share of `pair`. After the last share, reports the directory itself, and so on
    /// for its parents.
    fn release(&self, pair: Arc<DirectoryPair>, scratch: &mut Scratch) -> Result<(), DiskError> {
        let mut current = Some(pair);
        while let Some(mut last) = current.and_then(Arc::into_inner) {
            let (before, mut after) = self.attributes(&last, scratch)?;
            if self.only.is_some_and(|only| !only.covers(&last.path)) {
                after = before.clone();
            }
            let differs = last.differs.load(Ordering::Relaxed) || before.differs(&after);
            if last.parent.is_some() {
                self.progress(1);
            }
            if differs || last.differs_beneath.load(Ordering::Relaxed) {
                if let Some(parent) = &last.parent {
                    parent.differs_beneath.store(true, Ordering::Relaxed);
                }
                let (path, entries) = (last.path.clone(), last.entries.load(Ordering::Relaxed));
                let after = differs.then_some(after);
                self.tell(ListRecord::Directory(ListedDirectory { path, before, after, entries }))?;
            }
            current = last.parent.take();
        }
        Ok(())
    }

    fn full(&self, side: usize, pair: &DirectoryPair, name: &CStr) -> PathBuf {
        self.roots[side].join(&pair.path).join(OsStr::from_bytes(name.to_bytes()))
    }
}

/// Guards a thread: if it panics, the others must not wait for it.
struct CloseOnPanic<'a, 's>(&'a IndexDiff<'s>);

impl Drop for CloseOnPanic<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stopped.store(true, Ordering::Relaxed);
            self.0.queue.close();
        }
    }
}
