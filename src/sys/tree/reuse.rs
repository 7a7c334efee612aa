//! Copies that build on what is there.
//!
//! A second pass over a copy of what never changes keeps what the first one made. A copy that
//! takes the place of a tree takes the unchanged files over from it, by link: afterwards
//! `strip_shared` takes those names out of the old tree, so that no inode stays in two trees, and what
//! is left of it is the difference.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, linkat, unlinkat};
use rustix::io::Errno;

use super::directory::Directory;
use super::handle::{Stat, open_directory, open_root, refusal};
use super::index::{Chunk, Index};
use super::names::{Names, Reader};
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;

/// What may be spared in a copy.
#[derive(Default)]
pub struct Update<'a> {
    /// Which entries of the destination stay.
    pub keep: Keep,
    /// Where unchanged files may be linked from.
    pub reuse: Option<Reuse<'a>>,
}

/// Which entries of the destination stay.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// None: it must be empty.
    #[default]
    Nothing,
    /// All: they are copies of a source that never changes.
    All,
}

/// A tree whose files may be linked into the copy.
#[derive(Clone, Copy)]
pub struct Reuse<'a> {
    /// Its root; on the same file system as the copy.
    pub tree: &'a Path,
    /// Knows which of its entries have the content of the source's.
    pub index: &'a dyn Index,
    /// Leave them out for now: a later pass, when nobody writes, links them.
    pub later: bool,
}

/// What belongs to a directory of the source beside its copy.
#[derive(Default)]
pub(super) struct Beside {
    /// Relative to the root.
    path: PathBuf,
    /// Of the tree to link from.
    reused: Option<(OwnedFd, Arc<Chunk>)>,
}

/// What was spared.
pub(super) enum Spared {
    No,
    Later,
    Kept,
    Linked,
}

impl Beside {
    pub(super) fn root(update: &Update<'_>) -> Result<Self, DiskError> {
        let handle = update.reuse.as_ref().map(|reuse| open_root(reuse.tree)).transpose()?;
        Ok(Self::at(PathBuf::new(), handle, update))
    }

    pub(super) fn child(&self, name: &CStr, update: &Update<'_>) -> Self {
        if update.reuse.is_none() {
            return Beside::default();
        }
        let handle = self.reused.as_ref().and_then(|(handle, _)| open_directory(handle.as_fd(), name).ok());
        Self::at(self.path.join(OsStr::from_bytes(name.to_bytes())), handle, update)
    }

    fn at(path: PathBuf, handle: Option<OwnedFd>, update: &Update<'_>) -> Self {
        let known = update.reuse.as_ref().and_then(|reuse| reuse.index.directory(&path));
        Beside { path, reused: handle.zip(known) }
    }

    /// Keeps or links the entry `name` of the source, if that may be.
    pub(super) fn spare(
        &self,
        directory: &Directory,
        name: &CStr,
        source: &Stat,
        update: &Update<'_>,
    ) -> io::Result<Spared> {
        if update.keep == Keep::All && Stat::of_name(directory.to.as_fd(), name).is_ok() {
            return Ok(Spared::Kept);
        }
        match (&self.reused, &update.reuse) {
            (Some((from, known)), Some(reuse))
                if source.kind == FileType::RegularFile && source.links == 1 =>
            {
                link(from, known, directory, name, reuse.later)
            }
            _ => Ok(Spared::No),
        }
    }
}

fn link(
    from: &OwnedFd,
    known: &Chunk,
    directory: &Directory,
    name: &CStr,
    later: bool,
) -> io::Result<Spared> {
    let Ok(stat) = Stat::of_name(from.as_fd(), name) else { return Ok(Spared::No) };
    if !known.trusts(name, &stat) {
        return Ok(Spared::No);
    }
    if later {
        return Ok(Spared::Later);
    }
    fault::point("tree.link")?;
    match linkat(from, name, &directory.to, name, AtFlags::empty()) {
        Ok(()) => {}
        // Vanished, or more names than an inode can have.
        Err(Errno::NOENT | Errno::MLINK | Errno::XDEV | Errno::PERM) => return Ok(Spared::No),
        Err(error) => return Err(error.into()),
    }
    // Another file may have taken the name between the look and the link.
    let linked = Stat::of_name(directory.to.as_fd(), name)?;
    let same = linked.inode == stat.inode
        && linked.size == stat.size
        && linked.times.last_modification == stat.times.last_modification;
    if same {
        return Ok(Spared::Linked);
    }
    unlinkat(&directory.to, name, AtFlags::empty())?;
    Ok(Spared::No)
}

/// The names of `old` whose inode is also at the same path of `new`: paths relative to the roots, each with a
/// NUL behind it, those of one directory together.
///
/// # Errors
/// Whatever cannot be read.
pub fn shared_names(old: &Path, new: &Path) -> Result<Vec<u8>, DiskError> {
    let mut list = Vec::new();
    each_shared(old, new, &mut |path, _, _| {
        list.extend_from_slice(path.as_os_str().as_bytes());
        list.push(0);
        Ok(())
    })?;
    Ok(list)
}

/// Takes those names out of `old`. What is left in it is what differs.
///
/// # Errors
/// Whatever cannot be read or removed.
pub fn strip_shared(old: &Path, new: &Path) -> Result<(), DiskError> {
    each_shared(old, new, &mut |path, directory, name| {
        let full = old.join(path);
        fault::point("tree.unlink").at("remove", &full)?;
        unlinkat(directory, name, AtFlags::empty()).at("remove", &full)
    })
}

/// Told of each shared name: its path, the directory in the old tree, the name in that.
type Shared<'f> = dyn FnMut(&Path, &OwnedFd, &CStr) -> Result<(), DiskError> + 'f;

fn each_shared(old: &Path, new: &Path, each: &mut Shared<'_>) -> Result<(), DiskError> {
    let mut reader = Reader::new();
    let mut at = PathBuf::new();
    let mut stack = vec![Pair::open(open_root(old)?, open_root(new)?, &mut reader, old)?];
    while let Some(pair) = stack.last_mut() {
        let Some(name) = pair.names.pop() else {
            stack.pop();
            at.pop();
            continue;
        };
        let path = at.join(OsStr::from_bytes(name.to_bytes()));
        let failed = |action, errno: Errno| refusal(action, old.join(&path), errno);
        let stat = match Stat::of_name(pair.old.as_fd(), &name) {
            Err(Errno::NOENT) => continue,
            other => other.map_err(|errno| failed("look at", errno))?,
        };
        if stat.kind == FileType::Directory {
            let Ok(new) = open_directory(pair.new.as_fd(), &name) else { continue };
            let handle = open_directory(pair.old.as_fd(), &name).map_err(|errno| failed("open", errno))?;
            stack.push(Pair::open(handle, new, &mut reader, old)?);
            at = path;
        } else if stat.links > 1
            && Stat::of_name(pair.new.as_fd(), &name).is_ok_and(|other| other.inode == stat.inode)
        {
            each(&path, &pair.old, &name)?;
        }
    }
    Ok(())
}

struct Pair {
    old: OwnedFd,
    new: OwnedFd,
    names: Names,
}

impl Pair {
    fn open(old: OwnedFd, new: OwnedFd, reader: &mut Reader, root: &Path) -> Result<Self, DiskError> {
        let names = reader.sorted(old.as_fd()).at("read", root)?;
        Ok(Pair { old, new, names: reversed(&names).at("read", root)? })
    }
}

/// The names in the other order, so that they are popped from the first on.
fn reversed(names: &Names) -> rustix::io::Result<Names> {
    let mut other = Names::default();
    for index in (0..names.len()).rev() {
        other.push(names.get(index).expect("it is in the list"))?;
    }
    Ok(other)
}
