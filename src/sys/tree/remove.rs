//! Removes a tree.

use std::ffi::{CStr, CString};
use std::fmt;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, IFlags, Mode, OFlags, chmodat, fchmod, ioctl_getflags, ioctl_setflags, openat,
    unlinkat,
};
use rustix::io::Errno;

use super::entry::handle::{Node, Stat, mounted, open_directory, raise_open_files, refusal};
use super::entry::names::{DirectoryReader, NameList};
use crate::sys::error::{At as _, DiskError};
use crate::sys::obstacle::Obstacle;
use crate::sys::{disk, fault};

/// How often to empty a directory again that another process keeps filling.
const EMPTYING_TRIES: u32 = 16;

/// Entries that the kernel keeps from being removed.
#[derive(Debug)]
pub struct LeftBehind {
    /// How many, without the directories that hold them.
    pub entries: u64,
    /// Why the first of them stays.
    pub reason: DiskError,
}

impl fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot be deleted: {}", self.reason.source)?;
        match self.entries {
            0 | 1 => Ok(()),
            n => write!(f, "; {} more stay", n - 1),
        }
    }
}

/// Removes `path` and everything beneath it. An absent path is no error.
///
/// Opens up directories without permissions first, where this user owns them, and clears immutable
/// and append-only flags, where root may. Ignores entries that
/// another process removes meanwhile.
///
/// # Errors
/// When an entry stays; names it. The error of a mount point inside (also that of a single file, or
/// `path` itself) is of kind `CrossesDevices`; the mount stays as it is.
pub fn remove_tree(path: &Path) -> Result<(), DiskError> {
    match remove_what_goes(path)? {
        Some(left) => Err(left.reason),
        None => Ok(()),
    }
}

/// Removes `path` as [`remove_tree`] does, except for entries that the kernel keeps, and returns
/// those: what is immutable, what lies in a read-only subvolume, mount points, and the like.
///
/// # Errors
/// When the disk fails.
pub fn remove_what_goes(path: &Path) -> Result<Option<LeftBehind>, DiskError> {
    raise_open_files();
    let name = path.file_name().ok_or(std::io::ErrorKind::InvalidInput).at("remove", path)?;
    let name =
        CString::new(name.as_bytes()).map_err(|_| std::io::ErrorKind::InvalidInput).at("remove", path)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = match openat(CWD, parent, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        other => other.at("open", parent)?,
    };
    let mut names = NameList::default();
    names.push(&name).at("remove", path)?;
    let top =
        RemoveFrame { pending: names, read_to_end: true, ..RemoveFrame::new(handle, CString::default()) };
    let (path, reader) = (parent.to_owned(), DirectoryReader::new());
    let mut removal = Removal { path, stack: vec![top], reader, left: None };
    while let Some(frame) = removal.stack.last_mut() {
        if let Some(name) = frame.pending.pop() {
            removal.entry(name)?;
        } else if !frame.read_to_end {
            removal.read()?;
        } else {
            removal.leave()?;
        }
    }
    Ok(removal.left)
}

struct Removal {
    /// Path of the directory on top of the stack.
    path: PathBuf,
    /// The lowest frame is the parent of the tree, where only the one entry is touched.
    stack: Vec<RemoveFrame>,
    reader: DirectoryReader,
    left: Option<LeftBehind>,
}

struct RemoveFrame {
    handle: OwnedFd,
    name: CString,
    pending: NameList,
    read_to_end: bool,
    tries: u32,
    /// Whether an entry in it stays, so that it stays too.
    stays: bool,
}

impl RemoveFrame {
    fn new(handle: OwnedFd, name: CString) -> Self {
        let (pending, read_to_end, tries, stays) = Default::default();
        RemoveFrame { handle, name, pending, read_to_end, tries, stays }
    }
}

impl Removal {
    fn top(&mut self) -> &mut RemoveFrame {
        self.stack.last_mut().expect("the stack is not empty")
    }

    fn join(&self, name: &CStr) -> PathBuf {
        self.path.join(std::ffi::OsStr::from_bytes(name.to_bytes()))
    }

    fn read(&mut self) -> Result<(), DiskError> {
        let Removal { path, stack, reader, .. } = self;
        let frame = stack.last_mut().expect("the stack is not empty");
        let more = match reader.chunk(frame.handle.as_fd(), |name, _| frame.pending.push(name)) {
            // Another process has removed the directory.
            Err(Errno::NOENT) => false,
            other => other.at("read", path)?,
        };
        frame.read_to_end = !more;
        Ok(())
    }

    /// Removes an entry, or goes into it if it is a directory.
    fn entry(&mut self, name: CString) -> Result<(), DiskError> {
        fault::point("tree.unlink").map_err(|error| DiskError::new("remove", self.join(&name), error))?;
        let directory = &self.top().handle;
        match unlink(directory, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            // Linux says EISDIR, POSIX says EPERM.
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(error) => return self.keep(&name, error),
        }
        let handle = match enter(directory, &name) {
            Err(Errno::NOENT) => return Ok(()),
            Err(Errno::NOTDIR | Errno::LOOP) => return self.keep(&name, Errno::PERM),
            Err(error) => return self.keep(&name, error),
            Ok(handle) => handle,
        };
        self.path.push(std::ffi::OsStr::from_bytes(name.to_bytes()));
        self.stack.push(RemoveFrame::new(handle, name));
        Ok(())
    }

    /// Removes the directory on top, which was read to its end and emptied.
    fn leave(&mut self) -> Result<(), DiskError> {
        let Some([.., parent, frame]) = self.stack.get_mut(..).filter(|stack| stack.len() > 1) else {
            self.stack.pop();
            return Ok(());
        };
        let stays = frame.stays;
        if !stays {
            fault::point("tree.rmdir").at("remove", &self.path)?;
        }
        let removed = if stays { Ok(()) } else { unlink(&parent.handle, &frame.name, AtFlags::REMOVEDIR) };
        match removed {
            // Another process adds entries, or the file system skipped some while it was emptied:
            // try again.
            Err(Errno::NOTEMPTY | Errno::EXIST) if frame.tries < EMPTYING_TRIES => {
                frame.tries += 1;
                frame.read_to_end = false;
                rustix::fs::seek(&frame.handle, rustix::fs::SeekFrom::Start(0)).at("read", &self.path)?;
                return Ok(());
            }
            _ => {}
        }
        let name = std::mem::take(&mut frame.name);
        parent.stays |= stays;
        self.stack.pop();
        self.path.pop();
        match removed {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => self.keep(&name, error),
        }
    }

    /// Leaves an entry of the directory on top that the kernel refused to remove, and goes on; ends
    /// the removal for any other failure.
    fn keep(&mut self, name: &CStr, error: Errno) -> Result<(), DiskError> {
        let reason = self.refused(name, error);
        if !matches!(error, Errno::PERM | Errno::ACCESS | Errno::ROFS | Errno::BUSY | Errno::XDEV) {
            return Err(reason);
        }
        self.top().stays = true;
        match &mut self.left {
            Some(left) => left.entries += 1,
            none => *none = Some(LeftBehind { entries: 1, reason }),
        }
        Ok(())
    }

    /// Makes the error of an entry of the directory on top, and explains it if it can.
    fn refused(&self, name: &CStr, error: Errno) -> DiskError {
        let path = self.join(name);
        let directory = &self.stack.last().expect("the stack is not empty").handle;
        let flag = |stat: rustix::io::Result<Stat>| stat.ok().and_then(|stat| stat.flag());
        match error {
            Errno::BUSY if is_mounted(directory, name) => mounted(path),
            Errno::PERM => {
                let of_entry =
                    flag(Stat::of_name(directory.as_fd(), name)).map(|flag| (flag, path.as_path()));
                let of_directory =
                    || flag(Stat::of(directory.as_fd())).map(|flag| (flag, self.path.as_path()));
                match of_entry.or_else(of_directory) {
                    Some((flag, path)) => flag.refuse("remove", path),
                    None => refusal("remove", path, error),
                }
            }
            Errno::ROFS if !disk::is_read_only(&self.path) => {
                Obstacle::ReadOnly.refuse("remove what is in", &self.subvolume())
            }
            _ => refusal("remove", path, error),
        }
    }

    /// Returns the path of the subvolume that the directory on top is in.
    fn subvolume(&self) -> PathBuf {
        let devices = self.stack.iter().rev().map(|frame| Stat::of(frame.handle.as_fd()).ok());
        let mut devices = devices.map(|stat| stat.map(|stat| stat.inode.device));
        let own = devices.next().flatten();
        let up = devices.take_while(|device| *device == own).count();
        self.path.ancestors().nth(up).unwrap_or(&self.path).to_owned()
    }
}

/// Unlinks an entry. If the directory does not let us write, opens it up and tries again; if flags
/// as of chattr(1) are in the way, clears them first.
fn unlink(directory: &OwnedFd, name: &CStr, flags: AtFlags) -> rustix::io::Result<()> {
    match unlinkat(directory, name, flags) {
        Err(Errno::ACCESS) if fchmod(directory, Mode::RWXU).is_ok() => unlinkat(directory, name, flags),
        Err(Errno::PERM) => {
            // Of an append-only or immutable directory no entry can be removed.
            let of_directory = clear_flags(directory);
            let of_entry = Node::open(directory.as_fd(), name)
                .and_then(|node| node.reopen())
                .is_ok_and(|entry| clear_flags(&entry));
            if of_directory || of_entry { unlinkat(directory, name, flags) } else { Err(Errno::PERM) }
        }
        other => other,
    }
}

/// Clears the flags that keep an inode from being removed; returns whether it had and lost some.
fn clear_flags(handle: &OwnedFd) -> bool {
    let kept = IFlags::IMMUTABLE | IFlags::APPEND;
    ioctl_getflags(handle)
        .is_ok_and(|flags| flags.intersects(kept) && ioctl_setflags(handle, flags - kept).is_ok())
}

/// Opens the directory `name`, and makes it readable first if need be.
fn enter(directory: &OwnedFd, name: &CStr) -> rustix::io::Result<OwnedFd> {
    match open_directory(directory.as_fd(), name) {
        Err(Errno::ACCESS) => {
            let node = Node::open(directory.as_fd(), name)?;
            if node.stat.kind != FileType::Directory {
                return Err(Errno::NOTDIR);
            }
            chmodat(CWD, node.magic_path(), Mode::RWXU, AtFlags::empty())?;
            node.reopen()
        }
        other => other,
    }
}

fn is_mounted(directory: &OwnedFd, name: &CStr) -> bool {
    let stats = (Stat::of_name(directory.as_fd(), name), Stat::of(directory.as_fd()));
    matches!(stats, (Ok(entry), Ok(parent)) if !entry.same_mount(&parent))
}
