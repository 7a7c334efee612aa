//! Keeps the attributes of files and directories that chattr(1) sets (`ioctl_iflags(2)`).
//!
//! A copy gets those that say how data is stored and synced. It does not get `i` and `a`, with
//! which no process could move or delete it; nor `P` and the project id, which count against a
//! quota of the host; nor what the file system sets itself, such as `e` on ext4. Where the file
//! system has no such attributes there is nothing to do. What it refuses is counted
//! ([`RefusedFlags`]), and no error.

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use rustix::fs::{FileType, IFlags, ioctl_getflags, ioctl_setflags};
use rustix::io::Errno;

/// `m`, which rustix has no name for: never compress. btrfs sets it by itself on files whose data
/// does not get smaller.
const UNCOMPRESSED: IFlags = IFlags::from_bits_retain(0x400);

/// The flags that a copy gets, with their letters.
const KEPT: [(IFlags, char); 12] = [
    (IFlags::NOATIME, 'A'),
    (IFlags::NOCOW, 'C'),
    (IFlags::COMPRESSED, 'c'),
    (IFlags::DIRSYNC, 'D'),
    (IFlags::NODUMP, 'd'),
    (IFlags::JOURNALING, 'j'),
    (UNCOMPRESSED, 'm'),
    (IFlags::SYNC, 'S'),
    (IFlags::SECURE_REMOVAL, 's'),
    (IFlags::TOPDIR, 'T'),
    (IFlags::NOTAIL, 't'),
    (IFlags::UNRM, 'u'),
];

/// The flags of an entry that a copy gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(IFlags);

/// Counts entries that did not get all their flags, and collects these flags. Threads share it.
#[derive(Debug, Default)]
pub struct RefusedFlags {
    entries: AtomicUsize,
    flags: AtomicU32,
}

impl Flags {
    /// Reads the flags of an open file or directory; none where the file system has none.
    pub(in crate::sys::tree) fn of(handle: impl AsFd) -> Flags {
        ioctl_getflags(handle).map_or(Flags::none(), Flags::from_all)
    }

    fn from_all(all: IFlags) -> Flags {
        Flags(all & kept())
    }

    /// Returns the bits of `ioctl_iflags(2)`.
    pub fn bits(self) -> u32 {
        self.0.bits()
    }

    /// Takes those of the bits of `ioctl_iflags(2)` that a copy gets.
    pub fn from_bits(bits: u32) -> Flags {
        Flags::from_all(IFlags::from_bits_retain(bits))
    }

    /// Returns none.
    pub fn none() -> Flags {
        Flags(IFlags::empty())
    }

    /// Returns whether two entries of one kind differ in a flag that only a user sets.
    pub(in crate::sys::tree) fn differ(self, other: Flags, kind: FileType) -> bool {
        let own = if kind == FileType::Directory { IFlags::empty() } else { UNCOMPRESSED };
        self.0 - own != other.0 - own
    }

    /// Sets these flags and no others on the new, empty file `to`, since some, such as `C`, cannot
    /// be set later; except for `S`, with which its data would be synced piece by piece. Returns
    /// whether that leaves something to [`Flags::put`].
    pub(in crate::sys::tree) fn begin(self, to: impl AsFd) -> io::Result<bool> {
        let missing = change(to, self.0 - IFlags::SYNC)?;
        Ok(!missing.is_empty() || self.0.contains(IFlags::SYNC))
    }

    /// Sets these flags and no others on the file or directory `to`.
    pub(in crate::sys::tree) fn put(self, to: impl AsFd, refused: &RefusedFlags) -> io::Result<()> {
        let missing = change(to, self.0)?;
        if !missing.is_empty() {
            refused.entries.fetch_add(1, Ordering::Relaxed);
            refused.flags.fetch_or(missing.bits(), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Sets the flags that a copy gets to `wanted`; returns those that the kernel refuses to change.
fn change(to: impl AsFd, wanted: IFlags) -> io::Result<IFlags> {
    // A file system without flags has none to set.
    let Ok(mut now) = ioctl_getflags(&to) else { return Ok(IFlags::empty()) };
    let differ = (now & kept()) ^ wanted;
    let mut missing = IFlags::empty();
    if differ.is_empty() || set(&to, now ^ differ)? {
        return Ok(missing);
    }
    // The kernel sets all or none: try one by one.
    for (flag, _) in KEPT.into_iter().filter(|(flag, _)| differ.contains(*flag)) {
        if set(&to, now ^ flag)? {
            now ^= flag;
        } else {
            missing |= flag;
        }
    }
    Ok(missing)
}

impl RefusedFlags {
    /// Takes the number of entries and the letters of the flags, if there are any.
    pub fn take(&self) -> Option<(usize, String)> {
        let entries = self.entries.swap(0, Ordering::Relaxed);
        let flags = IFlags::from_bits_retain(self.flags.swap(0, Ordering::Relaxed));
        let letters = KEPT.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, letter)| letter);
        (entries > 0).then(|| (entries, letters.collect()))
    }
}

fn kept() -> IFlags {
    KEPT.iter().fold(IFlags::empty(), |all, (flag, _)| all | *flag)
}

/// Sets all flags; returns false if the kernel refuses them.
fn set(to: impl AsFd, flags: IFlags) -> io::Result<bool> {
    match ioctl_setflags(to, flags) {
        Ok(()) => Ok(true),
        Err(Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP | Errno::NOTTY | Errno::INVAL | Errno::NOSYS) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
