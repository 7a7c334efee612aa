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
//! A large file without such a copy has a draft, if one was made of that inode at all: a copy that may be of any moment,
//! which the second pass compares with the file and brings up to date (`revise`), as a database may write to all of its few
//! large files all the time. There are none where the file system shares blocks, which is quicker still.
//!
//! The copies stand in one flat directory, under their marks; a link by the name of the inode leads to each that
//! may be a draft. So nothing is kept in memory.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, mkdirat, openat, readlinkat, renameat, symlinkat, unlinkat,
    utimensat,
};
use rustix::io::Errno;

use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::entry::attributes;
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::handle::{Stat, open_root};
use crate::sys::tree::index::FileTime;
use crate::sys::tree::measure::sync_filesystem;
use crate::sys::{disk, fault};

/// Bytes; of smaller files there are no drafts: to copy them anew takes no longer.
const DRAFT_MIN_BYTES: u64 = 1024 * 1024;

/// The copies that a first pass made, for the second to take.
#[derive(Default, Clone, Copy)]
pub enum FirstPass<'a> {
    /// There was no first pass.
    #[default]
    None,
    /// Copies of a tree that others write to, found by the mark of each inode.
    ByMark(&'a MarkedCopies),
    /// Copies of files of a tree that never changes, found by their path beneath this directory.
    ByPath(&'a Path),
}

impl<'a> FirstPass<'a> {
    /// Returns the copies that are found by mark.
    pub(in crate::sys::tree) fn marked(self) -> Option<&'a MarkedCopies> {
        if let FirstPass::ByMark(copies) = self { Some(copies) } else { None }
    }

    /// Returns the directory of the copies that are found by path.
    pub(in crate::sys::tree) fn tree(self) -> Option<&'a Path> {
        if let FirstPass::ByPath(tree) = self { Some(tree) } else { None }
    }
}

/// Copies of files under the marks of their inodes, and drafts of large files.
#[derive(Debug)]
pub struct MarkedCopies {
    handle: OwnedFd,
    /// What changed later is not copied, nor taken.
    pub(in crate::sys::tree) settled: FileTime,
    has_drafts: bool,
}

/// A copy that may be of any moment; whoever has it is alone with it.
pub(in crate::sys::tree) struct Draft {
    name: CString,
    pub(in crate::sys::tree) file: OwnedFd,
}

impl MarkedCopies {
    /// Makes the directory `path` for them. From here on each change to a file leaves a mark on it.
    pub(in crate::sys::tree) fn new(path: &Path, settled: FileTime) -> Result<Self, DiskError> {
        fault::point("tree.mkdir").at("make", path)?;
        mkdirat(CWD, path, Mode::RWXU).at("make", path)?;
        let handle = open_root(path)?;
        attributes::clear_inherited(&handle, &mut Scratch::default()).at("clear the attributes of", path)?;
        let settled = settled.min(FileTime::now().safely_before());
        // A store through a mapping marks its file once the page has been written back, and not before.
        sync_filesystem(path)?;
        Ok(MarkedCopies { handle, settled, has_drafts: !disk::can_clone(path) })
    }

    pub(in crate::sys::tree) fn handle(&self) -> &OwnedFd {
        &self.handle
    }

    /// The name for a copy of the file that `stat` tells of; none if it is not to be copied yet.
    pub(in crate::sys::tree) fn name(&self, stat: &Stat) -> Option<CString> {
        (self.is_settled(stat) || self.may_be_draft(stat)).then(|| mark(stat)).filter(|_| is_single(stat))
    }

    fn is_settled(&self, stat: &Stat) -> bool {
        FileTime::from(stat.times.last_modification) < self.settled
            && FileTime::from(stat.changed) < self.settled
    }

    fn may_be_draft(&self, stat: &Stat) -> bool {
        self.has_drafts && stat.size >= DRAFT_MIN_BYTES && is_single(stat)
    }

    /// Makes the copy `name` the draft of the file that `stat` tells of, if it may be one and there is none.
    pub(in crate::sys::tree) fn keep_draft(&self, name: &CStr, stat: &Stat) -> io::Result<()> {
        if !self.may_be_draft(stat) {
            return Ok(());
        }
        fault::point("tree.symlink")?;
        match symlinkat(name, &self.handle, inode(stat)) {
            Err(Errno::EXIST) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Gives the draft of the file that `stat` tells of, once; none where it may not be written.
    pub(in crate::sys::tree) fn take_draft(&self, stat: &Stat) -> io::Result<Option<Draft>> {
        if !self.may_be_draft(stat) {
            return Ok(None);
        }
        let link = inode(stat);
        let name = match readlinkat(&self.handle, &link, Vec::new()) {
            Err(Errno::NOENT) => return Ok(None),
            other => other?,
        };
        fault::point("tree.unlink")?;
        match unlinkat(&self.handle, &link, AtFlags::empty()) {
            // The file has moved, and was met before.
            Err(Errno::NOENT) => return Ok(None),
            other => other?,
        }
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.handle, &name, flags, Mode::empty()) {
            Err(Errno::NOENT | Errno::ACCESS | Errno::PERM) => Ok(None),
            other => Ok(Some(Draft { file: other?, name })),
        }
    }

    /// Moves a draft that is up to date to its place in `to`.
    pub(in crate::sys::tree) fn place(&self, draft: &Draft, to: &OwnedFd, name: &CStr) -> io::Result<()> {
        fault::point("tree.rename")?;
        Ok(renameat(&self.handle, &draft.name, to, name)?)
    }

    /// Moves the copy of the entry `name` of `from`, which is `own`, to its place in `to`, if there is one; its size then.
    pub(in crate::sys::tree) fn take(
        &self,
        from: &OwnedFd,
        own: &Stat,
        to: &OwnedFd,
        name: &CStr,
    ) -> io::Result<Option<u64>> {
        let Ok(stat) = Stat::of_name(from.as_fd(), name) else { return Ok(None) };
        if !self.is_settled(&stat) || !is_single(&stat) || !stat.same_mount(own) {
            return Ok(None);
        }
        fault::point("tree.rename")?;
        match renameat(&self.handle, mark(&stat), to, name) {
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

fn is_single(stat: &Stat) -> bool {
    stat.kind == FileType::RegularFile && stat.links == 1
}

/// A name that no other inode has.
fn inode(stat: &Stat) -> CString {
    let (number, (birth, birth_part)) = (stat.inode.number, stat.inode.birth);
    text(format!("{number:x}-{birth:x}.{birth_part:x}"))
}

/// The same, of the inode as it is now.
fn mark(stat: &Stat) -> CString {
    let (modified, changed) = (FileTime::from(stat.times.last_modification), FileTime::from(stat.changed));
    let inode = inode(stat);
    text(format!(
        "{}-{:x}-{:x}.{:x}-{:x}.{:x}",
        inode.to_string_lossy(),
        stat.size,
        modified.0,
        modified.1,
        changed.0,
        changed.1
    ))
}

fn text(digits: String) -> CString {
    CString::new(digits).expect("digits hold no NUL")
}
