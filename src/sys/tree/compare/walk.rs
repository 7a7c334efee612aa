//! Walks two trees side by side, each directory sorted by name.
//!
//! `difference` decides about two entries of one name; this file decides which entries meet. An
//! entry that a stat index knows to be unchanged costs one look and is not opened.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::ops::ControlFlow;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::difference::{ChangeKind, CompareBuffers, attributes_differ, entries_differ, flags_differ};
use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::copy::options::Stop;
use crate::sys::tree::entry::handle::{Inode, Node, Stat, open_root, refusal};
use crate::sys::tree::entry::names::{DirectoryReader, SortedNames};
use crate::sys::tree::index::{DirectoryIndex, Index};

/// An entry that differs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Change {
    /// Path relative to the roots of the trees, in its very bytes; "." is the roots themselves.
    pub path: PathBuf,
    /// How it differs.
    pub kind: ChangeKind,
    /// Whether it is a directory: in the new tree, or in the old one if only that has it.
    pub directory: bool,
}

/// Options of a comparison.
#[derive(Default, Clone, Copy)]
pub struct Compare<'a> {
    /// Knows entries of the new tree that have the content of the old one's.
    pub index: Option<&'a dyn Index>,
    /// May end the comparison.
    pub stop: Option<Stop<'a>>,
    /// Skips what is beneath a directory that only the new tree has.
    pub fold: bool,
}

/// Calls `visit` with each change that must be made to `old` to get `new`, until it breaks.
///
/// Two trees without a change have the same entries with the same types, modes, owners, link
/// targets, device numbers, extended attributes (without the host's labels), flags of chattr(1),
/// bytes and hard links among each other. Times and holes do not count. A directory comes before
/// its entries, and entries of a directory come in the order of their bytes. All entries of an
/// added or deleted directory are reported too. Of names that are linked in one tree only, the
/// first is reported as it is, and each further one as changed.
///
/// # Errors
/// When an entry cannot be read; the error names its path. The error of a mount point inside a tree
/// is of kind `CrossesDevices`.
pub fn compare_trees(
    old: &Path,
    new: &Path,
    visit: &mut dyn FnMut(Change) -> ControlFlow<()>,
) -> Result<(), DiskError> {
    compare_with(Some(old), new, &Compare::default(), visit)
}

/// Compares as [`compare_trees`] does, with options. Without an `old`, everything but the root is
/// new.
///
/// # Errors
/// As [`compare_trees`].
pub fn compare_with(
    old: Option<&Path>,
    new: &Path,
    how: &Compare<'_>,
    visit: &mut dyn FnMut(Change) -> ControlFlow<()>,
) -> Result<(), DiskError> {
    walk_both(old, new, how, &mut |met| {
        let shown = met.nodes[1].or(met.nodes[0]);
        let directory = shown.is_some_and(|node| node.stat.kind == FileType::Directory);
        Ok(visit(Change { path: met.path.to_owned(), kind: met.kind, directory }))
    })
}

/// Two entries that differ, held open.
pub(in crate::sys::tree) struct Found<'m> {
    pub(in crate::sys::tree) path: &'m Path,
    pub(in crate::sys::tree) kind: ChangeKind,
    /// The old and the new one.
    pub(in crate::sys::tree) nodes: [Option<&'m Node>; 2],
}

/// Receives each difference.
pub(in crate::sys::tree) type Visit<'v> = dyn FnMut(Found<'_>) -> Result<ControlFlow<()>, DiskError> + 'v;

pub(in crate::sys::tree) fn walk_both(
    old: Option<&Path>,
    new: &Path,
    how: &Compare<'_>,
    visit: &mut Visit<'_>,
) -> Result<(), DiskError> {
    let mut walk = CompareWalk {
        roots: [old.unwrap_or(new), new],
        how,
        path: PathBuf::new(),
        stack: Vec::new(),
        reader: DirectoryReader::new(),
        scratch: CompareBuffers::stopped_by(how.stop),
        links: LinkPairs::default(),
    };
    let root = |path: &Path| {
        let handle = open_root(path)?;
        let stat = Stat::of(handle.as_fd()).at("read the attributes of", path)?;
        Ok::<_, DiskError>(Node { handle, stat })
    };
    let roots = [old.map(root).transpose()?, Some(root(new)?)];
    if let [Some(old), Some(new)] = &roots {
        let sides = [(&old.stat, old.handle.as_fd()), (&new.stat, new.handle.as_fd())];
        let differ = attributes_differ(sides[0], sides[1], &mut walk.scratch)
            .map_err(|failure| walk.failed(failure.side, failure.action, failure.error))?
            || flags_differ([&old.handle, &new.handle], FileType::Directory);
        let met = Found { path: Path::new("."), kind: ChangeKind::Attributes, nodes: [Some(old), Some(new)] };
        if differ && visit(met)?.is_break() {
            return Ok(());
        }
    }
    walk.descend(roots.map(|root| root.map(|node| node.handle)))?;
    while !walk.stack.is_empty() {
        if how.stop.is_some_and(|stop| stop()) {
            return Err(walk.failed(1, "compare", Errno::INTR));
        }
        if walk.step(visit)?.is_break() {
            break;
        }
    }
    Ok(())
}

struct CompareWalk<'a> {
    /// The old root and the new one, in this order as everywhere here.
    roots: [&'a Path; 2],
    how: &'a Compare<'a>,
    /// Path of the current entry.
    path: PathBuf,
    stack: Vec<CompareFrame>,
    reader: DirectoryReader,
    scratch: CompareBuffers<'a>,
    links: LinkPairs,
}

/// A name, and its type on each side that has it, as far as the directory tells.
pub(in crate::sys::tree) type PairedName = (CString, [Option<FileType>; 2]);

/// A directory of one tree or of both.
struct CompareFrame {
    sides: [Option<SortedNames>; 2],
    known: Option<Arc<DirectoryIndex>>,
}

impl CompareFrame {
    /// Takes the smallest name that is left, and its type on each side. A failure names its side.
    fn take(&mut self, reader: &mut DirectoryReader) -> Result<Option<PairedName>, (usize, Errno)> {
        let Some(name) =
            self.sides.iter().flatten().filter_map(SortedNames::peek).min().map(ToOwned::to_owned)
        else {
            return Ok(None);
        };
        let mut has = [None; 2];
        for (index, side) in self.sides.iter_mut().enumerate() {
            let Some(side) = side else { continue };
            while side.peek() == Some(&name) {
                has[index] = Some(side.kind());
                side.advance(reader, |_, _, _| Ok(true)).map_err(|errno| (index, errno))?;
            }
        }
        Ok(Some((name, has)))
    }
}

impl CompareFrame {
    /// Returns whether the index knows the new side's entry to equal the old side's.
    fn knows(&self, name: &CStr) -> bool {
        let (Some(known), Some(new)) = (&self.known, &self.sides[1]) else { return false };
        Stat::of_name(new.handle.as_fd(), name).is_ok_and(|stat| known.trusts(name, &stat))
    }
}

impl CompareWalk<'_> {
    fn step(&mut self, visit: &mut Visit<'_>) -> Result<ControlFlow<()>, DiskError> {
        let frame = self.stack.last_mut().expect("the stack is not empty");
        let taken = frame.take(&mut self.reader);
        let Some((name, has)) = taken.map_err(|(side, errno)| self.failed(side, "read", errno))? else {
            self.stack.pop();
            self.path.pop();
            return Ok(ControlFlow::Continue(()));
        };
        let frame = self.stack.last().expect("it is still there");
        // The index may know a file of another commit, where the old side has a directory.
        let may_be_known = matches!(has, [Some(old), Some(_)] if old != FileType::Directory);
        if may_be_known && frame.knows(&name) {
            return Ok(ControlFlow::Continue(()));
        }
        self.path.push(std::ffi::OsStr::from_bytes(name.to_bytes()));
        let [old, new] = [self.open(0, &name, has[0].is_some())?, self.open(1, &name, has[1].is_some())?];
        let kind = match (&old, &new) {
            (None, None) => None,
            (None, Some(_)) => Some(ChangeKind::Added),
            (Some(_), None) => Some(ChangeKind::Deleted),
            (Some(old), Some(new)) if old.stat.kind != new.stat.kind => Some(ChangeKind::TypeChanged),
            (Some(old), Some(new)) => self.pair(old, new)?,
        };
        if let Some(kind) = kind
            && visit(Found { path: &self.path, kind, nodes: [old.as_ref(), new.as_ref()] })?.is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
        let is_directory = |node: &Node| node.stat.kind == FileType::Directory;
        let mut directories = [old.filter(is_directory), new.filter(is_directory)];
        if self.how.fold && directories[0].is_none() {
            directories[1] = None;
        }
        if directories.iter().any(Option::is_some) {
            let [old, new] = directories;
            let handles = [self.reopen(0, old)?, self.reopen(1, new)?];
            self.descend(handles)?;
        } else {
            self.path.pop();
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Compares two entries of one name and one type.
    fn pair(&mut self, old: &Node, new: &Node) -> Result<Option<ChangeKind>, DiskError> {
        let linked_alike = old.stat.kind == FileType::Directory || self.links.agree(&old.stat, &new.stat);
        let kind = entries_differ(old, new, &mut self.scratch)
            .map_err(|failure| self.failed(failure.side, failure.action, failure.error))?;
        Ok(kind.or((!linked_alike).then_some(ChangeKind::Attributes)))
    }

    /// Opens `name` on one side of the frame on top; returns `None` if it has vanished since it was
    /// listed.
    fn open(&self, side: usize, name: &CStr, has: bool) -> Result<Option<Node>, DiskError> {
        let frame = self.stack.last().expect("a step has a frame");
        let Some(directory) = frame.sides[side].as_ref().filter(|_| has) else { return Ok(None) };
        match Node::open(directory.handle.as_fd(), name) {
            Err(Errno::NOENT) => Ok(None),
            other => other.map(Some).map_err(|errno| self.failed(side, "open", errno)),
        }
    }

    fn reopen(&self, side: usize, node: Option<Node>) -> Result<Option<OwnedFd>, DiskError> {
        node.map(|node| node.reopen().map_err(|errno| self.failed(side, "open", errno))).transpose()
    }

    /// Goes into the directory at `self.path`, whose two sides are `handles`.
    fn descend(&mut self, handles: [Option<OwnedFd>; 2]) -> Result<(), DiskError> {
        let mut sides = [None, None];
        for (index, handle) in handles.into_iter().enumerate() {
            let Some(handle) = handle else { continue };
            let sorted = SortedNames::read(handle, &mut self.reader);
            sides[index] = Some(sorted.map_err(|errno| self.failed(index, "read", errno))?);
        }
        let known = self.how.index.and_then(|index| index.directory(&self.path));
        self.stack.push(CompareFrame { sides, known });
        Ok(())
    }

    fn failed(&self, side: usize, action: &'static str, errno: Errno) -> DiskError {
        refusal(action, self.roots[side].join(&self.path), errno)
    }
}

/// Pairs the inodes of the two trees: names that are one inode in one tree must be one in the
/// other.
#[derive(Default)]
struct LinkPairs {
    met: [HashMap<Inode, Met>; 2],
}

struct Met {
    other: Inode,
    names: u32,
}

impl LinkPairs {
    fn agree(&mut self, old: &Stat, new: &Stat) -> bool {
        if old.links < 2 && new.links < 2 {
            return true;
        }
        let [of_old, of_new] = &mut self.met;
        meet(of_old, old, new.inode) & meet(of_new, new, old.inode)
    }
}

/// Pairs an inode with `other`, and forgets it once all of its names were met.
fn meet(met: &mut HashMap<Inode, Met>, stat: &Stat, other: Inode) -> bool {
    if stat.links < 2 {
        return true;
    }
    let entry = met.entry(stat.inode).or_insert(Met { other, names: 0 });
    entry.names += 1;
    let agrees = entry.other == other;
    if entry.names >= stat.links {
        met.remove(&stat.inode);
    }
    agrees
}
