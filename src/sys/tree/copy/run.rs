//! The state of one copy, which the walker and the workers share.

use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::content::Ladder;
use super::directory::Directory;
use super::first_pass::MarkedCopies;
use super::links::Links;
use super::options::{CopyOptions, CopyStats};
use super::queue::Queue;
use super::reuse::{Keep, Update};
use crate::sys::error::DiskError;
use crate::sys::fault;
use crate::sys::tree::entry::attributes;
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::flags::Flags;
use crate::sys::tree::entry::names::NameList;

/// Batches that may wait for a worker; each holds two directory handles.
const QUEUED_BATCHES: usize = 64;

/// A piece of work: some entries of one directory, none of them a directory.
pub(in crate::sys::tree) struct CopyBatch {
    pub(in crate::sys::tree) directory: Arc<Directory>,
    pub(in crate::sys::tree) names: NameList,
}

/// The shared state of the threads of one copy.
pub(in crate::sys::tree) struct CopyRun<'a> {
    pub(in crate::sys::tree) src: &'a Path,
    pub(in crate::sys::tree) dst: &'a Path,
    pub(in crate::sys::tree) ladder: Ladder,
    pub(in crate::sys::tree) update: &'a Update<'a>,
    /// In a first pass, the place of the copied files; the pass makes nothing else.
    pub(in crate::sys::tree) first_pass_into: Option<&'a MarkedCopies>,
    pub(in crate::sys::tree) links: Links,
    pub(in crate::sys::tree) queue: Queue<CopyBatch>,
    pub(in crate::sys::tree) options: &'a CopyOptions,
    stopped: AtomicBool,
    error: Mutex<Option<DiskError>>,
    stats: Mutex<CopyStats>,
    bytes: AtomicU64,
    entries: AtomicU64,
}

impl<'a> CopyRun<'a> {
    pub(in crate::sys::tree) fn new(
        src: &'a Path,
        dst: &'a Path,
        options: &'a CopyOptions,
        ladder: Ladder,
        update: &'a Update<'a>,
    ) -> Result<Self, DiskError> {
        Ok(CopyRun {
            src,
            dst,
            update,
            first_pass_into: None,
            options,
            ladder,
            links: Links::new(dst, update.links)?,
            queue: Queue::new(QUEUED_BATCHES),
            stopped: AtomicBool::new(false),
            error: Mutex::new(None),
            stats: Mutex::new(CopyStats::default()),
            bytes: AtomicU64::new(0),
            entries: AtomicU64::new(0),
        })
    }

    /// Makes this run a first pass, which copies files into `copies` and does nothing else.
    pub(in crate::sys::tree) fn first_pass(self, copies: &'a MarkedCopies) -> Self {
        CopyRun { first_pass_into: Some(copies), ..self }
    }
}

impl CopyRun<'_> {
    /// Ends the copy; the first error counts.
    pub(in crate::sys::tree) fn fail(&self, error: DiskError) {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stop();
    }

    pub(in crate::sys::tree) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.queue.close();
    }

    /// Returns a guard for a thread: if the thread panics, the others must not wait for it.
    pub(in crate::sys::tree) fn stop_on_panic(&self) -> StopOnPanic<'_> {
        StopOnPanic(self)
    }

    /// Returns whether to go on. Notices a cancellation.
    pub(in crate::sys::tree) fn goes_on(&self) -> bool {
        if self.options.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            let cancelled = io::Error::new(io::ErrorKind::Interrupted, "cancelled");
            self.fail(DiskError::new("copy", self.src, cancelled));
        }
        !self.stopped.load(Ordering::Relaxed)
    }

    /// Counts work done, and reports the progress.
    pub(in crate::sys::tree) fn progress(&self, bytes: u64, entries: u64) {
        if let Some(tell) = &self.options.progress {
            let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
            let entries = self.entries.fetch_add(entries, Ordering::Relaxed) + entries;
            tell(bytes, entries);
        }
    }

    pub(in crate::sys::tree) fn add(&self, stats: &CopyStats) {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) += stats;
    }

    /// Returns one share of `directory`; the last share sets the copy's attributes.
    pub(in crate::sys::tree) fn release(
        &self,
        directory: Arc<Directory>,
        scratch: &mut Scratch,
    ) -> Result<(), DiskError> {
        Directory::release(directory, |last| {
            if !self.goes_on() || self.first_pass_into.is_some() || last.is_bare {
                return Ok(());
            }
            fault::point("tree.attributes")
                .and_then(|()| match self.update.keep {
                    Keep::Nothing => Ok(()),
                    // So far it may be a copy of another entry.
                    Keep::All => Ok(attributes::clear_inherited(&last.to, scratch)?),
                })
                .and_then(|()| Flags::of(&last.from).put(&last.to, &self.options.refused_flags))
                .and_then(|()| attributes::apply(&last.to, &last.stat, last.from.as_fd(), scratch))
                .map_err(|error| DiskError::new("set the attributes of", last.path(self.dst, c""), error))
        })
    }

    pub(in crate::sys::tree) fn finish(self) -> Result<CopyStats, DiskError> {
        let removed = self.links.remove();
        if let Some(error) = self.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        removed?;
        Ok(self.stats.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(in crate::sys::tree) struct StopOnPanic<'a>(&'a CopyRun<'a>);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}
