//! Copying a tree: the state of one run, which the walker and the workers share.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::fs::{Mode, fchmod};

use super::attributes::{self, Scratch};
use super::content::Ladder;
use super::directory::Directory;
use super::early::{EarlyCopies, beside};
use super::handle::{Stat, open_root};
use super::index::FileTime;
use super::links::Links;
use super::names::{Names, Reader};
use super::options::{CopyOptions, CopyStats};
use super::queue::Queue;
use super::remove::remove_tree;
use super::reuse::{Beside, Keep, Update};
use super::walker::Walker;
use super::worker::Worker;
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;

/// More threads than this only fight for the same directory and the same disk.
const WORKERS_MAX: usize = 4;
/// Batches that wait for a worker; each holds two directory handles.
const QUEUE: usize = 64;

/// Makes `dst`, which must be an empty directory that nobody else uses, an exact copy of the directory `src`.
///
/// The mode, owner, times and extended attributes of the root are copied too. While it runs, there may be
/// a directory `<dst>.links` beside `dst`; only a killed process leaves it there. Nothing is made durable:
/// see `sync_filesystem`.
///
/// # Errors
/// The first one ends the copy and leaves a part of it in `dst`. Each names the path that it is about. A mount point
/// inside `src` is an error of kind `CrossesDevices`, a copy that was cancelled one of kind `Interrupted`.
pub fn copy_tree(src: &Path, dst: &Path, options: &CopyOptions) -> Result<CopyStats, DiskError> {
    copy_with(src, dst, options, Ladder::new(true, true))
}

/// The same for a `dst` that is partly made, or with entries of a third tree that may be linked: what may
/// be spared is said by `update`. Where `src` has hard links, all names of an inode are made anew.
///
/// # Errors
/// As [`copy_tree`].
pub fn update_tree(
    src: &Path,
    dst: &Path,
    options: &CopyOptions,
    update: &Update<'_>,
) -> Result<CopyStats, DiskError> {
    run(src, dst, options, Ladder::new(true, true), update)
}

/// Copies, ahead of a copy of `src` into `dst`, what was last changed before `settled`, which must lie in the past. Others
/// may write to `src` meanwhile. What is given goes into [`Update::early`] of that copy, which removes no copy that it does not take:
/// they stay in a directory `<dst>.early`, where nothing may be yet.
///
/// # Errors
/// As [`copy_tree`].
pub fn copy_early(
    src: &Path,
    dst: &Path,
    options: &CopyOptions,
    settled: FileTime,
) -> Result<(EarlyCopies, CopyStats), DiskError> {
    let stock = beside(dst);
    let early = EarlyCopies::new(&stock, settled)?;
    let from = open_root(src)?;
    let stat = Stat::of(from.as_fd()).at("read the attributes of", src)?;
    let to = early.handle().try_clone().at("open", &stock)?;
    let root =
        Directory { parent: None, name: CString::default(), from, to, stat, beside: Beside::default() };
    let update = Update::default();
    let run =
        Run { ahead: Some(&early), ..Run::new(src, &stock, options, Ladder::new(true, true), &update)? };
    let stats = run.all(root)?;
    Ok((early, stats))
}

/// Removes what a first pass for `dst` left: all that was not taken.
///
/// # Errors
/// What cannot be removed.
pub fn discard_early(dst: &Path) -> Result<(), DiskError> {
    remove_tree(&beside(dst))
}

pub(super) fn copy_with(
    src: &Path,
    dst: &Path,
    options: &CopyOptions,
    ladder: Ladder,
) -> Result<CopyStats, DiskError> {
    run(src, dst, options, ladder, &Update::default())
}

fn run(
    src: &Path,
    dst: &Path,
    options: &CopyOptions,
    ladder: Ladder,
    update: &Update<'_>,
) -> Result<CopyStats, DiskError> {
    let root = open_roots(src, dst, update)?;
    Run::new(src, dst, options, ladder, update)?.all(root)
}

/// Copies some entries of one directory. Its own attributes stay as they are.
pub(super) fn copy_batch(
    src: &Path,
    dst: &Path,
    batch: Batch,
    options: &CopyOptions,
    update: &Update<'_>,
) -> Result<CopyStats, DiskError> {
    let run = Run::new(src, dst, options, Ladder::new(true, true), update)?;
    // The last share stays with us, so nobody finishes the directory.
    let _share = Arc::clone(&batch.directory);
    run.queue.push(batch);
    run.queue.close();
    Worker::new(&run).work();
    run.finish()
}

/// A piece of work: some entries of one directory that are no directories.
pub(super) struct Batch {
    pub(super) directory: Arc<Directory>,
    pub(super) names: Names,
}

/// What the threads of one copy share.
pub(super) struct Run<'a> {
    pub(super) src: &'a Path,
    pub(super) dst: &'a Path,
    pub(super) ladder: Ladder,
    pub(super) update: &'a Update<'a>,
    /// This is a first pass: files are copied to there, and nothing else is.
    pub(super) ahead: Option<&'a EarlyCopies>,
    pub(super) links: Links,
    pub(super) queue: Queue<Batch>,
    options: &'a CopyOptions,
    stopped: AtomicBool,
    error: Mutex<Option<DiskError>>,
    stats: Mutex<CopyStats>,
    bytes: AtomicU64,
    entries: AtomicU64,
}

impl<'a> Run<'a> {
    fn new(
        src: &'a Path,
        dst: &'a Path,
        options: &'a CopyOptions,
        ladder: Ladder,
        update: &'a Update<'a>,
    ) -> Result<Self, DiskError> {
        Ok(Run {
            src,
            dst,
            update,
            ahead: None,
            options,
            ladder,
            links: Links::beside(dst)?,
            queue: Queue::new(QUEUE),
            stopped: AtomicBool::new(false),
            error: Mutex::new(None),
            stats: Mutex::new(CopyStats::default()),
            bytes: AtomicU64::new(0),
            entries: AtomicU64::new(0),
        })
    }
}

impl Run<'_> {
    /// Walks the source, and works until all is done.
    fn all(self, root: Directory) -> Result<CopyStats, DiskError> {
        thread::scope(|scope| {
            for _ in 0..workers(self.options.workers) {
                scope.spawn(|| Worker::new(&self).work());
            }
            Walker::new(&self).walk(root);
            self.queue.close();
        });
        self.finish()
    }

    /// Ends the copy; the first error is the one that counts.
    pub(super) fn fail(&self, error: DiskError) {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stop();
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.queue.close();
    }

    /// Held by each thread: one that panics must not leave the others waiting for it.
    pub(super) fn stop_on_panic(&self) -> StopOnPanic<'_> {
        StopOnPanic(self)
    }

    /// Whether to go on. Notices a cancellation.
    pub(super) fn goes_on(&self) -> bool {
        if self.options.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            let cancelled = io::Error::new(io::ErrorKind::Interrupted, "cancelled");
            self.fail(DiskError::new("copy", self.src, cancelled));
        }
        !self.stopped.load(Ordering::Relaxed)
    }

    /// Counts what was done, and tells whoever wants to know.
    pub(super) fn progress(&self, bytes: u64, entries: u64) {
        if let Some(tell) = &self.options.progress {
            let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
            let entries = self.entries.fetch_add(entries, Ordering::Relaxed) + entries;
            tell(bytes, entries);
        }
    }

    pub(super) fn add(&self, stats: &CopyStats) {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) += stats;
    }

    /// Gives back one share of `directory`; the last one puts its attributes on it.
    pub(super) fn release(&self, directory: Arc<Directory>, scratch: &mut Scratch) -> Result<(), DiskError> {
        Directory::release(directory, |last| {
            if !self.goes_on() || self.ahead.is_some() {
                return Ok(());
            }
            fault::point("tree.attributes")
                .and_then(|()| attributes::apply(&last.to, &last.stat, last.from.as_fd(), scratch))
                .map_err(|error| DiskError::new("set the attributes of", last.path(self.dst, c""), error))
        })
    }

    fn finish(self) -> Result<CopyStats, DiskError> {
        let removed = self.links.remove();
        if let Some(error) = self.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        removed?;
        Ok(self.stats.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) struct StopOnPanic<'a>(&'a Run<'a>);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}

fn open_roots(src: &Path, dst: &Path, update: &Update<'_>) -> Result<Directory, DiskError> {
    let from = open_root(src)?;
    let stat = Stat::of(from.as_fd()).at("read the attributes of", src)?;
    let to = open_root(dst)?;
    let mut empty = true;
    let mut reader = Reader::new();
    let check = |_: &CStr, _| {
        empty = false;
        Ok(())
    };
    reader.chunk(to.as_fd(), check).at("read", dst)?;
    if !empty && update.keep == Keep::Nothing {
        return Err(DiskError::new("copy into", dst, io::ErrorKind::DirectoryNotEmpty));
    }
    fault::point("tree.attributes").at("set the attributes of", dst)?;
    fchmod(&to, Mode::RWXU).at("set the mode of", dst)?;
    attributes::clear_inherited(&to, &mut Scratch::default()).at("clear the attributes of", dst)?;
    let beside = Beside::root(update)?;
    let root = Directory { parent: None, name: CString::default(), from, to, stat, beside };
    Ok(root)
}

/// How many threads to use, if so many are `wanted`; 0 chooses by the number of processors.
pub(super) fn workers(wanted: usize) -> usize {
    match wanted {
        0 => thread::available_parallelism().map_or(1, usize::from).min(WORKERS_MAX),
        wanted => wanted,
    }
}
