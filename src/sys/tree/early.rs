//! A first pass over a tree that is being written to: copies of files that the second pass need not make.
//!
//! A copy is kept under the mark of the very inode that it was read from: number, birth, size, time of modification
//! and time of change. The second pass, when nobody writes, looks at each entry and takes the copy with that mark.
//! So directories that change places meanwhile lead nobody astray: the mark belongs to the inode, not to a
//! path. No tool can set the time of change. Only what was last changed safely before the file system was synced, and
//! that before the pass, is copied: a write within one tick of the clock, or through a mapping whose page is
//! dirty already, would leave no mark. A write is marked when it begins, so the copy waits for one that is under way
//! (`content`); one around the page cache it cannot see, so callers leave what was written to lately to the
//! second pass, and so are inodes with several links.
//!
//! The copies stand in one flat directory, so nothing is kept in memory.

use std::ffi::{CStr, CString, OsString};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, mkdirat, renameat, utimensat};
use rustix::io::Errno;

use super::attributes::{self, Scratch};
use super::handle::{Stat, open_root};
use super::index::FileTime;
use super::measure::sync_filesystem;
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;

/// The copies of a first pass.
#[derive(Debug)]
pub struct EarlyCopies {
    handle: OwnedFd,
    /// What changed later is not copied, nor taken.
    pub(super) settled: FileTime,
}

/// Where the copies for the tree `dst` stand: beside it.
pub(super) fn beside(dst: &Path) -> PathBuf {
    let mut name = dst.file_name().map_or_else(OsString::new, ToOwned::to_owned);
    name.push(".early");
    dst.with_file_name(name)
}

impl EarlyCopies {
    /// Makes the directory `path` for them. From here on each change to a file leaves a mark on it.
    pub(super) fn new(path: &Path, settled: FileTime) -> Result<Self, DiskError> {
        fault::point("tree.mkdir").at("make", path)?;
        mkdirat(CWD, path, Mode::RWXU).at("make", path)?;
        let handle = open_root(path)?;
        attributes::clear_inherited(&handle, &mut Scratch::default()).at("clear the attributes of", path)?;
        let settled = settled.min(FileTime::now().safely_before());
        // A store through a mapping marks its file once the page has been written back, and not before.
        sync_filesystem(path)?;
        Ok(EarlyCopies { handle, settled })
    }

    pub(super) fn handle(&self) -> &OwnedFd {
        &self.handle
    }

    /// The name for a copy of the file that `stat` tells of; none if it is not to be copied yet.
    pub(super) fn name(&self, stat: &Stat) -> Option<CString> {
        let (modified, changed) =
            (FileTime::from(stat.times.last_modification), FileTime::from(stat.changed));
        let is_settled = modified < self.settled && changed < self.settled;
        (is_settled && stat.kind == FileType::RegularFile && stat.links == 1).then(|| {
            let (number, (birth, birth_part)) = (stat.inode.number, stat.inode.birth);
            let mark = format!(
                "{number:x}-{birth:x}.{birth_part:x}-{:x}-{:x}.{:x}-{:x}.{:x}",
                stat.size, modified.0, modified.1, changed.0, changed.1
            );
            CString::new(mark).expect("digits hold no NUL")
        })
    }

    /// Moves the copy of the entry `name` of `from`, which is `own`, to its place in `to`, if there is one; its size then.
    pub(super) fn take(
        &self,
        from: &OwnedFd,
        own: &Stat,
        to: &OwnedFd,
        name: &CStr,
    ) -> io::Result<Option<u64>> {
        let Ok(stat) = Stat::of_name(from.as_fd(), name) else { return Ok(None) };
        let Some(early) = self.name(&stat).filter(|_| stat.same_mount(own)) else {
            return Ok(None);
        };
        fault::point("tree.rename")?;
        match renameat(&self.handle, &early, to, name) {
            Err(Errno::NOENT) => return Ok(None),
            other => other?,
        }
        // It may have been read since, which leaves no mark but this.
        let copy = Stat::of_name(to.as_fd(), name)?;
        if copy.times.last_access != stat.times.last_access {
            utimensat(to, name, &stat.times, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(Some(stat.size))
    }
}
