//! Goes through a tree, entry by entry.

use std::collections::HashMap;
use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FileType, readlinkat};

use super::entry::{InodeNames, SourceEntry, SourceKind};
use super::file::SourceFile;
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;
use crate::sys::tree::entry::attributes::{Scratch, XattrHolder};
use crate::sys::tree::entry::flags::Flags;
use crate::sys::tree::entry::handle::{Node, Stat, mounted, open_root, refusal};
use crate::sys::tree::entry::names::{DirectoryReader, SortedNames};
use crate::sys::tree::entry::values::{EntryAttributes, read_extended};

/// A tree that is open for reading: it can be read to its end although an operation moves it.
pub struct OpenTree {
    root: PathBuf,
    handle: OwnedFd,
}

impl OpenTree {
    /// Opens the tree at the directory `root`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(root: &Path) -> Result<Self, DiskError> {
        fault::point("source.open").at("open", root)?;
        Ok(OpenTree { root: root.to_owned(), handle: open_root(root)? })
    }
}

/// Gives the entries of a tree one after the other, its root first. Ends after the first error,
/// which names the entry that it could not read.
pub struct TreeSource {
    root: PathBuf,
    /// The root's handle until the root was given.
    first: Option<OwnedFd>,
    cancel: Arc<AtomicBool>,
    stack: Vec<Level>,
    /// Path of the directory on top of the stack.
    at: PathBuf,
    /// Inodes of which more names come.
    linked: HashMap<(u64, u64), Linked>,
    /// How many inodes with several names there were.
    groups: u64,
    reader: DirectoryReader,
    scratch: Scratch,
}

/// A directory whose entries are being given.
struct Level {
    stat: Stat,
    names: SortedNames,
}

/// An inode of which one name was given, or several.
struct Linked {
    group: u64,
    first: Arc<Path>,
    /// How many names come at most.
    missing: u32,
}

impl TreeSource {
    /// Starts at the root of `tree`. If `cancel` becomes true, it ends soon with an error of kind
    /// `Interrupted`.
    pub fn new(tree: OpenTree, cancel: Arc<AtomicBool>) -> Self {
        TreeSource {
            root: tree.root,
            first: Some(tree.handle),
            cancel,
            stack: Vec::new(),
            at: PathBuf::new(),
            linked: HashMap::new(),
            groups: 0,
            reader: DirectoryReader::new(),
            scratch: Scratch::default(),
        }
    }

    /// Returns the path of the entry `path` on disk, for errors.
    pub fn on_disk(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    fn step(&mut self) -> Result<Option<SourceEntry>, DiskError> {
        if let Some(handle) = self.first.take() {
            let root = &self.root;
            let stat = Stat::of(handle.as_fd()).at("read the attributes of", root)?;
            return self.directory(PathBuf::new(), stat, handle).map(Some);
        }
        let (name, node) = loop {
            let Some(level) = self.stack.last_mut() else { return Ok(None) };
            let Some(name) = level.names.peek().map(CStr::to_owned) else {
                self.stack.pop();
                self.at.pop();
                continue;
            };
            let path = || self.root.join(&self.at).join(OsStr::from_bytes(name.to_bytes()));
            let failed = |action, error: io::Error| refusal(action, path(), error);
            level
                .names
                .advance(&mut self.reader, |_, _, _| Ok(true))
                .map_err(|e| failed("read", e.into()))?;
            if self.cancel.load(Ordering::Relaxed) {
                return Err(failed("read", io::ErrorKind::Interrupted.into()));
            }
            // An entry that is gone means that the tree is being deleted.
            let node = Node::open(level.names.handle.as_fd(), &name);
            let node = node.map_err(|errno| failed("open", errno.into()))?;
            if !node.stat.same_mount(&level.stat) {
                return Err(mounted(path()));
            }
            break (name, node);
        };
        let path = self.at.join(OsStr::from_bytes(name.to_bytes()));
        if node.stat.kind == FileType::Directory {
            let handle = node.reopen().at("open", &self.on_disk(&path))?;
            self.directory(path, node.stat, handle).map(Some)
        } else {
            self.leaf(path, &node).map(Some)
        }
    }

    fn directory(&mut self, path: PathBuf, stat: Stat, handle: OwnedFd) -> Result<SourceEntry, DiskError> {
        let on_disk = self.on_disk(&path);
        let (extended, labels) = read_extended(XattrHolder::Open(handle.as_fd()), &mut self.scratch)
            .at("read the attributes of", &on_disk)?;
        let attributes = EntryAttributes::new(&stat, extended, Flags::of(&handle));
        let names = SortedNames::read(handle, &mut self.reader).at("read", &on_disk)?;
        self.stack.push(Level { stat, names });
        self.at.clone_from(&path);
        Ok(SourceEntry { path, kind: SourceKind::Directory, attributes, names: None, labels })
    }

    fn leaf(&mut self, path: PathBuf, node: &Node) -> Result<SourceEntry, DiskError> {
        let on_disk = self.on_disk(&path);
        let stat = &node.stat;
        let kind = match stat.kind {
            FileType::RegularFile => {
                let file = node.reopen().at("open", &on_disk)?;
                SourceKind::File(SourceFile::new(file, stat.size))
            }
            FileType::Symlink => {
                let target = readlinkat(&node.handle, c"", Vec::new()).at("read the link", &on_disk)?;
                SourceKind::Symlink(target.into_bytes())
            }
            FileType::Fifo => SourceKind::Fifo,
            FileType::Socket => SourceKind::Socket,
            FileType::CharacterDevice => SourceKind::CharacterDevice(stat.device),
            FileType::BlockDevice => SourceKind::BlockDevice(stat.device),
            _ => return Err(DiskError::new("read", on_disk, io::Error::other("its type is unknown"))),
        };
        let magic = node.magic_path();
        let (holder, flags) = match &kind {
            SourceKind::File(file) => (XattrHolder::Open(file.as_fd()), Flags::of(file.as_fd())),
            _ => (XattrHolder::Magic(&magic), Flags::none()),
        };
        let (extended, labels) =
            read_extended(holder, &mut self.scratch).at("read the attributes of", &on_disk)?;
        let names = (stat.links > 1).then(|| self.names(stat, &path));
        Ok(SourceEntry { attributes: EntryAttributes::new(stat, extended, flags), path, kind, names, labels })
    }

    fn names(&mut self, stat: &Stat, path: &Path) -> InodeNames {
        let (key, count) = ((stat.inode.device, stat.inode.number), stat.links);
        if let Some(linked) = self.linked.get_mut(&key) {
            let names = InodeNames { group: linked.group, count, first: Some(Arc::clone(&linked.first)) };
            linked.missing = linked.missing.saturating_sub(1);
            if linked.missing == 0 {
                self.linked.remove(&key);
            }
            return names;
        }
        self.groups += 1;
        let linked = Linked { group: self.groups, first: Arc::from(path), missing: count - 1 };
        self.linked.insert(key, linked);
        InodeNames { group: self.groups, count, first: None }
    }
}

impl Iterator for TreeSource {
    type Item = Result<SourceEntry, DiskError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.stack.clear();
        }
        step.transpose()
    }
}
