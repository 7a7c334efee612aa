//! Reads the directories of both trees side by side, and hands out their entries.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::judge::Likeness;
use super::{IndexDiff, Task, Unchanged};
use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::compare::difference::CompareBuffers;
use crate::sys::tree::compare::walk::PairedName;
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::handle::{Stat, open_directory, refusal};
use crate::sys::tree::entry::names::{DirectoryReader, NameList, SortedNames};
use crate::sys::tree::index::DirectoryIndex;

/// Entries in a batch.
const BATCH_ENTRIES: usize = 512;

/// A directory of both trees. It is done when the last of its entries is.
pub(super) struct DirectoryPair {
    pub(super) parent: Option<Arc<DirectoryPair>>,
    pub(super) path: PathBuf,
    pub(super) handles: [Arc<OwnedFd>; 2],
    pub(super) stats: [Stat; 2],
    pub(super) known: Option<Arc<DirectoryIndex>>,
    /// Number of names in the source.
    pub(super) entries: AtomicU64,
    /// Whether something in it differs; below, whether something beneath it does.
    pub(super) differs: AtomicBool,
    pub(super) differs_beneath: AtomicBool,
}

impl DirectoryPair {
    /// Returns whether the tree's directory is the root of a subvolume of btrfs.
    fn is_subvolume(&self) -> bool {
        self.parent.as_ref().is_some_and(|parent| self.stats[0].is_subvolume_in(&parent.stats[0]))
    }
}

impl Drop for DirectoryPair {
    /// Drops a long chain of parents without recursion when a comparison ends early.
    fn drop(&mut self) {
        let mut current = self.parent.take();
        while let Some(mut last) = current.and_then(Arc::into_inner) {
            current = last.parent.take();
        }
    }
}

/// Some entries of one directory.
pub(super) struct DiffBatch {
    pub(super) pair: Arc<DirectoryPair>,
    /// Entries of the source, except directories that both sides have.
    pub(super) wanted: NameList,
    /// Entries that only the tree has.
    pub(super) extra: NameList,
}

/// A directory pair that is being read.
struct DiffFrame {
    pair: Arc<DirectoryPair>,
    sides: [SortedNames<Arc<OwnedFd>>; 2],
}

impl IndexDiff<'_> {
    pub(super) fn pair(
        &self,
        parent: Option<Arc<DirectoryPair>>,
        path: PathBuf,
        handles: [OwnedFd; 2],
    ) -> Result<Arc<DirectoryPair>, DiskError> {
        let stat = |side: usize, handle: &OwnedFd| {
            Stat::of(handle.as_fd()).at("read the attributes of", &self.roots[side].join(&path))
        };
        let stats = [stat(0, &handles[0])?, stat(1, &handles[1])?];
        let known = self.index.directory(&path);
        Ok(Arc::new(DirectoryPair {
            parent,
            path,
            handles: handles.map(Arc::new),
            stats,
            known,
            entries: AtomicU64::new(0),
            differs: AtomicBool::new(false),
            differs_beneath: AtomicBool::new(false),
        }))
    }

    pub(super) fn walk(&self, root: Arc<DirectoryPair>) -> Result<(), DiskError> {
        let mut reader = DirectoryReader::new();
        let mut scratch = Scratch::default();
        let mut stack = vec![self.enter(root, &mut reader)?];
        let mut batch: Option<DiffBatch> = None;
        while let Some(frame) = stack.last_mut() {
            if !self.goes_on() {
                return Ok(());
            }
            let Some((name, kinds)) = self.take(frame, &mut reader)? else {
                let frame = stack.pop().expect("the stack is not empty");
                self.send(&mut batch);
                self.release(frame.pair, &mut scratch)?;
                continue;
            };
            if kinds[1].is_some() {
                frame.pair.entries.fetch_add(1, Ordering::Relaxed);
            }
            let are_directories = kinds == [Some(FileType::Directory); 2];
            if !self.is_wanted(&frame.pair, &name, are_directories)? {
                continue;
            }
            let child = if are_directories { self.child(&frame.pair, &name)? } else { None };
            if let Some(child) = child {
                // The kernel moves a subvolume, but nothing out of it: it stays or goes as a whole.
                if !child.is_subvolume() || matches!(self.task, Task::Learn(_)) {
                    self.send(&mut batch);
                    stack.push(self.enter(child, &mut reader)?);
                    continue;
                }
                if self.is_same(child, &mut reader, &mut scratch)? {
                    continue;
                }
            }
            let batch_of = || DiffBatch {
                pair: Arc::clone(&frame.pair),
                wanted: NameList::default(),
                extra: NameList::default(),
            };
            let filled = batch.get_or_insert_with(batch_of);
            let (list, kind) = match kinds[1] {
                Some(kind) => (&mut filled.wanted, kind),
                None => (&mut filled.extra, FileType::Unknown),
            };
            list.push_of(&name, kind).at("read", &self.roots[0].join(&frame.pair.path))?;
            if filled.wanted.len() + filled.extra.len() >= BATCH_ENTRIES {
                self.send(&mut batch);
            }
        }
        Ok(())
    }

    /// Returns whether to look at the entry `name` of a directory.
    fn is_wanted(&self, pair: &DirectoryPair, name: &CStr, are_directories: bool) -> Result<bool, DiskError> {
        let Some(only) = self.only else { return Ok(true) };
        let path = pair.path.join(OsStr::from_bytes(name.to_bytes()));
        if only.covers(&path) {
            return Ok(true);
        }
        let leads = only.leads_through(&path);
        if leads && !are_directories {
            let why = "it is not a directory in both trees";
            let error = io::Error::new(io::ErrorKind::NotADirectory, why);
            return Err(DiskError::new("go through", self.roots[0].join(&path), error));
        }
        Ok(leads)
    }

    fn send(&self, batch: &mut Option<DiffBatch>) {
        if let Some(batch) = batch.take() {
            self.queue.push(batch);
        }
    }

    fn enter(&self, pair: Arc<DirectoryPair>, reader: &mut DirectoryReader) -> Result<DiffFrame, DiskError> {
        let mut side = |side: usize| {
            let read = SortedNames::read(Arc::clone(&pair.handles[side]), reader);
            read.at("read", &self.roots[side].join(&pair.path))
        };
        let sides = [side(0)?, side(1)?];
        Ok(DiffFrame { pair, sides })
    }

    /// Takes the smallest name that is left, with its type on each side that has it.
    fn take(
        &self,
        frame: &mut DiffFrame,
        reader: &mut DirectoryReader,
    ) -> Result<Option<PairedName>, DiskError> {
        let Some(name) = frame.sides.iter().filter_map(SortedNames::peek).min().map(ToOwned::to_owned) else {
            return Ok(None);
        };
        let mut kinds = [None; 2];
        for (index, side) in frame.sides.iter_mut().enumerate() {
            while side.peek() == Some(&name) {
                kinds[index] = Some(match side.kind() {
                    FileType::Unknown => {
                        Stat::of_name(side.handle.as_fd(), &name).map_or(FileType::Unknown, |stat| stat.kind)
                    }
                    kind => kind,
                });
                let advanced = side.advance(reader, |_, _, _| Ok(true));
                advanced.at("read", &self.roots[index].join(&frame.pair.path))?;
            }
        }
        Ok(Some((name, kinds)))
    }

    /// Opens the directory `name` of both; returns `None` if the tree's is no longer a directory.
    fn child(
        &self,
        parent: &Arc<DirectoryPair>,
        name: &CStr,
    ) -> Result<Option<Arc<DirectoryPair>>, DiskError> {
        let path = parent.path.join(OsStr::from_bytes(name.to_bytes()));
        let open = |side: usize| open_directory(parent.handles[side].as_fd(), name);
        let failed = |side: usize, errno| refusal("open", self.roots[side].join(&path), errno);
        let old = match open(0) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            other => other.map_err(|errno| failed(0, errno))?,
        };
        let new = open(1).map_err(|errno| failed(1, errno))?;
        self.pair(Some(Arc::clone(parent)), path, [old, new]).map(Some)
    }

    /// Returns whether nothing differs in a directory and beneath it, and counts its entries then.
    fn is_same(
        &self,
        pair: Arc<DirectoryPair>,
        reader: &mut DirectoryReader,
        scratch: &mut Scratch,
    ) -> Result<bool, DiskError> {
        let stop = || !self.goes_on();
        let mut buffers = CompareBuffers::stopped_by(Some(&stop));
        let mut unchanged = Unchanged::default();
        let mut stack = vec![self.enter(pair, reader)?];
        while let Some(frame) = stack.last_mut() {
            let Some((name, kinds)) = self.take(frame, reader)? else {
                let pair = stack.pop().expect("the stack is not empty").pair;
                let (before, after) = self.attributes(&pair, scratch)?;
                if before.differs(&after) {
                    return Ok(false);
                }
                continue;
            };
            if kinds == [Some(FileType::Directory); 2] {
                let Some(child) = self.child(&frame.pair, &name)? else { return Ok(false) };
                stack.push(self.enter(child, reader)?);
                continue;
            }
            if !matches!(kinds[1], Some(kind) if kind != FileType::Directory) || stop() {
                return Ok(false);
            }
            let Some(stat) = self.stat(&frame.pair, &name)? else { return Ok(false) };
            if matches!(self.likeness(&frame.pair, &name, &stat, &mut buffers)?, Likeness::Differs) {
                return Ok(false);
            }
            unchanged.entries += 1;
            unchanged.files += u64::from(stat.kind == FileType::RegularFile);
        }
        self.count(unchanged);
        Ok(true)
    }
}
