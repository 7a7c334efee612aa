//! Reaches the places of a tree that is being made from an archive.
//!
//! The archive may come from anywhere. Each entry is reached by the handles of its directories, and
//! no symlink on the way is followed, so nothing is written outside of the tree.
//!
//! An entry replaces an earlier one of its name as with GNU tar: a directory takes its place beside
//! an earlier one, an empty directory makes way for anything else, a directory with entries for
//! nothing.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, mkdirat, readlinkat, unlinkat};
use rustix::io::Errno;

use super::header::bad;
use super::names::is_delayed;
use crate::sys::tree::entry::handle::{Stat, open_directory};

/// The tree that is being made.
pub(super) struct Places {
    root: OwnedFd,
    /// The directory of the last entry, which most often is that of the next.
    last: Option<(Vec<CString>, OwnedFd)>,
}

impl Places {
    pub(super) fn new(root: OwnedFd) -> Self {
        Places { root, last: None }
    }

    /// Returns the directory of these parts and makes what is missing of it.
    pub(super) fn directory(&mut self, parts: &[CString]) -> io::Result<&OwnedFd> {
        if self.last.as_ref().is_none_or(|(last, _)| last != parts) {
            let mut handle = self.root.try_clone()?;
            for part in parts {
                handle = match open_directory(handle.as_fd(), part) {
                    Err(Errno::NOENT) => {
                        mkdirat(&handle, part, Mode::from_raw_mode(0o755))?;
                        open_directory(handle.as_fd(), part)?
                    }
                    other => other.map_err(|errno| not_a_directory(part, errno))?,
                };
            }
            self.last = Some((parts.to_vec(), handle));
        }
        Ok(self.last.as_ref().map(|(_, handle)| handle).expect("it was just set"))
    }

    /// Returns the directory of these parts, which must be there.
    pub(super) fn existing(&self, parts: &[CString]) -> io::Result<OwnedFd> {
        let mut handle = self.root.try_clone()?;
        for part in parts {
            handle = open_directory(handle.as_fd(), part).map_err(|errno| not_a_directory(part, errno))?;
        }
        Ok(handle)
    }

    /// Makes the entry at these parts by `make`, in place of what is there. True if that was a
    /// directory.
    pub(super) fn put(
        &mut self,
        parts: &[CString],
        make: &mut dyn FnMut(&OwnedFd, &CStr) -> Result<(), Errno>,
    ) -> io::Result<bool> {
        let (name, above) = parts.split_last().ok_or_else(|| bad("its name is that of a directory"))?;
        match make(self.directory(above)?, name) {
            Err(Errno::EXIST) => {
                let was_directory = self.clear(above, name)?;
                make(self.directory(above)?, name)?;
                Ok(was_directory)
            }
            other => Ok(other.map(|()| false)?),
        }
    }

    /// Removes an entry; true if it was a directory.
    fn clear(&mut self, above: &[CString], name: &CStr) -> io::Result<bool> {
        let directory = self.directory(above)?;
        let there = Stat::of_name(directory.as_fd(), name)?;
        if there.kind == FileType::Directory {
            return match unlinkat(directory, name, AtFlags::REMOVEDIR) {
                Err(Errno::NOTEMPTY | Errno::EXIST) => {
                    Err(bad("the archive has a directory of its name, which is not empty"))
                }
                other => {
                    other?;
                    self.last = None;
                    Ok(true)
                }
            };
        }
        // GNU tar would link the other names to what comes now.
        if there.links > 1 && delayed_target(directory, name)?.is_some() {
            return Err(bad("it replaces a symlink that the archive has under several names"));
        }
        unlinkat(directory, name, AtFlags::empty())?;
        Ok(false)
    }
}

/// Returns where a symlink leads that GNU tar makes last of all; `None` for any other entry.
pub(super) fn delayed_target(directory: &OwnedFd, name: &CStr) -> io::Result<Option<CString>> {
    match readlinkat(directory, name, Vec::new()) {
        Ok(target) => Ok(is_delayed(target.to_bytes()).then_some(target)),
        Err(Errno::INVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn not_a_directory(part: &CStr, errno: Errno) -> io::Error {
    match errno {
        Errno::NOTDIR | Errno::LOOP => {
            bad(format!("{} above it is not a directory in the archive", part.to_string_lossy()))
        }
        other => other.into(),
    }
}
