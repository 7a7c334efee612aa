//! A thread that copies the entries of the batches it takes.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, mknodat, openat, readlinkat, renameat_with, symlinkat,
    utimensat,
};
use rustix::io::Errno;

use super::content::{CopiedFile, CopyFailure};
use super::directory::Directory;
use super::first_pass::MarkedCopies;
use super::options::{CopyStats, CopyWay, Rung};
use super::patch::patch_copy;
use super::queue::workers;
use super::reuse::Keep;
use super::run::{CopyBatch, CopyRun};
use crate::sys::error::DiskError;
use crate::sys::fault;
use crate::sys::tree::entry::attributes;
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::flags::Flags;
use crate::sys::tree::entry::handle::{Node, Stat, refusal};
use crate::sys::tree::entry::names::NameList;
use crate::sys::tree::spare::{SPARE_MIN_BYTES, spare_of};

/// Size in bytes of a file during whose copy a worker keeps no other entries waiting.
const LARGE_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of one file after which progress is reported.
const PROGRESS_BYTES: u64 = 16 * 1024 * 1024;

pub(in crate::sys::tree) struct Worker<'a> {
    run: &'a CopyRun<'a>,
    scratch: Scratch,
    buffer: Vec<u8>,
    stats: CopyStats,
    /// Bytes copied and not yet reported.
    untold: u64,
}

/// An entry of the source that is to be copied.
struct CopyEntry<'e> {
    run: &'e CopyRun<'e>,
    directory: &'e Directory,
    name: &'e CStr,
    node: &'e Node,
}

/// What was made for an entry.
enum Made {
    File { from: OwnedFd, to: OwnedFd },
    Other,
}

impl<'a> Worker<'a> {
    pub(in crate::sys::tree) fn new(run: &'a CopyRun<'a>) -> Self {
        let (scratch, buffer, stats) = (Scratch::default(), Vec::new(), CopyStats::default());
        Worker { run, scratch, buffer, stats, untold: 0 }
    }

    pub(in crate::sys::tree) fn work(mut self) {
        let _guard = self.run.stop_on_panic();
        while let Some(batch) = self.run.queue.pop() {
            if !self.run.goes_on() {
                break;
            }
            if let Err(error) = self.batch(batch) {
                self.run.fail(error);
            }
        }
        self.run.add(&self.stats);
    }

    fn batch(&mut self, batch: CopyBatch) -> Result<(), DiskError> {
        let CopyBatch { directory, mut names } = batch;
        let mut index = 0;
        while let Some(name) = names.get(index) {
            if !self.run.goes_on() {
                return Ok(());
            }
            index += 1;
            if self.spare(&directory, name)? {
                continue;
            }
            let Some(node) = self.open(&directory, name)? else { continue };
            self.share(&directory, &mut names, index, node.stat.size);
            let name = names.get(index - 1).expect("it was just there");
            if let Some(early) = self.run.first_pass_into {
                self.copy_ahead(&directory, name, &node, early)?;
                continue;
            }
            self.entry(&CopyEntry { run: self.run, directory: &directory, name, node: &node })?;
        }
        self.run.progress(std::mem::take(&mut self.untold), index as u64);
        self.run.release(directory, &mut self.scratch)
    }

    /// Returns whether the entry is there already and need not be copied.
    fn spare(&mut self, directory: &Directory, name: &CStr) -> Result<bool, DiskError> {
        let failed = |error| DiskError::new("reuse", directory.path(self.run.dst, name), error);
        if let Some(copies) = self.run.update.first_pass.marked()
            && let Some(bytes) =
                copies.take(&directory.from, &directory.stat, &directory.to, name).map_err(failed)?
        {
            self.stats.kept += 1;
            self.stats.kept_bytes += bytes;
            self.untold += bytes;
            return Ok(true);
        }
        let is_there = directory.beside.spare(&directory.to, name, self.run.update).map_err(failed)?;
        self.stats.kept += u64::from(is_there);
        Ok(is_there)
    }

    /// Returns the rest of a batch, after `index`, to the queue: all of it before a large file,
    /// half of it if another worker has nothing to do.
    fn share(&self, directory: &Arc<Directory>, names: &mut NameList, index: usize, size: u64) {
        let left = names.len() - index;
        let given = match size {
            LARGE_BYTES.. => left,
            _ if self.run.queue.is_hungry() => left.div_ceil(2),
            _ => 0,
        };
        if given > 0 {
            let names = names.split_off(names.len() - given);
            self.run.queue.push_front(CopyBatch { directory: Arc::clone(directory), names });
        }
    }

    fn open(&self, directory: &Directory, name: &CStr) -> Result<Option<Node>, DiskError> {
        match Node::open(directory.from.as_fd(), name) {
            Err(Errno::NOENT) => Ok(None),
            // Another kind of entry had that name when it was listed, and that one has vanished.
            Ok(node) if node.stat.kind == FileType::Directory => Ok(None),
            other => {
                other.map(Some).map_err(|errno| refusal("open", directory.path(self.run.src, name), errno))
            }
        }
    }

    /// Copies a file for the first pass, if the copy may be of use.
    fn copy_ahead(
        &mut self,
        directory: &Directory,
        name: &CStr,
        node: &Node,
        early: &MarkedCopies,
    ) -> Result<(), DiskError> {
        let Some(mark) = early.name(&node.stat) else { return Ok(()) };
        let entry = CopyEntry { run: self.run, directory, name, node };
        let from = node.reopen().map_err(|errno| entry.source("open", errno.into()))?;
        fault::point("tree.copy").map_err(|error| entry.target("create", error))?;
        match create(early.handle(), &mark, &node.stat) {
            // The file has moved, and the walk meets it again.
            Err(Errno::EXIST) => Ok(()),
            Ok(to) => {
                self.file(&entry, &from, &to)?;
                early.keep_draft(&mark, &node.stat).map_err(|error| entry.target("create", error))
            }
            Err(errno) => Err(entry.target("create", errno.into())),
        }
    }

    fn entry(&mut self, entry: &CopyEntry<'_>) -> Result<(), DiskError> {
        let CopyEntry { run, directory, name, node } = *entry;
        let made = if node.stat.links > 1 {
            let path = || directory.path(run.dst, name);
            match run.links.join(node.stat.inode, &directory.to, name, || entry.make(), path)? {
                Some(made) => made,
                None => {
                    self.stats.hard_links += 1;
                    return Ok(());
                }
            }
        } else if self.patch_draft(entry)? || self.take_spare(entry)? {
            return Ok(());
        } else {
            entry.make()?
        };
        match made {
            Some(Made::File { from, to }) => self.file(entry, &from, &to),
            Some(Made::Other) => {
                self.stats.others += 1;
                let magic = node.magic_path();
                attributes::apply_to_name(&directory.to, name, &node.stat, &magic, &mut self.scratch)
                    .map_err(|error| entry.target("set the attributes of", error))
            }
            None => Ok(()),
        }
    }

    fn file(&mut self, entry: &CopyEntry<'_>, from: &OwnedFd, to: &OwnedFd) -> Result<(), DiskError> {
        let (run, untold) = (self.run, &mut self.untold);
        let mut tick = |bytes| {
            *untold += bytes;
            if *untold >= PROGRESS_BYTES {
                run.progress(std::mem::take(untold), 0);
            }
            run.goes_on()
        };
        let stat = &entry.node.stat;
        let flags = Flags::of(from);
        let set_flags = |error| entry.target("set the flags of", error);
        let has_more = flags.begin(to).map_err(set_flags)?;
        let copied = match run.ladder.copy(from, to, stat, &mut self.buffer, &mut tick) {
            Ok(copied) => copied,
            Err(CopyFailure::Stopped) => return Ok(()),
            Err(CopyFailure::Source(error)) => return Err(entry.source("read", error)),
            Err(CopyFailure::Target(error)) => return Err(entry.target("write", error)),
        };
        self.untold += copied.size.saturating_sub(copied.moved);
        self.count(&copied);
        if run.update.keep == Keep::All {
            // The directory may have its default ACL already, which the file then inherited.
            attributes::clear_inherited(to, &mut self.scratch)
                .map_err(|errno| entry.target("clear the attributes of", errno.into()))?;
        }
        if has_more {
            flags.put(to, &run.options.refused_flags).map_err(set_flags)?;
        }
        attributes::apply(to, stat, from.as_fd(), &mut self.scratch)
            .map_err(|error| entry.target("set the attributes of", error))
    }
}

impl Worker<'_> {
    /// Brings the first pass's draft up to date, if there is one, and moves it into place.
    fn patch_draft(&mut self, entry: &CopyEntry<'_>) -> Result<bool, DiskError> {
        let CopyEntry { run, directory, name, node } = *entry;
        let Some(early) = run.update.first_pass.marked() else { return Ok(false) };
        let stat = &node.stat;
        let draft = early.take_draft(stat).map_err(|error| entry.target("create", error))?;
        let Some(draft) = draft else { return Ok(false) };
        let from = node.reopen().map_err(|errno| entry.source("open", errno.into()))?;
        fault::point("tree.patch").map_err(|error| entry.target("write", error))?;
        let tick = |bytes| {
            run.progress(bytes, 0);
            run.goes_on()
        };
        let to = &draft.file;
        match patch_copy(&from, to, stat, workers(run.options.workers), &tick) {
            Ok(copied) => self.count(&copied),
            Err(CopyFailure::Stopped) => return Ok(true),
            Err(CopyFailure::Source(error)) => return Err(entry.source("read", error)),
            Err(CopyFailure::Target(error)) => return Err(entry.target("write", error)),
        }
        attributes::clear_inherited(to, &mut self.scratch)
            .map_err(|errno| entry.target("clear the attributes of", errno.into()))?;
        Flags::of(&from)
            .put(to, &run.options.refused_flags)
            .map_err(|error| entry.target("set the flags of", error))?;
        attributes::apply(to, stat, from.as_fd(), &mut self.scratch)
            .map_err(|error| entry.target("set the attributes of", error))?;
        early.place(&draft, &directory.to, name).map_err(|error| entry.target("create", error))?;
        Ok(true)
    }

    /// Moves the spare of a large file into place, if there is one.
    fn take_spare(&mut self, entry: &CopyEntry<'_>) -> Result<bool, DiskError> {
        let CopyEntry { run, directory, name, node } = *entry;
        let Stat { kind, size, times, .. } = &node.stat;
        if *kind != FileType::RegularFile || *size < SPARE_MIN_BYTES {
            return Ok(false);
        }
        let path = directory.path(Path::new(""), name);
        for folder in run.update.spares {
            fault::point("tree.rename").map_err(|error| entry.target("create", error))?;
            let spare = spare_of(folder, &path);
            if renameat_with(CWD, &spare, &directory.to, name, RenameFlags::NOREPLACE).is_err() {
                continue;
            }
            // A read since the spare was made leaves no other mark.
            utimensat(&directory.to, name, times, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|errno| entry.target("set the times of", errno.into()))?;
            self.count(&CopiedFile { way: Some(CopyWay::Patched), moved: 0, size: *size });
            self.untold += size;
            return Ok(true);
        }
        Ok(false)
    }

    /// Counts a file.
    fn count(&mut self, copied: &CopiedFile) {
        self.stats.files += 1;
        self.stats.bytes += copied.size;
        if let Some(way) = copied.way {
            self.stats.by_way[way] += Rung { files: 1, bytes: copied.moved };
        }
    }
}

impl CopyEntry<'_> {
    /// Makes an empty file, or the whole of any other entry. Returns `None` if it was copied
    /// before.
    fn make(&self) -> Result<Option<Made>, DiskError> {
        let CopyEntry { directory, name, node, .. } = *self;
        let made = match node.stat.kind {
            FileType::RegularFile => {
                let from = node.reopen().map_err(|errno| self.source("open", errno.into()))?;
                fault::point("tree.copy").map_err(|error| self.target("create", error))?;
                create(&directory.to, name, &node.stat).map(|to| Made::File { from, to })
            }
            FileType::Symlink => {
                let target = readlinkat(&node.handle, c"", Vec::new())
                    .map_err(|errno| self.source("read the link", errno.into()))?;
                fault::point("tree.symlink").map_err(|error| self.target("create", error))?;
                symlinkat(target, &directory.to, name).map(|()| Made::Other)
            }
            kind => {
                fault::point("tree.mknod").map_err(|error| self.target("create", error))?;
                let mode = Mode::RUSR | Mode::WUSR;
                mknodat(&directory.to, name, kind, mode, node.stat.device).map(|()| Made::Other)
            }
        };
        match made {
            Err(Errno::EXIST) if directory.listed_twice(name) => Ok(None),
            other => other.map(Some).map_err(|errno| self.target("create", errno.into())),
        }
    }

    fn source(&self, action: &'static str, error: io::Error) -> DiskError {
        refusal(action, self.directory.path(self.run.src, self.name), error)
    }

    fn target(&self, action: &'static str, error: io::Error) -> DiskError {
        DiskError::new(action, self.directory.path(self.run.dst, self.name), error)
    }
}

/// Creates a file with its final permissions, as far as they let us write: then it needs no
/// `chmod`.
fn create(directory: &OwnedFd, name: &CStr, stat: &Stat) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let permissions = stat.mode & (Mode::RWXU | Mode::RWXG | Mode::RWXO);
    openat(directory, name, flags, permissions | Mode::RUSR | Mode::WUSR)
}
