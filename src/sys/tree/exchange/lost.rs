//! Where entries go that other processes left without a place in a tree.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::Mode;

use super::apply::rename;
use super::stage::make_path;
use crate::sys::disk;
use crate::sys::error::DiskError;
use crate::sys::tree::entry::handle::open_root;

/// Moves the tree at `path` to the directory `lost`, which is made if needed.
///
/// # Errors
/// When it cannot be moved.
pub fn move_to_lost(path: &Path, lost: &Path) -> Result<(), DiskError> {
    make(lost)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    disk::rename_to_free(path, lost, Mode::RWXU.bits(), &name).map(drop)
}

/// Makes the directory `lost` and that of all lost entries, for their owner alone.
fn make(lost: &Path) -> Result<(), DiskError> {
    let mut directories = lost.parent().into_iter().chain([lost]);
    directories.try_for_each(|directory| disk::ensure_directory(directory, Mode::RWXU.bits()))
}

/// The directory for entries that have no place in the tree any more.
pub(super) struct Lost<'a> {
    root: &'a Path,
    count: u64,
}

impl<'a> Lost<'a> {
    /// Returns the directory at `root`, which is made when something comes into it.
    pub(super) fn at(root: &'a Path) -> Self {
        Lost { root, count: 0 }
    }

    /// Returns how many entries came into it.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Moves an entry to its path beneath `lost`, or to the same name with a number if that is
    /// taken.
    pub(super) fn take(
        &mut self,
        (from, as_name): (&OwnedFd, &CStr),
        path: &Path,
        name: &CStr,
    ) -> io::Result<()> {
        let source = |error: DiskError| error.source;
        make(self.root).map_err(source)?;
        let root = open_root(self.root).map_err(source)?;
        let to = make_path(self.root, &root, path).map_err(source)?;
        let mut free = name.to_owned();
        for number in 1.. {
            match rename(from, as_name, &to, &free) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    free = CString::new([name.to_bytes(), format!(".{number}").as_bytes()].concat())?;
                }
                other => {
                    self.count += 1;
                    return other;
                }
            }
        }
        unreachable!("some name is free")
    }
}
