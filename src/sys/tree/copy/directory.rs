//! A directory under way: it is finished when the last of its entries is.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, openat};

use super::reuse::Beside;
use crate::sys::tree::entry::handle::Stat;
use crate::sys::tree::entry::names::DirectoryReader;

/// A directory of the source and its copy, shared by all who work on its entries.
pub(in crate::sys::tree) struct Directory {
    /// `None` for the directory that a copy starts with.
    pub(in crate::sys::tree) parent: Option<Arc<Directory>>,
    /// The name; for a directory without a parent, its path relative to the root.
    pub(in crate::sys::tree) name: CString,
    pub(in crate::sys::tree) from: OwnedFd,
    pub(in crate::sys::tree) to: OwnedFd,
    /// The source's attributes, read before any of its entries.
    pub(in crate::sys::tree) stat: Stat,
    /// Entries that need not be copied.
    pub(in crate::sys::tree) beside: Beside,
    /// Whether only entries are copied, and the caller sets the attributes of the directory.
    pub(in crate::sys::tree) is_bare: bool,
}

impl Directory {
    /// Returns the path of the entry `name` in the tree at `root`, or of the directory itself if
    /// `name` is empty.
    pub(in crate::sys::tree) fn path(&self, root: &Path, name: &CStr) -> PathBuf {
        let mut names = vec![name];
        let mut directory = Some(self);
        while let Some(one) = directory {
            names.push(&one.name);
            directory = one.parent.as_deref();
        }
        let mut path = root.to_owned();
        for name in names.into_iter().rev().filter(|name| !name.is_empty()) {
            path.push(std::ffi::OsStr::from_bytes(name.to_bytes()));
        }
        path
    }

    /// Returns whether an entry in our way is an earlier copy of the same entry: a directory that
    /// changes while it is read may list a name twice. Otherwise the file system takes two names
    /// for one.
    pub(in crate::sys::tree) fn listed_twice(&self, name: &CStr) -> bool {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(again) = openat(&self.to, c".", flags, Mode::empty()) else { return false };
        let mut reader = DirectoryReader::new();
        let mut found = false;
        while let Ok(true) = reader.chunk(again.as_fd(), |listed, _| {
            found |= listed == name;
            Ok(())
        }) {}
        found
    }

    /// Returns one share of `directory`. After the last share, calls `finish` with the directory,
    /// and so on for its parents, without recursion.
    pub(in crate::sys::tree) fn release<E>(
        directory: Arc<Directory>,
        mut finish: impl FnMut(&Directory) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut current = Some(directory);
        while let Some(mut last) = current.and_then(Arc::into_inner) {
            finish(&last)?;
            current = last.parent.take();
        }
        Ok(())
    }
}

impl Drop for Directory {
    /// Drops a long chain of parents without recursion when a copy ends early.
    fn drop(&mut self) {
        let mut current = self.parent.take();
        while let Some(mut last) = current.and_then(Arc::into_inner) {
            current = last.parent.take();
        }
    }
}
