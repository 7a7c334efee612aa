//! Puts owner, attributes, mode, flags and times on a new entry.
//!
//! The order is that of `entry::attributes`, which says why, but for access lists: they follow the
//! mode and win over it, as they do for GNU tar. Where a list belongs to the mode, as in every tree
//! that was read from a disk, nothing differs.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{
    AtFlags, Gid, Uid, XattrFlags, chmodat, chownat, fchmod, fchown, fsetxattr, futimens, lsetxattr,
    utimensat,
};
use rustix::io::Errno;

use super::builder::Tally;
use super::path::EntryPath;
use crate::sys::tree::entry::attributes::{is_label, magic_child};
use crate::sys::tree::entry::values::EntryAttributes;

pub(in crate::sys::tree) const ACCESS: &CStr = c"system.posix_acl_access";
pub(in crate::sys::tree) const DEFAULT: &CStr = c"system.posix_acl_default";

/// What the attributes are put on.
#[derive(Clone, Copy)]
pub(super) enum NewEntry<'a> {
    /// A file or a directory.
    Open(&'a OwnedFd),
    /// A symlink of this name in this directory.
    Symlink(&'a OwnedFd, &'a CStr),
    /// A FIFO, a socket or a device of this name in this directory.
    Special(&'a OwnedFd, &'a CStr),
}

/// Puts `attributes` on the entry at `path` that was made as `made`.
pub(super) fn apply(
    attributes: &EntryAttributes,
    made: NewEntry<'_>,
    path: &EntryPath,
    tally: &Tally,
) -> io::Result<()> {
    let (owner, group) = (Some(Uid::from_raw(attributes.uid)), Some(Gid::from_raw(attributes.gid)));
    let nofollow = AtFlags::SYMLINK_NOFOLLOW;
    match made {
        NewEntry::Open(file) => fchown(file, owner, group)?,
        NewEntry::Symlink(folder, name) | NewEntry::Special(folder, name) => {
            chownat(folder, name, owner, group, nofollow)?;
        }
    }
    let (lists, others) = attributes.extended.iter().partition::<Vec<_>, _>(|(name, _)| is_access_list(name));
    for (name, value) in others {
        made.set(name, value, path, tally)?;
    }
    match made {
        NewEntry::Open(file) => fchmod(file, attributes.mode)?,
        NewEntry::Special(folder, name) => chmodat(folder, name, attributes.mode, AtFlags::empty())?,
        NewEntry::Symlink(..) => {}
    }
    for (name, value) in lists {
        made.set(name, value, path, tally)?;
    }
    match made {
        NewEntry::Open(file) => futimens(file, &attributes.times())?,
        NewEntry::Symlink(folder, name) | NewEntry::Special(folder, name) => {
            utimensat(folder, name, &attributes.times(), nofollow)?;
        }
    }
    Ok(())
}

/// Puts the extended attributes on a directory but for access lists, which its entries would get
/// from it, and takes them out of `attributes`: they may be long, and many directories wait for
/// their entries.
pub(super) fn apply_early(
    attributes: &mut EntryAttributes,
    directory: &OwnedFd,
    path: &EntryPath,
    tally: &Tally,
) -> io::Result<()> {
    for (name, value) in attributes.extended.extract_if(.., |(name, _)| !is_access_list(name)) {
        NewEntry::Open(directory).set(&name, &value, path, tally)?;
    }
    Ok(())
}

impl NewEntry<'_> {
    fn set(&self, name: &CString, value: &[u8], path: &EntryPath, tally: &Tally) -> io::Result<()> {
        if is_host_label(name) {
            tally.leave_out_label();
            return Ok(());
        }
        let set = match self {
            NewEntry::Open(file) => fsetxattr(file, name, value, XattrFlags::empty()),
            NewEntry::Symlink(folder, entry) | NewEntry::Special(folder, entry) => {
                lsetxattr(&*magic_child(folder, entry), name, value, XattrFlags::empty())
            }
        };
        match set {
            Ok(()) => Ok(()),
            Err(errno) if self.is_impossible(name, errno) => {
                tally.leave_out(&name.to_string_lossy(), path);
                Ok(())
            }
            Err(errno) => {
                let error = io::Error::from(errno);
                let text = format!("extended attribute {}: {error}", name.to_string_lossy());
                Err(io::Error::new(error.kind(), text))
            }
        }
    }

    /// Returns whether no file system of Linux can store this attribute on such an entry.
    fn is_impossible(&self, name: &CStr, errno: Errno) -> bool {
        let is_of = |space: &[u8]| name.to_bytes().starts_with(space);
        if is_of(b"user.") && !matches!(self, NewEntry::Open(_)) {
            return errno == Errno::PERM;
        }
        !(is_access_list(name) || is_of(b"user.") || is_of(b"trusted.") || is_of(b"security."))
    }
}

pub(in crate::sys::tree) fn is_access_list(name: &CStr) -> bool {
    [ACCESS, DEFAULT].contains(&name)
}

/// Returns whether the host gives this attribute to each file, or signs the file with it.
fn is_host_label(name: &CStr) -> bool {
    is_label(name) || name.to_bytes() == b"security.evm" || name.to_bytes().starts_with(b"trusted.SGI_ACL_")
}
