//! Sets owner, mode, extended attributes and times on the copy of an entry.
//!
//! The order matters. `chown(2)` and writing clear setuid bits and capabilities, so both come
//! first. An ACL rewrites the group bits, so the mode comes after it; and a mode without write
//! permission would keep an ordinary user from setting `user.*`, so it comes after those too. Times
//! come last.
//!
//! Labels are attributes that the host gives and checks, not data of the tree. SELinux, IMA and
//! Smack labels are copied where the kernel allows it and never compared; `security.evm` signs the
//! inode that it is on and is left alone; XFS shows ACLs a second time under `trusted.SGI_ACL_*`.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, Uid, XattrFlags, chmodat, chownat, fchmod, fchown, fgetxattr, flistxattr,
    fsetxattr, fstat, futimens, getxattr, lgetxattr, listxattr, lsetxattr, utimensat,
};
use rustix::io::{Errno, Result};

use super::handle::Stat;

/// Linux's limits in bytes on a list of names and on a value (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const LIST_MAX: usize = 64 * 1024;
const VALUE_MAX: usize = 64 * 1024;

/// Buffers, one set for each thread.
#[derive(Default)]
pub(in crate::sys::tree) struct Scratch {
    pub(in crate::sys::tree) names: Vec<u8>,
    pub(in crate::sys::tree) value: Vec<u8>,
    other: Vec<u8>,
}

/// Something that has extended attributes.
#[derive(Clone, Copy)]
pub(in crate::sys::tree) enum XattrHolder<'a> {
    /// A file or a directory that is open for reading or writing.
    Open(BorrowedFd<'a>),
    /// A magic path of a handle, which leads to the handle's inode.
    Magic(&'a str),
    /// The entry at this path itself, in a directory that only we write to.
    Private(&'a [u8]),
}

impl XattrHolder<'_> {
    /// Lists the names as one block in which each ends in NUL; empty where the file system has
    /// none.
    pub(in crate::sys::tree) fn list<'b>(&self, buffer: &'b mut Vec<u8>) -> Result<&'b [u8]> {
        let buffer = room(buffer, LIST_MAX);
        let listed = match self {
            XattrHolder::Open(handle) => flistxattr(handle, &mut buffer[..]),
            XattrHolder::Magic(path) => listxattr(*path, &mut buffer[..]),
            XattrHolder::Private(path) => rustix::fs::llistxattr(*path, &mut buffer[..]),
        };
        match listed {
            Ok(length) => Ok(&buffer[..length]),
            Err(Errno::OPNOTSUPP) => Ok(&[]),
            Err(error) => Err(error),
        }
    }

    /// Reads the value of `name`, or `None` if it has gone.
    pub(in crate::sys::tree) fn get<'b>(
        &self,
        name: &CStr,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<&'b [u8]>> {
        let buffer = room(buffer, VALUE_MAX);
        let got = match self {
            XattrHolder::Open(handle) => fgetxattr(handle, name, &mut buffer[..]),
            XattrHolder::Magic(path) => getxattr(*path, name, &mut buffer[..]),
            XattrHolder::Private(path) => lgetxattr(*path, name, &mut buffer[..]),
        };
        match got {
            Ok(length) => Ok(Some(&buffer[..length])),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn set(&self, name: &CStr, value: &[u8]) -> Result<()> {
        match self {
            XattrHolder::Open(handle) => fsetxattr(handle, name, value, XattrFlags::empty()),
            XattrHolder::Magic(path) => rustix::fs::setxattr(*path, name, value, XattrFlags::empty()),
            XattrHolder::Private(path) => lsetxattr(*path, name, value, XattrFlags::empty()),
        }
    }
}

/// Returns the first `length` bytes of a buffer, which grows as needed.
pub(in crate::sys::tree) fn room(buffer: &mut Vec<u8>, length: usize) -> &mut [u8] {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    &mut buffer[..length]
}

/// Splits the block of names that [`XattrHolder::list`] gives; skips names that are never copied.
pub(in crate::sys::tree) fn names(block: &[u8]) -> impl Iterator<Item = &CStr> {
    block.split_inclusive(|byte| *byte == 0).filter_map(|name| CStr::from_bytes_with_nul(name).ok()).filter(
        |name| name.to_bytes() != b"security.evm" && !name.to_bytes().starts_with(b"trusted.SGI_ACL_"),
    )
}

/// Returns whether `name` is a label that the host gives.
pub(in crate::sys::tree) fn is_label(name: &CStr) -> bool {
    let name = name.to_bytes();
    matches!(name, b"security.selinux" | b"security.ima") || name.starts_with(b"security.SMACK64")
}

/// Sets what `stat` says, and the extended attributes of `from`, on the open file or directory
/// `to`.
pub(in crate::sys::tree) fn apply(
    to: &OwnedFd,
    stat: &Stat,
    from: BorrowedFd<'_>,
    scratch: &mut Scratch,
) -> io::Result<()> {
    let born = fstat(to)?;
    if (born.st_uid, born.st_gid) != (stat.uid, stat.gid) {
        let (owner, group) = owner_of(stat);
        fchown(to, owner, group).map_err(|errno| owner_refused(errno, stat))?;
    }
    let set = copy_extended(XattrHolder::Open(from), XattrHolder::Open(to.as_fd()), scratch)?;
    if set || Mode::from_raw_mode(born.st_mode) != stat.mode || stat.mode.intersects(Mode::SUID | Mode::SGID)
    {
        fchmod(to, stat.mode)?;
    }
    Ok(futimens(to, &stat.times)?)
}

/// Sets the attributes of a symlink, FIFO, socket or device as [`apply`] does: of the entry `name`
/// of `directory`, which only we write to.
pub(in crate::sys::tree) fn apply_to_name(
    directory: &OwnedFd,
    name: &CStr,
    stat: &Stat,
    from: &str,
    scratch: &mut Scratch,
) -> io::Result<()> {
    let (owner, group) = owner_of(stat);
    chownat(directory, name, owner, group, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|errno| owner_refused(errno, stat))?;
    let path = magic_child(directory, name);
    copy_extended(XattrHolder::Magic(from), XattrHolder::Private(&path), scratch)?;
    if stat.kind != FileType::Symlink {
        chmodat(directory, name, stat.mode, AtFlags::empty())?;
    }
    Ok(utimensat(directory, name, &stat.times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Returns a path to the entry `name` of `directory` itself, for calls that take only paths.
pub(in crate::sys::tree) fn magic_child(directory: &OwnedFd, name: &CStr) -> Vec<u8> {
    [format!("/proc/self/fd/{}/", directory.as_raw_fd()).as_bytes(), name.to_bytes()].concat()
}

/// Removes the extended attributes that a new entry inherited from its parent (a default ACL, say).
pub(in crate::sys::tree) fn clear_inherited(directory: &OwnedFd, scratch: &mut Scratch) -> Result<()> {
    let holder = XattrHolder::Open(directory.as_fd());
    for name in names(holder.list(&mut scratch.names)?).filter(|name| !is_label(name)) {
        rustix::fs::fremovexattr(directory, name)?;
    }
    Ok(())
}

/// Copies all extended attributes; returns whether there were any.
fn copy_extended(from: XattrHolder<'_>, to: XattrHolder<'_>, scratch: &mut Scratch) -> io::Result<bool> {
    let mut any = false;
    for name in names(from.list(&mut scratch.names)?) {
        let Some(value) = from.get(name, &mut scratch.value)? else { continue };
        any = true;
        let Err(error) = to.set(name, value) else { continue };
        let already = matches!(to.get(name, &mut scratch.other), Ok(Some(there)) if there == value);
        if !already && !is_label(name) {
            let error = io::Error::from(error);
            let text = format!("extended attribute {}: {error}", name.to_string_lossy());
            return Err(io::Error::new(error.kind(), text));
        }
    }
    Ok(any)
}

fn owner_of(stat: &Stat) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(stat.uid)), Some(Gid::from_raw(stat.gid)))
}

fn owner_refused(errno: Errno, stat: &Stat) -> io::Error {
    if errno != Errno::PERM {
        return errno.into();
    }
    let text = format!("its owner is {}:{}, which only root can set", stat.uid, stat.gid);
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}
