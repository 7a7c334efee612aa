//! Space: of a tree, of a file system; and how to make trees durable.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, openat, statvfs, syncfs};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::copy::options::Stop;
use super::entry::handle::{Node, Stat, mounted, open_directory, open_root, refusal};
use super::entry::names::{DirectoryReader, NameList};
use super::extents::own_bytes;
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;

/// The size of a tree.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Names beneath the root.
    pub entries: u64,
    /// Sum of the sizes of the regular files, each inode once, holes included.
    pub bytes: u64,
    /// Bytes allocated to all inodes, the root's included, each once. Blocks that files share count
    /// for each of them.
    pub blocks: u64,
}

/// Measures the tree at the directory `path`.
///
/// # Errors
/// When an entry cannot be read. The error of a mount point inside the tree is of kind
/// `CrossesDevices`.
pub fn measure_tree(path: &Path) -> Result<Usage, DiskError> {
    Ok(walk(path, false, &|| false)?.usage)
}

/// Measures a tree and those bytes of [`Usage::blocks`] that nothing outside the tree shares:
/// deleting the tree frees at least these. Blocks that two files share do not count, even when both
/// files are in the tree; nor does an inode that has a name elsewhere. With `extents`, asks the
/// kernel which blocks files share (FIEMAP), and returns `None` where it cannot tell; without,
/// takes no block to be shared. `stop` may end the walk.
///
/// # Errors
/// As [`measure_tree`].
pub fn measure_unshared(
    path: &Path,
    extents: bool,
    stop: Stop<'_>,
) -> Result<(Usage, Option<u64>), DiskError> {
    let walk = walk(path, extents, stop)?;
    let elsewhere: u64 = walk.linked.values().map(|linked| linked.unshared).sum();
    Ok((walk.usage, (!walk.untold).then(|| walk.unshared - elsewhere)))
}

fn walk(path: &Path, extents: bool, stop: Stop<'_>) -> Result<Measurement, DiskError> {
    let handle = open_root(path)?;
    let stat = Stat::of(handle.as_fd()).at("read the attributes of", path)?;
    let (usage, unshared) = (Usage { blocks: stat.allocated, ..Usage::default() }, stat.allocated);
    let root = MeasureFrame { handle, stat, pending: NameList::default(), read_to_end: false };
    let linked = HashMap::new();
    let mut walk = Measurement {
        path: path.to_owned(),
        stack: vec![root],
        usage,
        extents,
        unshared,
        untold: false,
        linked,
    };
    let mut reader = DirectoryReader::new();
    while let Some(frame) = walk.stack.last_mut() {
        if stop() {
            return Err(refusal("measure", walk.path, Errno::INTR));
        }
        if let Some(name) = frame.pending.pop() {
            walk.entry(&name)?;
        } else if frame.read_to_end {
            walk.stack.pop();
            walk.path.pop();
        } else {
            let more = match reader.chunk(frame.handle.as_fd(), |name, _| frame.pending.push(name)) {
                // Another process has removed the directory.
                Err(Errno::NOENT) => false,
                other => other.at("read", &walk.path)?,
            };
            frame.read_to_end = !more;
        }
    }
    Ok(walk)
}

struct Measurement {
    /// Path of the directory on top of the stack.
    path: PathBuf,
    stack: Vec<MeasureFrame>,
    usage: Usage,
    /// Whether to ask which blocks are shared.
    extents: bool,
    unshared: u64,
    /// Whether the kernel could not tell.
    untold: bool,
    /// Inodes with several names, by device and number, until the walk has met all of their names.
    linked: HashMap<(u64, u64), Linked>,
}

struct Linked {
    /// Names that the walk has not met.
    left: u32,
    /// Bytes of the inode that count as unshared so far.
    unshared: u64,
}

struct MeasureFrame {
    handle: OwnedFd,
    stat: Stat,
    pending: NameList,
    read_to_end: bool,
}

impl Measurement {
    fn entry(&mut self, name: &CString) -> Result<(), DiskError> {
        let directory = self.stack.last().expect("the stack is not empty");
        let stat = match Stat::of_name(directory.handle.as_fd(), name) {
            Err(Errno::NOENT) => return Ok(()),
            other => other.map_err(|errno| refusal("read the attributes of", self.join(name), errno))?,
        };
        if !stat.same_mount(&directory.stat) {
            return Err(mounted(self.join(name)));
        }
        self.usage.entries += 1;
        if stat.kind == FileType::Directory {
            self.usage.blocks += stat.allocated;
            self.unshared += stat.allocated;
            let handle = match open_directory(directory.handle.as_fd(), name) {
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
                other => other.map_err(|errno| refusal("open", self.join(name), errno))?,
            };
            self.path.push(std::ffi::OsStr::from_bytes(name.to_bytes()));
            self.stack.push(MeasureFrame { handle, stat, pending: NameList::default(), read_to_end: false });
        } else if self.is_first(&stat) {
            self.usage.blocks += stat.allocated;
            if stat.kind == FileType::RegularFile {
                self.usage.bytes += stat.size;
            }
            let unshared = self.unshared(name, &stat)?;
            self.unshared += unshared;
            if let Some(linked) = self.linked.get_mut(&(stat.inode.device, stat.inode.number)) {
                linked.unshared = unshared;
            }
        }
        Ok(())
    }

    /// Returns whether this is the first name of its inode.
    fn is_first(&mut self, stat: &Stat) -> bool {
        if stat.links < 2 {
            return true;
        }
        let key = (stat.inode.device, stat.inode.number);
        let Some(linked) = self.linked.get_mut(&key) else {
            self.linked.insert(key, Linked { left: stat.links - 1, unshared: 0 });
            return true;
        };
        linked.left -= 1;
        if linked.left == 0 {
            self.linked.remove(&key);
        }
        false
    }

    /// Counts the bytes of the entry `name` that no other inode shares.
    fn unshared(&mut self, name: &CStr, stat: &Stat) -> Result<u64, DiskError> {
        if !self.extents || self.untold || stat.kind != FileType::RegularFile || stat.allocated == 0 {
            return Ok(stat.allocated);
        }
        let directory = self.stack.last().expect("the stack is not empty");
        let node = match Node::open(directory.handle.as_fd(), name) {
            Err(Errno::NOENT) => return Ok(0),
            other => other.map_err(|errno| refusal("open", self.join(name), errno))?,
        };
        // Something else has taken its place.
        if node.stat.kind != FileType::RegularFile {
            return Ok(0);
        }
        let file = node.reopen().map_err(|errno| refusal("open", self.join(name), errno))?;
        let own = own_bytes(file.as_fd()).at("read the extents of", &self.join(name))?;
        self.untold = own.is_none();
        Ok(own.unwrap_or(stat.allocated))
    }

    fn join(&self, name: &CStr) -> PathBuf {
        self.path.join(std::ffi::OsStr::from_bytes(name.to_bytes()))
    }
}

/// Waits until everything written to the file system of the directory `path` is on disk
/// (`syncfs(2)`).
///
/// # Errors
/// Also when an earlier write to the file system failed in the background.
pub fn sync_filesystem(path: &Path) -> Result<(), DiskError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = openat(CWD, path, flags, Mode::empty()).at("open", path)?;
    fault::point("tree.sync").at("sync the file system of", path)?;
    syncfs(&handle).at("sync the file system of", path)
}

/// Returns the bytes that everything on the file system of `path` takes.
///
/// # Errors
/// When the kernel cannot tell.
pub fn used_space(path: &Path) -> Result<u64, DiskError> {
    let numbers = statvfs(path).at("read the used space of", path)?;
    Ok(numbers.f_blocks.saturating_sub(numbers.f_bfree).saturating_mul(numbers.f_frsize))
}

/// Returns the size of the file system of `path`, in bytes.
///
/// # Errors
/// When the kernel cannot tell.
pub fn total_space(path: &Path) -> Result<u64, DiskError> {
    let numbers = statvfs(path).at("read the size of the file system of", path)?;
    Ok(numbers.f_blocks.saturating_mul(numbers.f_frsize))
}

/// Returns the bytes that can still be written to the file system of `path`, without root's
/// reserve.
///
/// # Errors
/// When the kernel cannot tell.
pub fn free_space(path: &Path) -> Result<u64, DiskError> {
    let numbers = statvfs(path).at("read the free space of", path)?;
    Ok(numbers.f_bavail.saturating_mul(numbers.f_frsize))
}
