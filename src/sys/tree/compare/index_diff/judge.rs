//! Judges entries: which are equal, and what must be done about the others.

use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use rustix::fs::{Access, AtFlags, FileType, accessat};
use rustix::io::Errno;

use super::pairs::{DiffBatch, DirectoryPair};
use super::{CloseOnPanic, IndexDiff, Task, Unchanged};
use crate::sys::error::DiskError;
use crate::sys::obstacle::Obstacle;
use crate::sys::tree::compare::difference::{CompareBuffers, entries_differ};
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::handle::{Node, Stat, mounted, refusal};
use crate::sys::tree::exchange::list::{ListRecord, Step};
use crate::sys::tree::index::{HASH_BYTES, Verdict, can_be_known, hash};

/// How the entry of the tree compares with the source's.
pub(super) enum Likeness {
    /// The index knows that it is equal.
    Known,
    /// Their contents were compared and are equal; this is the hash of the entry.
    Compared([u8; HASH_BYTES]),
    /// They differ, or the tree's is too young to be sure.
    Differs,
}

impl IndexDiff<'_> {
    /// Runs a thread that looks at what the walk hands out.
    pub(super) fn look(&self) {
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
    pub(super) fn likeness(
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

    pub(super) fn stat(&self, pair: &DirectoryPair, name: &CStr) -> Result<Option<Stat>, DiskError> {
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

/// Returns whether an entry is in a read-only subvolume.
fn is_read_only(directory: BorrowedFd<'_>, name: &CStr) -> bool {
    accessat(directory, name, Access::WRITE_OK, AtFlags::empty()) == Err(Errno::ROFS)
}
