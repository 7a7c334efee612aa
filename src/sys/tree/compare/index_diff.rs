//! Finds what differs between a tree and another by a stat index, with one look at each entry.
//!
//! One thread reads the directories of both trees side by side, several look at entries. Unlike
//! `walk` it reads no content: an entry that the index does not know to be unchanged counts as
//! different. Only an entry that was too young for the index to be sure, as many are for a while
//! where times are whole seconds, is compared by its content.
//!
//! Where no index serves, the same walk compares the content of every entry and makes one
//! ([`learn_equal`]).

use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

use rustix::fs::{Access, AtFlags, FileType, accessat};
use rustix::io::Errno;

use super::difference::{CompareBuffers, entries_differ};
use super::path_set::PathSet;
use super::walk::PairedName;
use crate::sys::error::{At as _, DiskError};
use crate::sys::obstacle::Obstacle;
use crate::sys::tree::copy::options::CopyOptions;
use crate::sys::tree::copy::queue::{Queue, workers};
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::handle::{Node, Stat, mounted, open_directory, open_root, refusal};
use crate::sys::tree::entry::names::{DirectoryReader, NameList, SortedNames};
use crate::sys::tree::entry::values::EntryAttributes;
use crate::sys::tree::exchange::list::{ListRecord, ListedDirectory, Step};
use crate::sys::tree::index::{DirectoryIndex, HASH_BYTES, Index, NoIndex, Verdict, can_be_known, hash};
use crate::sys::tree::times::Bounds;

/// Entries in a batch.
const BATCH_ENTRIES: usize = 512;
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

/// A directory of both trees. It is done when the last of its entries is.
struct DirectoryPair {
    parent: Option<Arc<DirectoryPair>>,
    path: PathBuf,
    handles: [Arc<OwnedFd>; 2],
    stats: [Stat; 2],
    known: Option<Arc<DirectoryIndex>>,
    /// Number of names in the source.
    entries: AtomicU64,
    /// Whether something in it differs; below, whether something beneath it does.
    differs: AtomicBool,
    differs_beneath: AtomicBool,
}

/// Some entries of one directory.
struct DiffBatch {
    pair: Arc<DirectoryPair>,
    /// Entries of the source, except directories that both sides have.
    wanted: NameList,
    /// Entries that only the tree has.
    extra: NameList,
}

struct DiffFrame {
    pair: Arc<DirectoryPair>,
    sides: [SortedNames<Arc<OwnedFd>>; 2],
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

/// How the entry of the tree compares with the source's.
enum Likeness {
    /// The index knows that it is equal.
    Known,
    /// Their contents were compared and are equal; this is the hash of the entry.
    Compared([u8; HASH_BYTES]),
    /// They differ, or the tree's is too young to be sure.
    Differs,
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

    fn pair(
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

    fn walk(&self, root: Arc<DirectoryPair>) -> Result<(), DiskError> {
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

    fn count(&self, unchanged: Unchanged) {
        self.entries.fetch_add(unchanged.entries, Ordering::Relaxed);
        self.files.fetch_add(unchanged.files, Ordering::Relaxed);
        self.progress(unchanged.entries);
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

    /// Runs a thread that looks at what the walk hands out.
    fn look(&self) {
        let _guard = CloseOnPanic(self);
        let mut scratch = Scratch::default();
        let stop = || !self.goes_on();
        let mut buffers = CompareBuffers::stopped_by(Some(&stop));
        while let Some(batch) = self.queue.pop() {
            if !self.goes_on() {
                break;
            }
            if let Err(error) = self.batch(batch, &mut scratch, &mut buffers) {
                self.fail(error);
            }
        }
    }

    /// Judges the tree's entry `name`, which is `stat`. Compares contents if the entry was too
    /// young for the index and is old enough now, or if all are to be compared.
    fn likeness(
        &self,
        pair: &DirectoryPair,
        name: &CStr,
        stat: &Stat,
        buffers: &mut CompareBuffers<'_>,
    ) -> Result<Likeness, DiskError> {
        let known = pair.known.as_ref().map_or(Verdict::Unknown, |known| known.judge(name, stat));
        let is_wanted = known == Verdict::Young || matches!(self.task, Task::Learn(_)) && can_be_known(stat);
        if known == Verdict::Unchanged {
            return Ok(Likeness::Known);
        }
        // Soon the index would trust a younger one, whatever happens to it after this look.
        if !is_wanted || !stat.is_safely_before(&self.begun) {
            return Ok(Likeness::Differs);
        }
        let open = |side: usize| match Node::open(pair.handles[side].as_fd(), name) {
            Err(Errno::NOENT) => Ok(None),
            other => other.map(Some).map_err(|errno| refusal("open", self.full(side, pair, name), errno)),
        };
        let [Some(tree), Some(source)] = [open(0)?, open(1)?] else { return Ok(Likeness::Differs) };
        let is_alike = |one: &Stat| (one.kind, one.links, one.times.last_modification);
        if is_alike(&tree.stat) != is_alike(&source.stat)
            || !tree.stat.same_mount(&pair.stats[0])
            || !tree.stat.is_safely_before(&self.begun)
        {
            return Ok(Likeness::Differs);
        }
        let differ = entries_differ(&source, &tree, buffers).map_err(|failure| {
            refusal(failure.action, self.full(1 - failure.side, pair, name), failure.error)
        })?;
        Ok(if differ.is_none() { Likeness::Compared(hash(name, &tree.stat)) } else { Likeness::Differs })
    }

    fn full(&self, side: usize, pair: &DirectoryPair, name: &CStr) -> PathBuf {
        self.roots[side].join(&pair.path).join(OsStr::from_bytes(name.to_bytes()))
    }

    fn batch(
        &self,
        batch: DiffBatch,
        scratch: &mut Scratch,
        buffers: &mut CompareBuffers<'_>,
    ) -> Result<(), DiskError> {
        let DiffBatch { pair, wanted, extra } = batch;
        let (mut steps, mut unchanged) = (Vec::new(), Unchanged::default());
        let mut compared = Vec::new();
        for (index, name) in (0..wanted.len()).filter_map(|index| Some((index, wanted.get(index)?))) {
            let there = self.stat(&pair, name)?;
            let new_is_directory = wanted.kind(index) == FileType::Directory;
            // The index may know a file of another commit, where the source has a directory.
            if let Some(stat) = &there
                && !new_is_directory
            {
                let likeness = self.likeness(&pair, name, stat, buffers)?;
                if let Likeness::Compared(hash) = &likeness {
                    compared.extend_from_slice(hash);
                }
                if !matches!(likeness, Likeness::Differs) {
                    unchanged.entries += 1;
                    unchanged.files += u64::from(stat.kind == FileType::RegularFile);
                    continue;
                }
            }
            self.check_flags(&pair, name, there.as_ref())?;
            steps.push(self.step(&pair, name, new_is_directory.into(), there.as_ref())?);
        }
        for name in (0..extra.len()).filter_map(|index| extra.get(index)) {
            if let Some(stat) = self.stat(&pair, name)? {
                self.check_flags(&pair, name, Some(&stat))?;
                steps.push(self.step(&pair, name, Comes::Nothing, Some(&stat))?);
            }
        }
        self.count(unchanged);
        match &self.task {
            Task::Learn(learn) if !compared.is_empty() => {
                (learn.lock().unwrap_or_else(PoisonError::into_inner))(&pair.path, &compared)?;
            }
            Task::Learn(_) => {}
            Task::Tell(_) if steps.is_empty() => {}
            Task::Tell(_) => {
                pair.differs.store(true, Ordering::Relaxed);
                self.tell(ListRecord::Steps(pair.path.clone(), steps))?;
            }
        }
        self.release(pair, scratch)
    }

    fn stat(&self, pair: &DirectoryPair, name: &CStr) -> Result<Option<Stat>, DiskError> {
        let full = || self.full(0, pair, name);
        match Stat::of_name(pair.handles[0].as_fd(), name) {
            Err(Errno::NOENT) => Ok(None),
            Ok(stat) if !stat.same_mount(&pair.stats[0]) => Err(mounted(full())),
            other => other.map(Some).map_err(|errno| refusal("read the attributes of", full(), errno)),
        }
    }

    fn step(
        &self,
        pair: &DirectoryPair,
        name: &CStr,
        comes: Comes,
        old: Option<&Stat>,
    ) -> Result<Step, DiskError> {
        let number = old.map(|stat| stat.number_of(pair.handles[0].as_fd(), name)).transpose();
        Ok(Step {
            name: name.to_owned(),
            new: (comes != Comes::Nothing).then_some(0),
            old: number
                .map_err(|errno| refusal("read the attributes of", self.full(0, pair, name), errno))?,
            new_is_directory: comes == Comes::Directory,
            old_is_directory: old.is_some_and(|stat| stat.kind == FileType::Directory),
        })
    }

    /// Refuses an entry that cannot leave the tree, while nothing is moved yet.
    fn check_flags(&self, pair: &DirectoryPair, name: &CStr, entry: Option<&Stat>) -> Result<(), DiskError> {
        if matches!(self.task, Task::Learn(_)) {
            return Ok(());
        }
        if entry.is_some_and(|stat| stat.is_subvolume_in(&pair.stats[0]))
            && is_read_only(pair.handles[0].as_fd(), name)
        {
            return Err(Obstacle::ReadOnly.refuse("replace", &self.full(0, pair, name)));
        }
        if let Some(obstacle) = entry.and_then(Stat::flag) {
            return Err(obstacle.refuse("replace", &self.full(0, pair, name)));
        }
        match pair.stats[0].flag() {
            Some(obstacle) => Err(obstacle.refuse("change", &self.roots[0].join(&pair.path))),
            None => Ok(()),
        }
    }

    fn tell(&self, record: ListRecord) -> Result<(), DiskError> {
        match &self.task {
            Task::Tell(tell) => (tell.lock().unwrap_or_else(PoisonError::into_inner))(record),
            Task::Learn(_) => Ok(()),
        }
    }

    fn progress(&self, entries: u64) {
        if let Some(tell) = &self.options.progress {
            tell(0, self.met.fetch_add(entries, Ordering::Relaxed) + entries);
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
}

/// What comes to the place of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comes {
    Nothing,
    Directory,
    Other,
}

impl From<bool> for Comes {
    fn from(is_directory: bool) -> Self {
        if is_directory { Comes::Directory } else { Comes::Other }
    }
}

impl DirectoryPair {
    /// Returns whether the tree's directory is the root of a subvolume of btrfs.
    fn is_subvolume(&self) -> bool {
        self.parent.as_ref().is_some_and(|parent| self.stats[0].is_subvolume_in(&parent.stats[0]))
    }
}

/// Returns whether an entry is in a read-only subvolume.
fn is_read_only(directory: BorrowedFd<'_>, name: &CStr) -> bool {
    accessat(directory, name, Access::WRITE_OK, AtFlags::empty()) == Err(Errno::ROFS)
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
