//! Finds what other processes wrote into a tree that is taken back, and keeps it.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::lost::{Lost, move_to_lost};
use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::entry::handle::{Stat, open_directory, open_root};
use crate::sys::tree::entry::names::{DirectoryReader, NameList};
use crate::sys::tree::times::FileTime;

/// Moves what came into `tree` since the file `mark` was made, or was written there, to the
/// directory `lost`, which is made if needed. Returns how many entries went there. A directory goes
/// as a whole if anything came into it. The whole tree goes if an entry cannot: it lies in another
/// subvolume, or is a mount point.
///
/// # Errors
/// When the mark or the tree cannot be read, or an entry cannot be moved.
pub fn keep_written(tree: &Path, mark: &Path, lost: &Path) -> Result<u64, DiskError> {
    let stat = rustix::fs::lstat(mark).at("read the attributes of", mark)?;
    let since = FileTime(stat.st_mtime, stat.st_mtime_nsec as u32);
    let mut kept = Lost::at(lost);
    let root = open_root(tree)?;
    match keep_beneath(&root, Path::new(""), since, &mut kept) {
        Err(error) if is_bound(&error) => {
            move_to_lost(tree, lost)?;
            Ok(kept.count() + 1)
        }
        result => result.at("move to lost+found from", tree).map(|()| kept.count()),
    }
}

fn keep_beneath(directory: &OwnedFd, path: &Path, since: FileTime, lost: &mut Lost<'_>) -> io::Result<()> {
    let mut names = NameList::default();
    each_name(directory, |name| Ok(names.push(name)?))?;
    for name in (0..names.len()).filter_map(|index| names.get(index)) {
        let stat = match Stat::of_name(directory.as_fd(), name) {
            Err(Errno::NOENT) => continue,
            other => other?,
        };
        if FileTime::from(stat.changed) >= since {
            lost.take((directory, name), path, name)?;
        } else if stat.kind == FileType::Directory {
            let beneath = open_directory(directory.as_fd(), name)?;
            keep_beneath(&beneath, &path.join(OsStr::from_bytes(name.to_bytes())), since, lost)?;
        }
    }
    Ok(())
}

/// Returns whether an error means that an entry cannot leave its place.
fn is_bound(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::CrossesDevices | io::ErrorKind::ResourceBusy)
}

/// Returns whether a process wrote into an entry after `listed`. Moving an entry changes its own
/// time of change, so this looks at the content's time of a file, and at both times of what is
/// beneath a directory.
pub(super) fn was_written(directory: &OwnedFd, name: &CStr, listed: FileTime) -> io::Result<bool> {
    let stat = Stat::of_name(directory.as_fd(), name)?;
    match stat.kind {
        FileType::RegularFile => Ok(is_modified(&stat, listed)),
        FileType::Directory => is_younger_beneath(&open_directory(directory.as_fd(), name)?, listed),
        _ => Ok(false),
    }
}

fn is_modified(stat: &Stat, listed: FileTime) -> bool {
    FileTime::from(stat.times.last_modification) >= listed
}

fn is_younger_beneath(directory: &OwnedFd, listed: FileTime) -> io::Result<bool> {
    let mut is_younger = false;
    each_name(directory, |name| {
        let stat = match Stat::of_name(directory.as_fd(), name) {
            Err(Errno::NOENT) => return Ok(()),
            other => other?,
        };
        // Moving one name of an inode changes the time of all of them.
        is_younger |= FileTime::from(stat.changed) > listed
            && (stat.kind == FileType::Directory || stat.links == 1 || is_modified(&stat, listed));
        if stat.kind == FileType::Directory && !is_younger {
            match open_directory(directory.as_fd(), name) {
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                opened => is_younger |= is_younger_beneath(&opened?, listed)?,
            }
        }
        Ok(())
    })?;
    Ok(is_younger)
}

/// Calls `each` with every name in a directory that was just opened.
pub(super) fn each_name(
    directory: &OwnedFd,
    mut each: impl FnMut(&CStr) -> io::Result<()>,
) -> io::Result<()> {
    let mut reader = DirectoryReader::new();
    loop {
        let mut result = Ok(());
        let more = reader.chunk(directory.as_fd(), |name, _| {
            if result.is_ok() {
                result = each(name);
            }
            Ok(())
        })?;
        result?;
        if !more {
            return Ok(());
        }
    }
}
