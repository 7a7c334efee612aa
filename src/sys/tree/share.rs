//! Lets two trees share the blocks of what they have in common, where the file system can: after a
//! copy of a whole pool, whose commits shared blocks before or could never share any.
//!
//! Only the place of data changes: a file that equals its counterpart byte for byte becomes a clone
//! of it, and a large file of which little differs becomes a clone on which the difference was
//! written. Inodes, attributes and times stay. No other process may use either tree.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ioctl_ficlone, openat, utimensat};
use rustix::io::Errno;

use super::copy::options::Stop;
use super::copy::patch::{patch_copy, read_at};
use super::entry::handle::{Node, Stat};
use super::side_by_side::each_file;
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;

/// Size in bytes below which a file takes no more than the list of its shared blocks.
const MIN_BYTES: u64 = 4096;
/// Size in bytes from which on a file may be patched.
const LARGE_BYTES: u64 = 1024 * 1024;
const BUFFER_BYTES: usize = 1024 * 1024;

/// Lets the files of `tree` share blocks with the files of the same path in `like`; returns how
/// many bytes are shared now. `stop` ends the work soon.
///
/// # Errors
/// When an entry cannot be read or written; the trees are whole all the same.
pub fn share_blocks(like: &Path, tree: &Path, stop: Stop<'_>) -> Result<u64, DiskError> {
    let mut shared = 0;
    each_file(tree, like, &mut |file| {
        if stop() {
            return Err(DiskError::new("share blocks of", tree, io::ErrorKind::Interrupted));
        }
        shared += share_file(file.folder, file.other, file.name).at("share blocks of", &file.path())?;
        Ok(())
    })?;
    Ok(shared)
}

/// Lets the file `name` of the directory `folder` share blocks with that of `beside`, if both are
/// files; returns how many bytes are shared.
fn share_file(folder: &OwnedFd, beside: &OwnedFd, name: &CStr) -> io::Result<u64> {
    let theirs = match Node::open(beside.as_fd(), name) {
        Err(Errno::NOENT) => return Ok(0),
        other => other?,
    };
    let mine = Node::open(folder.as_fd(), name)?;
    let is_file = |node: &Node| node.stat.kind == FileType::RegularFile && node.stat.size >= MIN_BYTES;
    if !is_file(&mine) || !is_file(&theirs) || mine.stat.allocated == 0 {
        return Ok(0);
    }
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let to = match openat(folder, name, flags, Mode::empty()) {
        // Immutable files stay as they are.
        Err(Errno::PERM | Errno::ACCESS) => return Ok(0),
        other => other?,
    };
    let from = theirs.reopen()?;
    if mine.stat.size == theirs.stat.size && is_equal(&to, &from)? {
        return Ok(if clone_onto(&to, &from, folder, name, &mine.stat)? { mine.stat.size } else { 0 });
    }
    if mine.stat.size < LARGE_BYTES {
        return Ok(0);
    }
    patch(folder, name, &mine.stat, (&to, &from))
}

/// Makes the file `to` of a clone of `from` and of what differs, if that is less than half.
fn patch(folder: &OwnedFd, name: &CStr, stat: &Stat, (to, from): (&OwnedFd, &OwnedFd)) -> io::Result<u64> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let draft = match openat(folder, c".", flags, Mode::RUSR | Mode::WUSR) {
        Err(Errno::OPNOTSUPP) => return Ok(0),
        other => other?,
    };
    if ioctl_ficlone(&draft, from).is_err() {
        return Ok(0);
    }
    let written = match patch_copy(to, &draft, stat, 1, &|_| true) {
        Ok(done) => done.moved,
        Err(failure) => return Err(failure.into()),
    };
    if written > stat.size / 2 {
        return Ok(0);
    }
    Ok(if clone_onto(to, &draft, folder, name, stat)? { stat.size - written } else { 0 })
}

/// Gives `to` the blocks of `from`, which has the same bytes, and its own times back.
fn clone_onto(to: &OwnedFd, from: &OwnedFd, folder: &OwnedFd, name: &CStr, stat: &Stat) -> io::Result<bool> {
    fault::point("tree.share")?;
    match ioctl_ficlone(to, from) {
        // Such as files of which one is not to be copied on write.
        Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::XDEV) => return Ok(false),
        other => other?,
    }
    utimensat(folder, name, &stat.times, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(true)
}

fn is_equal(one: &OwnedFd, other: &OwnedFd) -> io::Result<bool> {
    let (mut own, mut theirs) = (vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]);
    let mut offset = 0;
    loop {
        let read = read_at(one, &mut own, offset)?;
        if read_at(other, &mut theirs, offset)? != read || own[..read] != theirs[..read] {
            return Ok(false);
        }
        if read < BUFFER_BYTES {
            return Ok(true);
        }
        offset += read as u64;
    }
}
