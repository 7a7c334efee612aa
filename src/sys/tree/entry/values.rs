//! The attributes of an entry as a value: read from one, written to a list, put on another.
//!
//! Labels that the host gives (`attributes` lists them) are left alone.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{
    Gid, Mode, Timespec, Timestamps, Uid, XattrFlags, fchmod, fchown, fremovexattr, fsetxattr, futimens,
};

use super::attributes::{Scratch, XattrHolder, is_label, names};
use super::codec::{Decoder, put_bytes, put_number};
use super::flags::{Flags, RefusedFlags};
use super::handle::Stat;
use crate::sys::fault;
use crate::sys::tree::times::FileTime;

/// Owner, mode, times, extended attributes and flags of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryAttributes {
    /// Number of the owner.
    pub uid: u32,
    /// Number of the owner's group.
    pub gid: u32,
    /// Permission bits with setuid, setgid and sticky. A symlink's say nothing.
    pub mode: Mode,
    /// When it was last read.
    pub accessed: FileTime,
    /// When it was last changed.
    pub modified: FileTime,
    /// Extended attributes, access lists and capabilities included, sorted by name.
    pub extended: Vec<(CString, Vec<u8>)>,
    /// What chattr(1) sets; only directories and regular files have any.
    pub flags: Flags,
}

impl EntryAttributes {
    /// Reads the attributes of the open directory or file `handle`, whose `stat` is known.
    pub(in crate::sys::tree) fn of(
        handle: BorrowedFd<'_>,
        stat: &Stat,
        scratch: &mut Scratch,
    ) -> io::Result<Self> {
        let (extended, _) = read_extended(XattrHolder::Open(handle), scratch)?;
        Ok(EntryAttributes::new(stat, extended, Flags::of(handle)))
    }

    /// Joins what `stat` says with what it does not.
    pub(in crate::sys::tree) fn new(stat: &Stat, extended: Extended, flags: Flags) -> Self {
        EntryAttributes {
            uid: stat.uid,
            gid: stat.gid,
            mode: stat.mode,
            accessed: stat.times.last_access.into(),
            modified: stat.times.last_modification.into(),
            extended,
            flags,
        }
    }

    /// Returns the times as the kernel takes them.
    pub(in crate::sys::tree) fn times(&self) -> Timestamps {
        let time = |FileTime(tv_sec, nanos)| Timespec { tv_sec, tv_nsec: nanos.into() };
        Timestamps { last_access: time(self.accessed), last_modification: time(self.modified) }
    }

    /// Returns whether the two differ in more than their access times.
    pub(in crate::sys::tree) fn differs(&self, other: &EntryAttributes) -> bool {
        let plain = |one: &EntryAttributes| (one.uid, one.gid, one.mode, one.modified, one.flags);
        plain(self) != plain(other) || self.extended != other.extended
    }

    /// Sets exactly these attributes on the directory or file `to`, except for flags that the
    /// file system refuses. Can be repeated.
    pub(in crate::sys::tree) fn put(
        &self,
        to: &OwnedFd,
        scratch: &mut Scratch,
        refused: &RefusedFlags,
    ) -> io::Result<()> {
        fault::point("tree.attributes")?;
        // btrfs keeps one of them as an extended attribute too.
        self.flags.put(to, refused)?;
        let now = EntryAttributes::of(to.as_fd(), &Stat::of(to.as_fd())?, scratch)?;
        if (now.uid, now.gid) != (self.uid, self.gid) {
            fchown(to, Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))?;
        }
        for (name, _) in &now.extended {
            if self.extended.iter().all(|(other, _)| other != name) {
                fremovexattr(to, name)?;
            }
        }
        for one in &self.extended {
            if !now.extended.contains(one) {
                fsetxattr(to, &one.0, &one.1, XattrFlags::empty())?;
            }
        }
        // An ACL rewrites the bits of the group, and another owner takes setuid away.
        if now.mode != self.mode
            || now.extended != self.extended
            || (now.uid, now.gid) != (self.uid, self.gid)
        {
            fchmod(to, self.mode)?;
        }
        Ok(futimens(to, &self.times())?)
    }

    pub(in crate::sys::tree) fn write(&self, out: &mut Vec<u8>) {
        put_number(out, u64::from(self.uid));
        put_number(out, u64::from(self.gid));
        put_number(out, u64::from(self.flags.bits()) << 32 | u64::from(self.mode.bits()));
        for FileTime(seconds, nanoseconds) in [self.accessed, self.modified] {
            put_number(out, seconds.cast_unsigned());
            put_number(out, nanoseconds.into());
        }
        put_number(out, self.extended.len() as u64);
        for (name, value) in &self.extended {
            put_bytes(out, name.to_bytes());
            put_bytes(out, value);
        }
    }

    pub(in crate::sys::tree) fn read(from: &mut Decoder<'_>) -> io::Result<Self> {
        let (uid, gid, mode) = (small(from)?, small(from)?, from.number()?);
        let flags = Flags::from_bits((mode >> 32) as u32);
        let mut time = || Ok::<_, io::Error>(FileTime(from.number()?.cast_signed(), small(from)?));
        let (accessed, modified) = (time()?, time()?);
        let extended = (0..from.number()?).map(|_| Ok((from.name()?, from.bytes()?.to_vec())));
        let extended = extended.collect::<io::Result<_>>()?;
        let mode = Mode::from_raw_mode(mode as u32);
        Ok(EntryAttributes { uid, gid, mode, accessed, modified, extended, flags })
    }
}

fn small(from: &mut Decoder<'_>) -> io::Result<u32> {
    u32::try_from(from.number()?).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Extended attributes: name and value.
pub(in crate::sys::tree) type Extended = Vec<(CString, Vec<u8>)>;

/// Reads the extended attributes, sorted by name, and counts labels, which are not among them.
pub(in crate::sys::tree) fn read_extended(
    holder: XattrHolder<'_>,
    scratch: &mut Scratch,
) -> io::Result<(Extended, u64)> {
    let Scratch { names: listed, value, .. } = scratch;
    let (mut extended, mut labels) = (Vec::new(), 0);
    for name in names(holder.list(listed)?) {
        if is_label(name) {
            labels += 1;
        } else if let Some(value) = holder.get(name, value)? {
            extended.push((name.to_owned(), value.to_vec()));
        }
    }
    extended.sort();
    Ok((extended, labels))
}
