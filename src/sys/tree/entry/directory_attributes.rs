//! The attributes of a directory as a value: read from one, written to a list, set on another.
//! Those of a regular file, too.
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

/// Owner, mode, times, extended attributes and flags of a directory or a regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sys::tree) struct DirectoryAttributes {
    uid: u32,
    gid: u32,
    mode: Mode,
    /// Access and modification time: seconds and nanoseconds.
    times: [(i64, i64); 2],
    /// Sorted by name.
    extended: Vec<(CString, Vec<u8>)>,
    flags: Flags,
}

impl DirectoryAttributes {
    /// Reads the attributes of the open directory or file `handle`, whose `stat` is known.
    pub(in crate::sys::tree) fn of(
        handle: BorrowedFd<'_>,
        stat: &Stat,
        scratch: &mut Scratch,
    ) -> io::Result<Self> {
        let holder = XattrHolder::Open(handle);
        let mut extended = Vec::new();
        let Scratch { names: listed, value, .. } = scratch;
        for name in names(holder.list(listed)?).filter(|name| !is_label(name)) {
            if let Some(value) = holder.get(name, value)? {
                extended.push((name.to_owned(), value.to_vec()));
            }
        }
        extended.sort();
        let time = |time: &Timespec| (time.tv_sec, time.tv_nsec);
        let times = [time(&stat.times.last_access), time(&stat.times.last_modification)];
        let (uid, gid, mode, flags) = (stat.uid, stat.gid, stat.mode, Flags::of(handle));
        Ok(DirectoryAttributes { uid, gid, mode, times, extended, flags })
    }

    /// Returns whether the two differ in more than their access times.
    pub(in crate::sys::tree) fn differs(&self, other: &DirectoryAttributes) -> bool {
        let plain = |one: &DirectoryAttributes| (one.uid, one.gid, one.mode, one.times[1], one.flags);
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
        let now = DirectoryAttributes::of(to.as_fd(), &Stat::of(to.as_fd())?, scratch)?;
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
        let time = |(tv_sec, tv_nsec)| Timespec { tv_sec, tv_nsec };
        let [access, modification] = self.times.map(time);
        Ok(futimens(to, &Timestamps { last_access: access, last_modification: modification })?)
    }

    pub(in crate::sys::tree) fn write(&self, out: &mut Vec<u8>) {
        put_number(out, u64::from(self.uid));
        put_number(out, u64::from(self.gid));
        put_number(out, u64::from(self.flags.bits()) << 32 | u64::from(self.mode.bits()));
        for (seconds, nanoseconds) in self.times {
            put_number(out, seconds.cast_unsigned());
            put_number(out, nanoseconds.cast_unsigned());
        }
        put_number(out, self.extended.len() as u64);
        for (name, value) in &self.extended {
            put_bytes(out, name.to_bytes());
            put_bytes(out, value);
        }
    }

    pub(in crate::sys::tree) fn read(from: &mut Decoder<'_>) -> io::Result<Self> {
        let mut small = || u32::try_from(from.number()?).map_err(|_| io::ErrorKind::InvalidData.into());
        let [uid, gid]: [io::Result<u32>; 2] = [small(), small()];
        let mode = from.number()?;
        let flags = Flags::from_bits((mode >> 32) as u32);
        let mut time = || Ok::<_, io::Error>((from.number()?.cast_signed(), from.number()?.cast_signed()));
        let times = [time()?, time()?];
        let extended = (0..from.number()?).map(|_| Ok((from.name()?, from.bytes()?.to_vec())));
        let extended = extended.collect::<io::Result<_>>()?;
        let mode = Mode::from_raw_mode(mode as u32);
        Ok(DirectoryAttributes { uid: uid?, gid: gid?, mode, times, extended, flags })
    }
}
