//! How much a tree holds, how much room is left, and making trees durable.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, openat, statfs, statvfs, syncfs};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::handle::{Stat, mounted, open_directory, open_root, refusal};
use super::names::{Names, Reader};
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;

/// What a tree holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Names beneath the root.
    pub entries: u64,
    /// Sum of the sizes of the regular files, each inode once, holes included.
    pub bytes: u64,
    /// Bytes allocated to all inodes, the root's included, each once. Blocks that files share count for each.
    pub blocks: u64,
}

/// Measures the tree at the directory `path`.
///
/// # Errors
/// Whatever cannot be read; a mount point inside is of kind `CrossesDevices`.
pub fn measure_tree(path: &Path) -> Result<Usage, DiskError> {
    let handle = open_root(path)?;
    let stat = Stat::of(handle.as_fd()).at("read the attributes of", path)?;
    let usage = Usage { blocks: stat.allocated, ..Usage::default() };
    let root = Frame { handle, stat, pending: Names::default(), read_to_end: false };
    let mut walk = Walk { path: path.to_owned(), stack: vec![root], usage, linked: HashSet::new() };
    let mut reader = Reader::new();
    while let Some(frame) = walk.stack.last_mut() {
        if let Some(name) = frame.pending.pop() {
            walk.entry(&name)?;
        } else if frame.read_to_end {
            walk.stack.pop();
            walk.path.pop();
        } else {
            let more = reader.chunk(frame.handle.as_fd(), |name, _| frame.pending.push(name));
            frame.read_to_end = !more.at("read", &walk.path)?;
        }
    }
    Ok(walk.usage)
}

struct Walk {
    /// Of the directory on top of the stack.
    path: PathBuf,
    stack: Vec<Frame>,
    usage: Usage,
    /// Inodes with several links, told apart by device and number.
    linked: HashSet<(u64, u64)>,
}

struct Frame {
    handle: OwnedFd,
    stat: Stat,
    pending: Names,
    read_to_end: bool,
}

impl Walk {
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
            let handle = match open_directory(directory.handle.as_fd(), name) {
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
                other => other.map_err(|errno| refusal("open", self.join(name), errno))?,
            };
            self.path.push(std::ffi::OsStr::from_bytes(name.to_bytes()));
            self.stack.push(Frame { handle, stat, pending: Names::default(), read_to_end: false });
        } else if stat.links < 2 || self.linked.insert((stat.inode.device, stat.inode.number)) {
            self.usage.blocks += stat.allocated;
            if stat.kind == FileType::RegularFile {
                self.usage.bytes += stat.size;
            }
        }
        Ok(())
    }

    fn join(&self, name: &CStr) -> PathBuf {
        self.path.join(std::ffi::OsStr::from_bytes(name.to_bytes()))
    }
}

/// Waits until all that was written to the file system of the directory `path` is on disk (`syncfs(2)`).
///
/// # Errors
/// Also if an earlier write to the file system has failed in the background.
pub fn sync_filesystem(path: &Path) -> Result<(), DiskError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = openat(CWD, path, flags, Mode::empty()).at("open", path)?;
    fault::point("tree.sync").at("sync the file system of", path)?;
    syncfs(&handle).at("sync the file system of", path)
}

/// Whether, after [`sync_filesystem`], a store through a shared mapping leaves its mark on the file. File systems in
/// memory write nothing back, and so never notice one through a page that was stored to before.
pub fn marks_mapped_stores(path: &Path) -> bool {
    // linux/magic.h: tmpfs, ramfs, hugetlbfs.
    const IN_MEMORY: [i128; 3] = [0x0102_1994, 0x8584_58f6, 0x9584_58f6];
    // The kernel's number has 32 bits, in a field whose width and sign depend on the machine.
    statfs(path).is_ok_and(|stat| !IN_MEMORY.contains(&(i128::from(stat.f_type) & 0xffff_ffff)))
}

/// Bytes that everything on the file system of `path` takes.
///
/// # Errors
/// If the kernel cannot say.
pub fn used_space(path: &Path) -> Result<u64, DiskError> {
    let numbers = statvfs(path).at("ask for the space that is taken at", path)?;
    Ok(numbers.f_blocks.saturating_sub(numbers.f_bfree).saturating_mul(numbers.f_frsize))
}

/// Bytes that can still be written to the file system of `path`, without what is reserved for root.
///
/// # Errors
/// If the kernel cannot say.
pub fn free_space(path: &Path) -> Result<u64, DiskError> {
    let numbers = statvfs(path).at("ask for the free space at", path)?;
    Ok(numbers.f_bavail.saturating_mul(numbers.f_frsize))
}
