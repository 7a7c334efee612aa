//! Opens an entry beneath the handle of its directory, and asks the kernel about it.
//!
//! `openat2(2)` refuses symlinks and mount points by itself. Where it is missing (before Linux 5.6,
//! or behind a seccomp filter that does not know it), the mount ids that `statx(2)` gives are
//! compared.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Once, OnceLock};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Statx, StatxAttributes, StatxFlags, Timespec,
    Timestamps, makedev, openat, openat2, statx,
};
use rustix::io::{Errno, Result};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::sys::disk;
use crate::sys::error::{At as _, DiskError};
use crate::sys::obstacle::Obstacle;

/// The kernel's answer about an entry.
#[derive(Clone)]
pub(in crate::sys::tree) struct Stat {
    pub(in crate::sys::tree) kind: FileType,
    /// Permission bits with setuid, setgid and sticky.
    pub(in crate::sys::tree) mode: Mode,
    pub(in crate::sys::tree) uid: u32,
    pub(in crate::sys::tree) gid: u32,
    /// Size in bytes.
    pub(in crate::sys::tree) size: u64,
    /// Allocated bytes.
    pub(in crate::sys::tree) allocated: u64,
    pub(in crate::sys::tree) links: u32,
    pub(in crate::sys::tree) inode: Inode,
    /// The device that a device node stands for.
    pub(in crate::sys::tree) device: u64,
    pub(in crate::sys::tree) times: Timestamps,
    /// When the inode last changed; no process can set it.
    pub(in crate::sys::tree) changed: Timespec,
    mount: Option<u64>,
    attributes: StatxAttributes,
}

/// Identifies an inode, and tells it from a later one with the same number where the file system
/// keeps times of birth.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::sys::tree) struct Inode {
    pub(in crate::sys::tree) device: u64,
    pub(in crate::sys::tree) number: u64,
    /// Time of birth: seconds and nanoseconds.
    pub(in crate::sys::tree) birth: (i64, u32),
}

impl Stat {
    pub(in crate::sys::tree) fn of(handle: BorrowedFd<'_>) -> Result<Stat> {
        Stat::at(handle, c"", AtFlags::EMPTY_PATH)
    }

    /// Asks about `name` in `directory` without opening it; follows no symlink.
    pub(in crate::sys::tree) fn of_name(directory: BorrowedFd<'_>, name: &CStr) -> Result<Stat> {
        Stat::at(directory, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT)
    }

    fn at(directory: BorrowedFd<'_>, name: &CStr, flags: AtFlags) -> Result<Stat> {
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME | StatxFlags::MNT_ID;
        let raw = statx(directory, name, flags, wanted)?;
        Ok(Stat::from(&raw))
    }

    /// Returns the flag that keeps the entry from being moved, if one is set.
    pub(in crate::sys::tree) fn flag(&self) -> Option<Obstacle> {
        Obstacle::flag(self.attributes)
    }

    /// Returns whether this is the root of a subvolume of btrfs, in the directory `parent`: the
    /// kernel moves it as a whole, and nothing from one side to the other.
    pub(in crate::sys::tree) fn is_subvolume_in(&self, parent: &Stat) -> bool {
        self.kind == FileType::Directory && self.inode.device != parent.inode.device
    }

    /// Returns a number that tells this entry, `name` in `directory`, from all others: the inode
    /// number, except for the roots of subvolumes, which all have the same.
    pub(in crate::sys::tree) fn number_of(&self, directory: BorrowedFd<'_>, name: &CStr) -> Result<u64> {
        if self.kind != FileType::Directory || self.inode.number != disk::SUBVOLUME_INODE {
            return Ok(self.inode.number);
        }
        let handle = open_beneath(directory, name, OFlags::PATH)?;
        Ok(disk::subvolume_number(&handle)?.unwrap_or(self.inode.number))
    }

    /// Returns whether this entry and `parent` are certainly on one mount. Without mount ids and
    /// mount marks (before Linux 5.8), the device decides.
    pub(in crate::sys::tree) fn same_mount(&self, parent: &Stat) -> bool {
        match (self.mount, parent.mount) {
            (Some(own), Some(of_parent)) => own == of_parent,
            _ => {
                !self.attributes.contains(StatxAttributes::MOUNT_ROOT)
                    && self.inode.device == parent.inode.device
            }
        }
    }
}

impl From<&Statx> for Stat {
    fn from(raw: &Statx) -> Stat {
        let mask = StatxFlags::from_bits_retain(raw.stx_mask);
        let birth = if mask.contains(StatxFlags::BTIME) {
            (raw.stx_btime.tv_sec, raw.stx_btime.tv_nsec)
        } else {
            (0, 0)
        };
        let time = |t: &rustix::fs::StatxTimestamp| Timespec { tv_sec: t.tv_sec, tv_nsec: t.tv_nsec.into() };
        Stat {
            kind: FileType::from_raw_mode(raw.stx_mode.into()),
            mode: Mode::from_raw_mode(raw.stx_mode.into()),
            uid: raw.stx_uid,
            gid: raw.stx_gid,
            size: raw.stx_size,
            allocated: raw.stx_blocks * 512,
            links: raw.stx_nlink,
            inode: Inode {
                device: makedev(raw.stx_dev_major, raw.stx_dev_minor),
                number: raw.stx_ino,
                birth,
            },
            device: makedev(raw.stx_rdev_major, raw.stx_rdev_minor),
            times: Timestamps { last_access: time(&raw.stx_atime), last_modification: time(&raw.stx_mtime) },
            changed: time(&raw.stx_ctime),
            mount: mask.contains(StatxFlags::MNT_ID).then_some(raw.stx_mnt_id),
            attributes: raw.stx_attributes,
        }
    }
}

/// An entry held by a bare handle, good for questions and for `reopen`.
pub(in crate::sys::tree) struct Node {
    pub(in crate::sys::tree) handle: OwnedFd,
    pub(in crate::sys::tree) stat: Stat,
}

impl Node {
    /// Opens `name` in `directory`, whatever it is, without any effect on it.
    pub(in crate::sys::tree) fn open(directory: BorrowedFd<'_>, name: &CStr) -> Result<Node> {
        let handle = open_beneath(directory, name, OFlags::PATH)?;
        let stat = Stat::of(handle.as_fd())?;
        Ok(Node { handle, stat })
    }

    /// Opens this very inode, which must be a regular file or a directory, for reading.
    pub(in crate::sys::tree) fn reopen(&self) -> Result<OwnedFd> {
        debug_assert!(matches!(self.stat.kind, FileType::RegularFile | FileType::Directory));
        let name = self.handle.as_raw_fd().to_string();
        quietly(|noatime| {
            openat(process_handles()?, &name, OFlags::RDONLY | OFlags::CLOEXEC | noatime, Mode::empty())
        })
    }

    /// Returns a path to this very inode, even if it is a symlink.
    pub(in crate::sys::tree) fn magic_path(&self) -> String {
        magic_path(self.handle.as_fd())
    }
}

/// Returns a path to what `handle` holds, for calls that take only paths.
pub(in crate::sys::tree) fn magic_path(handle: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", handle.as_raw_fd())
}

/// Opens the directory `name` in `directory` for reading; `ENOTDIR` or `ELOOP` if it is something
/// else.
pub(in crate::sys::tree) fn open_directory(directory: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    quietly(|noatime| open_beneath(directory, name, OFlags::RDONLY | OFlags::DIRECTORY | noatime))
}

/// Opens the root of a tree. Trusts the path up to its last name, which comes from the caller.
pub(in crate::sys::tree) fn open_root(path: &Path) -> std::result::Result<OwnedFd, DiskError> {
    raise_open_files();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    quietly(|noatime| openat(CWD, path, flags | noatime, Mode::empty()))
        .map_err(|errno| refusal("open", path, errno))
}

/// Opens the directory `path` of the tree at `root`, one name after the other.
pub(in crate::sys::tree) fn descend(root: &Path, path: &Path) -> std::result::Result<OwnedFd, DiskError> {
    let mut handle = open_root(root)?;
    for name in path {
        let name = CString::new(name.as_bytes()).map_err(io::Error::from).at("open", &root.join(path))?;
        handle =
            open_directory(handle.as_fd(), &name).map_err(|errno| refusal("open", root.join(path), errno))?;
    }
    Ok(handle)
}

/// Makes the error of `action` on `path`, and explains a mount point inside a tree.
pub(in crate::sys::tree) fn refusal(
    action: &'static str,
    path: impl Into<PathBuf>,
    source: impl Into<io::Error>,
) -> DiskError {
    let mut source = source.into();
    if source.kind() == io::ErrorKind::CrossesDevices {
        let why = "it is a mount point inside the tree; unmount it first";
        source = io::Error::new(io::ErrorKind::CrossesDevices, why);
    }
    DiskError::new(action, path, source)
}

/// Makes the error of a mount point at `path` that was found without opening it.
pub(in crate::sys::tree) fn mounted(path: impl Into<PathBuf>) -> DiskError {
    refusal("enter", path, Errno::XDEV)
}

/// Raises this process's limit on open files to the hard limit, once.
pub(in crate::sys::tree) fn raise_open_files() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // If a filter refuses, the soft limit stays, and a very deep tree fails with EMFILE.
        let _ = setrlimit(Resource::Nofile, limit);
    });
}

/// Calls `open` so that it leaves the access time alone if it may: only the owner and root may.
fn quietly(open: impl Fn(OFlags) -> Result<OwnedFd>) -> Result<OwnedFd> {
    match open(OFlags::NOATIME) {
        Err(Errno::PERM) => open(OFlags::empty()),
        other => other,
    }
}

fn open_beneath(directory: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if !has_openat2() {
        return open_beneath_checked(directory, name, flags);
    }
    // Not BENEATH: one name leads nowhere else, and the kernel would answer EXDEV, as for a mount,
    // when the entry moves to another directory during the look-up.
    let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
    loop {
        match openat2(directory, name, flags, Mode::empty(), resolve) {
            // A rename somewhere raced with the look-up.
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
}

/// Opens as [`open_beneath`] does, for kernels without `openat2`; `name` has no slash, as it was
/// read from a directory.
pub(in crate::sys::tree) fn open_beneath_checked(
    directory: BorrowedFd<'_>,
    name: &CStr,
    flags: OFlags,
) -> Result<OwnedFd> {
    let handle = openat(directory, name, flags, Mode::empty())?;
    if Stat::of(handle.as_fd())?.same_mount(&Stat::of(directory)?) { Ok(handle) } else { Err(Errno::XDEV) }
}

fn has_openat2() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(|| {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        !matches!(
            openat2(CWD, c"/", flags, Mode::empty(), ResolveFlags::empty()),
            Err(Errno::NOSYS | Errno::PERM)
        )
    })
}

/// Opens the directory `/proc/self/fd`, through which a bare handle is opened for reading.
fn process_handles() -> Result<BorrowedFd<'static>> {
    static HELD: OnceLock<OwnedFd> = OnceLock::new();
    if let Some(held) = HELD.get() {
        return Ok(held.as_fd());
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = openat(CWD, c"/proc/self/fd", flags, Mode::empty())?;
    if rustix::fs::fstatfs(&opened)?.f_type != rustix::fs::PROC_SUPER_MAGIC {
        return Err(Errno::NOTSUP);
    }
    Ok(HELD.get_or_init(|| opened).as_fd())
}
