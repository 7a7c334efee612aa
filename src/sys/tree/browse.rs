//! Looks up one entry of a tree by its path, reads it and lists what it holds.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use rustix::io::{Errno, pread};

use super::compare::diff::{Entry, entry};
use super::copy::content::BUFFER_BYTES;
use super::entry::handle::{Node, Stat, open_directory, open_root, refusal};
use super::entry::names::{DirectoryReader, SortedNames};
use super::index::{HASH_BYTES, mark};
use crate::sys::error::{At as _, DiskError};

/// How many bytes at the start of a file tell whether it is text.
const TEXT_PROBE_BYTES: usize = 8000;

/// An entry of a tree, held open.
pub struct TreeEntry {
    node: Node,
    /// Full path, for errors.
    path: PathBuf,
    /// Its type and attributes.
    pub entry: Entry,
}

impl TreeEntry {
    /// Looks up `path` beneath the tree `root`, one name after the other; an empty path is the root
    /// itself. Returns `None` if it is absent or leads through something other than a directory,
    /// such as a symlink.
    ///
    /// # Errors
    /// When an entry on the way cannot be opened.
    pub fn find(root: &Path, path: &Path) -> Result<Option<Self>, DiskError> {
        let full = root.join(path);
        let failed = |errno| refusal("open", &full, errno);
        let mut directory = open_root(root)?;
        let mut names = path.iter().peekable();
        while let Some(name) = names.next() {
            // A name with a NUL exists nowhere.
            let Ok(name) = CString::new(name.as_bytes()) else { return Ok(None) };
            if names.peek().is_none() {
                return match Node::open(directory.as_fd(), &name) {
                    Err(Errno::NOENT) => Ok(None),
                    node => Self::of(node.map_err(failed)?, full).map(Some),
                };
            }
            directory = match open_directory(directory.as_fd(), &name) {
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
                opened => opened.map_err(failed)?,
            };
        }
        let stat = Stat::of(directory.as_fd()).map_err(failed)?;
        Self::of(Node { handle: directory, stat }, full).map(Some)
    }

    fn of(node: Node, path: PathBuf) -> Result<Self, DiskError> {
        let entry = entry(&node).map_err(|errno| refusal("read", &path, errno))?;
        Ok(TreeEntry { node, path, entry })
    }

    /// Writes the bytes of this regular file, or the target of this symlink.
    ///
    /// # Errors
    /// When the entry cannot be read, or `out` cannot be written.
    pub fn write_content(&self, out: &mut dyn Write) -> Result<(), DiskError> {
        if let Some(target) = &self.entry.target {
            return out.write_all(target.as_os_str().as_bytes()).at("write", &self.path);
        }
        let file = self.node.reopen().map_err(|errno| self.unread(errno))?;
        let (mut buffer, mut offset) = (vec![0; BUFFER_BYTES], 0_u64);
        loop {
            let read = self.read_at(&file, &mut buffer, offset)?;
            if read == 0 {
                return Ok(());
            }
            out.write_all(&buffer[..read]).at("write the content of", &self.path)?;
            offset += read as u64;
        }
    }

    /// Opens this regular file for reading.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(&self) -> Result<File, DiskError> {
        Ok(self.node.reopen().map_err(|errno| self.unread(errno))?.into())
    }

    /// Returns whether the first bytes of this regular file have a NUL: it is no text.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_nul(&self) -> Result<bool, DiskError> {
        let file = self.node.reopen().map_err(|errno| self.unread(errno))?;
        let mut buffer = [0; TEXT_PROBE_BYTES];
        let read = self.read_at(&file, &mut buffer, 0)?;
        Ok(buffer[..read].contains(&0))
    }

    fn read_at(&self, file: &OwnedFd, buffer: &mut [u8], offset: u64) -> Result<usize, DiskError> {
        loop {
            match pread(file, &mut *buffer, offset) {
                Err(Errno::INTR) => {}
                read => return read.map_err(|errno| self.unread(errno)),
            }
        }
    }

    fn unread(&self, errno: Errno) -> DiskError {
        refusal("read", &self.path, errno)
    }

    /// Calls `visit` with each entry of this directory, in the order of their bytes, until it
    /// breaks. Paths are relative to the directory. Goes into directories if `deep`.
    ///
    /// # Errors
    /// When an entry cannot be looked at.
    pub fn list(
        &self,
        deep: bool,
        visit: &mut dyn FnMut(&Path, Entry) -> ControlFlow<()>,
    ) -> Result<(), DiskError> {
        let mut reader = DirectoryReader::new();
        let mut relative = PathBuf::new();
        let open = |handle: rustix::io::Result<OwnedFd>, reader: &mut DirectoryReader| {
            SortedNames::read(handle?, reader)
        };
        let failed = |action, relative: &Path, errno| refusal(action, self.path.join(relative), errno);
        let first = open(self.node.reopen(), &mut reader);
        let mut stack = vec![first.map_err(|errno| failed("read", &relative, errno))?];
        while let Some(directory) = stack.last_mut() {
            let Some(name) = directory.peek().map(ToOwned::to_owned) else {
                stack.pop();
                relative.pop();
                continue;
            };
            let node = Node::open(directory.handle.as_fd(), &name);
            let advanced = directory.advance(&mut reader, |_, _, _| Ok(true));
            advanced.map_err(|errno| failed("read", &relative, errno))?;
            relative.push(OsStr::from_bytes(name.to_bytes()));
            let node = node.map_err(|errno| failed("open", &relative, errno))?;
            let found = entry(&node).map_err(|errno| failed("read", &relative, errno))?;
            if visit(&relative, found).is_break() {
                return Ok(());
            }
            if deep && node.stat.kind == FileType::Directory {
                let below = open(node.reopen(), &mut reader);
                stack.push(below.map_err(|errno| failed("read", &relative, errno))?);
            } else {
                relative.pop();
            }
        }
        Ok(())
    }
}

/// Bytes of a hash that [`mark_of`] returns.
pub const MARK_HASH_BYTES: usize = HASH_BYTES;

/// Hashes what shows whether the entry at `path` beneath the tree `root` has changed: of a
/// directory its owner and mode, of any other entry its inode, size and times as well. An absent
/// entry has a hash of its own.
///
/// # Errors
/// When an entry cannot be looked at.
pub fn mark_of(root: &Path, path: &Path) -> Result<[u8; MARK_HASH_BYTES], DiskError> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(path.as_os_str().as_bytes()).update(&[0]);
    if let Some(found) = TreeEntry::find(root, path)? {
        let stat = &found.node.stat;
        if stat.kind == FileType::Directory {
            for number in [stat.mode.bits() | stat.kind.as_raw_mode(), stat.uid, stat.gid] {
                hasher.update(&number.to_le_bytes());
            }
        } else {
            hasher.update(&mark(stat));
        }
    }
    let mut hash = [0; MARK_HASH_BYTES];
    hasher.finalize_xof().fill(&mut hash);
    Ok(hash)
}
