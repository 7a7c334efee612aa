//! Reaches the places of a tree that is being built, each from the handle of its directory.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{Mode, mkdirat};
use rustix::io::Errno;

use super::path::EntryPath;
use crate::sys::tree::entry::handle::open_directory;

/// The directories of the tree.
pub(super) struct Places {
    root: OwnedFd,
    /// The directory of the last entry, which most often is that of the next.
    last: Option<(EntryPath, OwnedFd)>,
}

impl Places {
    pub(super) fn new(root: OwnedFd) -> Self {
        Places { root, last: None }
    }

    /// Returns the directory at `path`, which must be there, and keeps it at hand.
    pub(super) fn directory(&mut self, path: &EntryPath) -> io::Result<&OwnedFd> {
        if self.last.as_ref().is_none_or(|(last, _)| last != path) {
            self.last = Some((path.clone(), self.open(path)?));
        }
        Ok(self.last.as_ref().map(|(_, handle)| handle).expect("it was just set"))
    }

    /// Opens the directory at `path`, which must be there.
    pub(super) fn open(&self, path: &EntryPath) -> io::Result<OwnedFd> {
        let mut handle = self.root.try_clone()?;
        for name in path.names() {
            handle = open_directory(handle.as_fd(), name).map_err(|errno| refused(name, errno))?;
        }
        Ok(handle)
    }

    /// Makes what is missing of the directory at `path`.
    pub(super) fn make(&mut self, path: &EntryPath) -> io::Result<()> {
        if self.last.as_ref().is_some_and(|(last, _)| last == path) {
            return Ok(());
        }
        let mut handle = self.root.try_clone()?;
        for name in path.names() {
            handle = match open_directory(handle.as_fd(), name) {
                Err(Errno::NOENT) => {
                    mkdirat(&handle, name, Mode::from_raw_mode(0o755))?;
                    open_directory(handle.as_fd(), name)?
                }
                other => other.map_err(|errno| refused(name, errno))?,
            };
        }
        self.last = Some((path.clone(), handle));
        Ok(())
    }

    /// Forgets the directory at hand, since one was removed.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }
}

fn refused(name: &CStr, errno: Errno) -> io::Error {
    let name = name.to_string_lossy();
    match errno {
        Errno::NOTDIR | Errno::LOOP => {
            io::Error::new(io::ErrorKind::InvalidData, format!("{name} above it is not a directory"))
        }
        Errno::NOENT => io::Error::new(io::ErrorKind::NotFound, format!("{name} above it is missing")),
        other => other.into(),
    }
}
