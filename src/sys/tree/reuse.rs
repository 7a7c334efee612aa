//! Copies that build on what is there.
//!
//! A second pass over a copy of what never changes keeps what the first one made. A copy that
//! takes the place of a tree takes the unchanged files over from it, by link: afterwards
//! `strip_linked` takes those names out of the old tree, so that no inode stays in two trees, and what
//! is left of it is the difference.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, linkat, renameat, unlinkat};
use rustix::io::Errno;

use super::early::EarlyCopies;
use super::handle::{Stat, open_directory, open_root};
use super::index::{Chunk, Index};
use super::linked::LinkedFiles;
use super::listed::Listed;
use super::names::Names;
use crate::sys::error::DiskError;
use crate::sys::fault;

/// What may be spared in a copy.
#[derive(Default)]
pub struct Update<'a> {
    /// Which entries of the destination stay.
    pub keep: Keep,
    /// Where unchanged files may be linked from.
    pub reuse: Option<Reuse<'a>>,
    /// Copies that were made before; what is taken is moved from there.
    pub early: Option<&'a EarlyCopies>,
    /// A tree with copies of files of this very source, which never changes; what is taken is moved from there.
    pub stock: Option<&'a Path>,
    /// What of the source is not copied.
    pub except: Option<&'a Listed>,
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
    /// Where the names of the linked files are written.
    pub linked: &'a LinkedFiles,
    /// Leave them out of this pass: a later one, when nobody writes, links them.
    pub later: bool,
}

/// What belongs to a directory of the source beside its copy.
#[derive(Default)]
pub(super) struct Beside {
    /// Relative to the root.
    path: PathBuf,
    /// The same directory of the tree to link from.
    reused: Option<OwnedFd>,
    /// What is known of its entries; a directory of directories alone has no such thing.
    known: Option<Arc<Chunk>>,
    /// The same directory of the stock.
    stock: Option<OwnedFd>,
    /// The names of what is not copied, sorted.
    except: Names,
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
        let stock = update.stock.map(open_root).transpose()?;
        Self::at(PathBuf::new(), handle, stock, update)
    }

    pub(super) fn child(&self, name: &CStr, update: &Update<'_>) -> Result<Self, DiskError> {
        if update.reuse.is_none() && update.stock.is_none() && update.except.is_none() {
            return Ok(Beside::default());
        }
        let open = |parent: &Option<OwnedFd>| {
            parent.as_ref().and_then(|handle| open_directory(handle.as_fd(), name).ok())
        };
        let path = self.path.join(OsStr::from_bytes(name.to_bytes()));
        Self::at(path, open(&self.reused), open(&self.stock), update)
    }

    fn at(
        path: PathBuf,
        reused: Option<OwnedFd>,
        stock: Option<OwnedFd>,
        update: &Update<'_>,
    ) -> Result<Self, DiskError> {
        let reuse = update.reuse.as_ref().filter(|_| reused.is_some());
        let known = reuse.and_then(|reuse| reuse.index.directory(&path));
        let except = update.except.map(|except| except.names(&path)).transpose()?.unwrap_or_default();
        Ok(Beside { path, reused, known, stock, except })
    }

    /// Of the directory at `path`, which has that of the stock beside it.
    pub(super) fn with_stock(path: &Path, stock: Option<OwnedFd>) -> Self {
        Beside { path: path.to_owned(), stock, ..Beside::default() }
    }

    /// Whether the entry `name` of the source is not to be copied.
    pub(super) fn leaves_out(&self, name: &CStr) -> bool {
        self.except.has(name)
    }

    /// Keeps or links the entry `name` of the source, into the copy `to` of its directory, if that may be. The source's entry is not looked at:
    /// what the index trusts was a file with one name there too.
    pub(super) fn spare(&self, to: &OwnedFd, name: &CStr, update: &Update<'_>) -> io::Result<Spared> {
        if update.keep == Keep::All && Stat::of_name(to.as_fd(), name).is_ok() {
            return Ok(Spared::Kept);
        }
        if let Some(stock) = &self.stock
            && take(stock, to, name)?
        {
            return Ok(Spared::Kept);
        }
        match (&self.reused, &self.known, &update.reuse) {
            (Some(from), Some(known), Some(reuse)) => link(from, known, to, name, reuse.later),
            _ => Ok(Spared::No),
        }
    }

    /// Writes down which files of this directory were linked.
    pub(super) fn note(&self, linked: &Names, update: &Update<'_>) -> Result<(), DiskError> {
        update.reuse.as_ref().map_or(Ok(()), |reuse| reuse.linked.add(&self.path, linked))
    }
}

/// Moves the file `name` from the stock, if it is there. What has several names is copied with all of them.
fn take(stock: &OwnedFd, to: &OwnedFd, name: &CStr) -> io::Result<bool> {
    let Ok(stat) = Stat::of_name(stock.as_fd(), name) else { return Ok(false) };
    if stat.kind != FileType::RegularFile || stat.links != 1 {
        return Ok(false);
    }
    fault::point("tree.rename")?;
    renameat(stock, name, to, name)?;
    Ok(true)
}

fn link(from: &OwnedFd, known: &Chunk, to: &OwnedFd, name: &CStr, later: bool) -> io::Result<Spared> {
    let Ok(stat) = Stat::of_name(from.as_fd(), name) else { return Ok(Spared::No) };
    if stat.kind != FileType::RegularFile || !known.trusts(name, &stat) {
        return Ok(Spared::No);
    }
    if later {
        return Ok(Spared::Later);
    }
    fault::point("tree.link")?;
    match linkat(from, name, to, name, AtFlags::empty()) {
        Ok(()) => {}
        // Vanished, or more names than an inode can have.
        Err(Errno::NOENT | Errno::MLINK | Errno::XDEV | Errno::PERM) => return Ok(Spared::No),
        Err(error) => return Err(error.into()),
    }
    // Another file may have taken the name between the look and the link.
    let linked = Stat::of_name(to.as_fd(), name)?;
    let same = linked.inode == stat.inode
        && linked.size == stat.size
        && linked.times.last_modification == stat.times.last_modification;
    if same {
        return Ok(Spared::Linked);
    }
    unlinkat(to, name, AtFlags::empty())?;
    Ok(Spared::No)
}
