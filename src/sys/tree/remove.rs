//! Removes a tree.

use std::ffi::{CStr, CString};
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
use crate::sys::fault;

/// How often to empty a directory again that another process keeps filling.
const EMPTYING_TRIES: u32 = 16;

/// Removes `path` and everything beneath it. An absent path is no error.
///
/// Opens up directories without permissions first, where this user owns them, and clears immutable
/// and append-only flags, where root may. Ignores entries that
/// another process removes meanwhile.
///
/// # Errors
/// The first failure ends the removal and names the entry. The error of a mount point inside (also
/// that of a single file, or `path` itself) is of kind `CrossesDevices`; the mount stays as it is.
pub fn remove_tree(path: &Path) -> Result<(), DiskError> {
    raise_open_files();
    let name = path.file_name().ok_or(std::io::ErrorKind::InvalidInput).at("remove", path)?;
    let name =
        CString::new(name.as_bytes()).map_err(|_| std::io::ErrorKind::InvalidInput).at("remove", path)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = match openat(CWD, parent, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        other => other.at("open", parent)?,
    };
    let mut names = NameList::default();
    names.push(&name).at("remove", path)?;
    let top = RemoveFrame { handle, name: CString::default(), pending: names, read_to_end: true, tries: 0 };
    let mut removal = Removal { path: parent.to_owned(), stack: vec![top], reader: DirectoryReader::new() };
    while let Some(frame) = removal.stack.last_mut() {
        if let Some(name) = frame.pending.pop() {
            removal.entry(name)?;
        } else if !frame.read_to_end {
            removal.read()?;
        } else {
            removal.leave()?;
        }
    }
    Ok(())
}

struct Removal {
    /// Path of the directory on top of the stack.
    path: PathBuf,
    /// The lowest frame is the parent of the tree, where only the one entry is touched.
    stack: Vec<RemoveFrame>,
    reader: DirectoryReader,
}

struct RemoveFrame {
    handle: OwnedFd,
    name: CString,
    pending: NameList,
    read_to_end: bool,
    tries: u32,
}

impl Removal {
    fn top(&mut self) -> &mut RemoveFrame {
        self.stack.last_mut().expect("the stack is not empty")
    }

    fn join(&self, name: &CStr) -> PathBuf {
        self.path.join(std::ffi::OsStr::from_bytes(name.to_bytes()))
    }

    fn read(&mut self) -> Result<(), DiskError> {
        let Removal { path, stack, reader } = self;
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
            Err(error) => return Err(self.refused(&name, error)),
        }
        let handle = match enter(directory, &name) {
            Err(Errno::NOENT) => return Ok(()),
            Err(Errno::NOTDIR | Errno::LOOP) => return Err(self.refused(&name, Errno::PERM)),
            other => other.map_err(|error| self.refused(&name, error))?,
        };
        self.path.push(std::ffi::OsStr::from_bytes(name.to_bytes()));
        self.stack.push(RemoveFrame {
            handle,
            name,
            pending: NameList::default(),
            read_to_end: false,
            tries: 0,
        });
        Ok(())
    }

    /// Removes the directory on top, which was read to its end and emptied.
    fn leave(&mut self) -> Result<(), DiskError> {
        let Some([.., parent, frame]) = self.stack.get_mut(..).filter(|stack| stack.len() > 1) else {
            self.stack.pop();
            return Ok(());
        };
        fault::point("tree.rmdir").at("remove", &self.path)?;
        match unlink(&parent.handle, &frame.name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => {}
            // Another process adds entries, or the file system skipped some while it was emptied:
            // try again.
            Err(Errno::NOTEMPTY | Errno::EXIST) if frame.tries < EMPTYING_TRIES => {
                frame.tries += 1;
                frame.read_to_end = false;
                rustix::fs::seek(&frame.handle, rustix::fs::SeekFrom::Start(0)).at("read", &self.path)?;
                return Ok(());
            }
            Err(error) => return Err(DiskError::new("remove", &self.path, error)),
        }
        self.stack.pop();
        self.path.pop();
        Ok(())
    }

    fn refused(&self, name: &CStr, error: Errno) -> DiskError {
        let path = self.join(name);
        let directory = &self.stack.last().expect("the stack is not empty").handle;
        if error == Errno::BUSY && is_mounted(directory, name) {
            mounted(path)
        } else {
            refusal("remove", path, error)
        }
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
