//! The thread that walks the source: it makes the directories and hands out all other entries in
//! batches.
//!
//! The walker goes depth first, with its own stack. It reads a directory in pieces and finishes the
//! subdirectories in a piece before it reads the next, so a frame holds some thousand names at
//! most. The names come in order, because a stat index is stored in that order.

use std::ffi::CStr;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, fchmod, mkdirat, openat};
use rustix::io::Errno;

use super::directory::Directory;
use super::options::CopyStats;
use super::reuse::{Beside, Keep};
use super::run::{CopyBatch, CopyRun};
use crate::sys::error::DiskError;
use crate::sys::fault;
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::handle::{Stat, open_directory, refusal};
use crate::sys::tree::entry::names::{DirectoryReader, NameList};

/// Entries in a batch. Many, so that the workers are in different directories: the kernel creates
/// entries of one directory one after the other.
const BATCH_ENTRIES: usize = 512;

pub(in crate::sys::tree) struct Walker<'a> {
    run: &'a CopyRun<'a>,
    stack: Vec<CopyFrame>,
    reader: DirectoryReader,
    scratch: Scratch,
    stats: CopyStats,
}

struct CopyFrame {
    directory: Arc<Directory>,
    /// Subdirectories of the last piece.
    pending: NameList,
    /// Number of them that are done.
    done: usize,
    read_to_end: bool,
}

impl<'a> Walker<'a> {
    pub(in crate::sys::tree) fn new(run: &'a CopyRun<'a>) -> Self {
        let (reader, scratch, stats) = (DirectoryReader::new(), Scratch::default(), CopyStats::default());
        Walker { run, stack: Vec::new(), reader, scratch, stats }
    }

    pub(in crate::sys::tree) fn walk(mut self, root: Directory) {
        let _guard = self.run.stop_on_panic();
        self.enter(root);
        while !self.stack.is_empty() && self.run.goes_on() {
            if let Err(error) = self.step() {
                self.run.fail(error);
            }
        }
        self.run.add(&self.stats);
    }

    /// Walks the directory `name` of `parent`, and makes its copy first.
    pub(in crate::sys::tree) fn walk_child(
        mut self,
        parent: Arc<Directory>,
        name: &CStr,
    ) -> Result<(), DiskError> {
        if let Some(child) = self.child(parent, name)? {
            self.stats.directories += 1;
            self.run.progress(0, 1);
            self.walk(child);
        }
        Ok(())
    }

    fn enter(&mut self, directory: Directory) {
        let directory = Arc::new(directory);
        self.stack.push(CopyFrame { directory, pending: NameList::default(), done: 0, read_to_end: false });
    }

    fn step(&mut self) -> Result<(), DiskError> {
        let frame = self.stack.last_mut().expect("the stack is not empty");
        if let Some(name) = frame.pending.get(frame.done).map(ToOwned::to_owned) {
            frame.done += 1;
            let parent = Arc::clone(&frame.directory);
            if let Some(child) = self.child(parent, &name)? {
                self.stats.directories += 1;
                self.run.progress(0, 1);
                self.enter(child);
            }
        } else if frame.read_to_end {
            let frame = self.stack.pop().expect("the stack is not empty");
            self.run.release(frame.directory, &mut self.scratch)?;
        } else {
            self.read()?;
        }
        Ok(())
    }

    /// Reads the next piece of the directory on top of the stack.
    fn read(&mut self) -> Result<(), DiskError> {
        let CopyFrame { directory, pending, done, read_to_end } =
            self.stack.last_mut().expect("the stack is not empty");
        (*pending, *done) = (NameList::default(), 0);
        let mut names = NameList::default();
        let send =
            |names: NameList| self.run.queue.push(CopyBatch { directory: Arc::clone(directory), names });
        let more = self.reader.chunk(directory.from.as_fd(), |name, mut kind| {
            if kind == FileType::Unknown {
                kind = match Stat::of_name(directory.from.as_fd(), name) {
                    Err(Errno::NOENT) => return Ok(()),
                    other => other?.kind,
                };
            }
            if directory.beside.leaves_out(name) {
                return Ok(());
            }
            if kind == FileType::Directory {
                return pending.push(name);
            }
            names.push(name)?;
            if names.len() == BATCH_ENTRIES {
                send(std::mem::take(&mut names));
            }
            Ok(())
        });
        let more = more.map_err(|errno| DiskError::new("read", directory.path(self.run.src, c""), errno))?;
        if !names.is_empty() {
            send(names);
        }
        pending.sort();
        *read_to_end = !more;
        Ok(())
    }

    /// Opens the directory `name` of `parent` and makes its copy.
    fn child(&mut self, parent: Arc<Directory>, name: &CStr) -> Result<Option<Directory>, DiskError> {
        let run = self.run;
        let from = match open_directory(parent.from.as_fd(), name) {
            Err(Errno::NOENT) => return Ok(None),
            // Something else has taken its place since it was listed.
            Err(Errno::NOTDIR | Errno::LOOP) => {
                let mut names = NameList::default();
                names.push(name).expect("there is room for one name");
                run.queue.push(CopyBatch { directory: parent, names });
                return Ok(None);
            }
            other => other.map_err(|errno| refusal("open", parent.path(run.src, name), errno))?,
        };
        let stat = Stat::of(from.as_fd())
            .map_err(|errno| DiskError::new("read the attributes of", parent.path(run.src, name), errno))?;

        let failed = |error: std::io::Error| DiskError::new("create", parent.path(run.dst, name), error);
        if run.first_pass_into.is_some() {
            let to = parent.to.try_clone().map_err(failed)?;
            let (name, beside) = (name.to_owned(), Beside::default());
            return Ok(Some(Directory {
                parent: Some(parent),
                name,
                from,
                to,
                stat,
                beside,
                is_bare: false,
            }));
        }
        fault::point("tree.mkdir").map_err(failed)?;
        match mkdirat(&parent.to, name, Mode::RWXU) {
            // An earlier pass made it and closed it again with its final mode.
            Err(Errno::EXIST) if run.update.keep == Keep::All => {}
            Err(Errno::EXIST) if parent.listed_twice(name) => return Ok(None),
            other => other.map_err(|errno| failed(errno.into()))?,
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let to = openat(&parent.to, name, flags, Mode::empty())
            .map_err(|errno| DiskError::new("open", parent.path(run.dst, name), errno))?;
        if run.update.keep == Keep::All {
            let path = || parent.path(run.dst, name);
            fchmod(&to, Mode::RWXU).map_err(|errno| DiskError::new("set the mode of", path(), errno))?;
        }
        let beside = parent.beside.child(name, run.update)?;
        let child =
            Directory { parent: Some(parent), name: name.to_owned(), from, to, stat, beside, is_bare: false };
        Ok(Some(child))
    }
}
