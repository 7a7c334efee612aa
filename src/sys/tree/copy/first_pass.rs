//! The first pass over a tree that others write to: it copies files that the second pass need not
//! copy.
//!
//! Each copy lies under the mark of the inode that it was read from: number, birth, size,
//! modification time and time of change. The second pass runs when no process writes; it looks at
//! each entry and takes the copy with that mark. Directories that change places meanwhile do no
//! harm: the mark belongs to the inode, not to a path. No tool can set the time of change. The
//! first pass copies only files that last changed safely before it synced the file system: a write
//! within one tick of the clock, or through a mapping whose page was dirty already, would leave no
//! mark. A write marks its file when it begins, so the copy waits for one that is under way
//! (`content`). It cannot see a write around the page cache, so callers leave recently written
//! files to the second pass. Inodes with several names are left to it as well.
//!
//! A database may write to all of its few large files all the time. So the first pass also makes
//! drafts: copies of large files that may mix several moments. The second pass compares a draft
//! with its file and brings it up to date (`patch`). There are no drafts where the file system
//! shares blocks, which is faster still.
//!
//! The copies lie in one flat directory under their marks; a symlink named after the inode leads to
//! each copy that may be a draft. So nothing is kept in memory.

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
use crate::sys::tree::times::{Bounds, FileTime};
use crate::sys::{disk, fault};

/// Size in bytes from which on a file gets a draft; copying a smaller one anew takes no longer.
const DRAFT_MIN_BYTES: u64 = 1024 * 1024;

/// The copies that a first pass made, for the second pass to take.
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
    /// Files that changed later are neither copied nor taken.
    pub(in crate::sys::tree) settled: FileTime,
    has_drafts: bool,
}

/// Syncs the file system, and tells whether stores through mappings show in the times of files.
pub(in crate::sys::tree) type SyncAndTest = fn(&Path) -> Result<bool, DiskError>;

/// A copy that may mix several moments; its owner is alone with it.
pub(in crate::sys::tree) struct Draft {
    name: CString,
    pub(in crate::sys::tree) file: OwnedFd,
}

impl MarkedCopies {
    /// Makes the directory `path` for the copies. From here on each change to a file leaves a mark
    /// on it, unless `sync`, which syncs the file system, says no: then this returns `None`.
    pub(in crate::sys::tree) fn new(
        path: &Path,
        settled: FileTime,
        sync: SyncAndTest,
    ) -> Result<Option<Self>, DiskError> {
        fault::point("tree.mkdir").at("create", path)?;
        mkdirat(CWD, path, Mode::RWXU).at("create", path)?;
        let handle = open_root(path)?;
        attributes::clear_inherited(&handle, &mut Scratch::default()).at("clear the attributes of", path)?;
        let settled = settled.min(FileTime::now());
        // A store through a mapping marks its file only after the page was written back.
        if !sync(path)? {
            return Ok(None);
        }
        Ok(Some(MarkedCopies { handle, settled, has_drafts: !disk::can_clone(path) }))
    }

    pub(in crate::sys::tree) fn handle(&self) -> &OwnedFd {
        &self.handle
    }

    /// Names the copy of the file that `stat` describes; `None` if the file must not be copied yet.
    pub(in crate::sys::tree) fn name(&self, stat: &Stat) -> Option<CString> {
        (self.is_settled(stat) || self.may_be_draft(stat)).then(|| mark(stat)).filter(|_| is_single(stat))
    }

    fn is_settled(&self, stat: &Stat) -> bool {
        stat.is_safely_before(&Bounds { modified: self.settled, changed: self.settled })
    }

    fn may_be_draft(&self, stat: &Stat) -> bool {
        self.has_drafts && stat.size >= DRAFT_MIN_BYTES && is_single(stat)
    }

    /// Makes the copy `name` the draft of the file that `stat` describes, if it may have one and
    /// has none.
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

    /// Returns the draft of the file that `stat` describes, once; `None` if the draft may not be
    /// written.
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
            // The file has moved, and the second pass has met it before.
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

    /// Moves the copy of the entry `name` of `from`, whose attributes are `own`, to its place in
    /// `to`, if there is one; returns the copy's size.
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
        // A read since the first pass leaves no other mark.
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

/// Makes a name that no other inode has.
fn inode(stat: &Stat) -> CString {
    let (number, (birth, birth_part)) = (stat.inode.number, stat.inode.birth);
    text(format!("{number:x}-{birth:x}.{birth_part:x}"))
}

/// Makes a name for the inode as it is now.
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
