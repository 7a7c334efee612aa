//! Puts owner, attributes, mode, access lists and times of an archive's entry on what was made of
//! it.
//!
//! The order is that of `entry::attributes`, which says why, but for access lists that come as
//! text: they follow the mode and win over it, as they do for GNU tar.
//!
//! Left out and counted: labels of the host (SELinux, IMA, Smack) and attributes that Linux cannot
//! store, such as those of macOS. Any other attribute that cannot be set is an error.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{
    AtFlags, Gid, Mode, Timestamps, Uid, XattrFlags, chmodat, chownat, fchmod, fchown, fsetxattr, futimens,
    lsetxattr, utimensat,
};
use rustix::io::Errno;

use super::access_list;
use super::entries::Item;
use super::write::ArchiveStats;
use crate::sys::tree::entry::attributes::{is_label, magic_child};

/// What an entry gets beside its name and its content.
pub(super) struct ItemAttributes {
    uid: u32,
    gid: u32,
    mode: Mode,
    times: Timestamps,
    extended: Vec<(CString, Vec<u8>)>,
    /// Names of extended attributes that a directory got early.
    early: Vec<CString>,
    access: Option<Vec<u8>>,
    default: Option<Vec<u8>>,
}

/// What the attributes are put on.
#[derive(Clone, Copy)]
pub(super) enum NewEntry<'a> {
    /// A file or a directory.
    Open(&'a OwnedFd),
    /// A symlink of this name in this directory.
    Symlink(&'a OwnedFd, &'a CStr),
    /// A FIFO or a device of this name in this directory.
    Special(&'a OwnedFd, &'a CStr),
}

impl ItemAttributes {
    /// Takes them from `item`, whose attributes are moved out of it.
    pub(super) fn of(item: &mut Item) -> io::Result<Self> {
        let extension = &mut item.extension;
        let list = |text: Option<&Vec<u8>>| match text {
            Some(text) => access_list::from_text(text, known),
            None => Ok(None),
        };
        let (access, default) = (list(extension.access.as_ref())?, list(extension.default.as_ref())?);
        let mut extended = std::mem::take(&mut extension.attributes);
        if access.is_some() || default.is_some() {
            extended.retain(|(name, _)| !is_access_list(name));
        }
        let last_access = extension.atime.unwrap_or(item.mtime);
        Ok(ItemAttributes {
            uid: item.uid,
            gid: item.gid,
            mode: Mode::from_raw_mode(item.mode),
            times: Timestamps { last_access, last_modification: item.mtime },
            extended,
            early: Vec::new(),
            access,
            default,
        })
    }

    /// Returns whether `other` has each extended attribute that these have.
    pub(super) fn are_named_by(&self, other: &ItemAttributes) -> bool {
        let has = |name| other.names().any(|there| there == name);
        self.names().all(has)
    }

    fn names(&self) -> impl Iterator<Item = &CString> {
        self.extended.iter().map(|(name, _)| name).chain(&self.early)
    }

    /// Puts the extended attributes on a directory but for access lists, which its entries would
    /// get from it. The rest must wait for the entries; these may be long, and many directories
    /// wait.
    pub(super) fn apply_early(
        &mut self,
        directory: &OwnedFd,
        name: &[u8],
        stats: &mut ArchiveStats,
    ) -> io::Result<()> {
        let can_be_early = |(key, _): &mut (CString, Vec<u8>)| !is_access_list(key);
        let early: Vec<_> = self.extended.extract_if(.., can_be_early).collect();
        set_extended(&early, NewEntry::Open(directory), name, stats)?;
        self.early.extend(early.into_iter().map(|(key, _)| key));
        Ok(())
    }

    /// Puts them on `made`, called `name` in the archive.
    pub(super) fn apply(&self, made: NewEntry<'_>, name: &[u8], stats: &mut ArchiveStats) -> io::Result<()> {
        let (owner, group) = (Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)));
        let nofollow = AtFlags::SYMLINK_NOFOLLOW;
        match made {
            NewEntry::Open(file) => fchown(file, owner, group)?,
            NewEntry::Symlink(folder, name) | NewEntry::Special(folder, name) => {
                chownat(folder, name, owner, group, nofollow)?;
            }
        }
        set_extended(&self.extended, made, name, stats)?;
        match made {
            NewEntry::Open(file) => fchmod(file, self.mode)?,
            NewEntry::Special(folder, name) => chmodat(folder, name, self.mode, AtFlags::empty())?,
            NewEntry::Symlink(..) => {}
        }
        if !matches!(made, NewEntry::Symlink(..)) {
            self.set_lists(made)?;
        }
        match made {
            NewEntry::Open(file) => futimens(file, &self.times)?,
            NewEntry::Symlink(folder, name) | NewEntry::Special(folder, name) => {
                utimensat(folder, name, &self.times, nofollow)?;
            }
        }
        Ok(())
    }

    fn set_lists(&self, made: NewEntry<'_>) -> io::Result<()> {
        for (key, list) in [(access_list::ACCESS, &self.access), (access_list::DEFAULT, &self.default)] {
            if let Some(list) = list {
                made.set(key, list).map_err(|errno| named(key, errno))?;
            }
        }
        Ok(())
    }

    /// Drops what only a directory has.
    pub(super) fn of_file(mut self) -> Self {
        self.default = None;
        self
    }
}

impl NewEntry<'_> {
    fn set(&self, key: &CStr, value: &[u8]) -> Result<(), Errno> {
        match self {
            NewEntry::Open(file) => fsetxattr(file, key, value, XattrFlags::empty()),
            NewEntry::Symlink(folder, name) | NewEntry::Special(folder, name) => {
                lsetxattr(&*magic_child(folder, name), key, value, XattrFlags::empty())
            }
        }
    }
}

fn set_extended(
    attributes: &[(CString, Vec<u8>)],
    made: NewEntry<'_>,
    name: &[u8],
    stats: &mut ArchiveStats,
) -> io::Result<()> {
    for (key, value) in attributes {
        if is_host_label(key) {
            stats.labels += 1;
            continue;
        }
        match made.set(key, value) {
            Ok(()) => {}
            Err(errno) if is_impossible(key, errno, made) => {
                stats.leave_out(&key.to_string_lossy(), name);
            }
            Err(errno) => return Err(named(key, errno)),
        }
    }
    Ok(())
}

fn is_access_list(key: &CStr) -> bool {
    [access_list::ACCESS, access_list::DEFAULT].contains(&key)
}

fn known(kind: &str, name: &str) -> Option<u32> {
    let file = if kind == "user" { "/etc/passwd" } else { "/etc/group" };
    access_list::number_in(&std::fs::read_to_string(file).ok()?, name)
}

/// Returns whether the host gives this attribute to each file, or signs the file with it.
fn is_host_label(key: &CStr) -> bool {
    is_label(key) || key.to_bytes() == b"security.evm" || key.to_bytes().starts_with(b"trusted.SGI_ACL_")
}

/// Returns whether no file system of Linux can store this attribute on such an entry.
fn is_impossible(key: &CStr, errno: Errno, made: NewEntry<'_>) -> bool {
    let is_of = |space: &[u8]| key.to_bytes().starts_with(space);
    if is_of(b"user.") && !matches!(made, NewEntry::Open(_)) {
        return errno == Errno::PERM;
    }
    !(is_access_list(key) || is_of(b"user.") || is_of(b"trusted.") || is_of(b"security."))
}

fn named(key: &CStr, errno: Errno) -> io::Error {
    let error = io::Error::from(errno);
    io::Error::new(error.kind(), format!("extended attribute {}: {error}", key.to_string_lossy()))
}
