//! Takes the steps by which a tree and a staged one exchange what differs between them.
//!
//! Inodes show whether a step was taken, so each step can be repeated, and `undo` takes it back
//! from wherever a dead process stopped. Two files exchange places in one call. If a directory
//! takes part, the old entry is set aside first: XFS gives an exchanged directory a new
//! modification time. In the end the staged tree is what the other tree was where the two differed.
//!
//! Other processes may go on writing to the tree. An exchange is refused when it finds another
//! entry than the one that was to leave; what slips in between the look and the exchange leaves the
//! tree like the entry that it replaced.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, RenameFlags, fchmod, mkdirat, renameat_with};
use rustix::io::Errno;

use super::list::{ListReader, ListRecord, ListedDirectory, Step};
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;
use crate::sys::tree::beside;
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::flags::RefusedFlags;
use crate::sys::tree::entry::handle::{Stat, descend, open_root, refusal};
use crate::sys::tree::entry::values::EntryAttributes;

/// The state of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListState {
    /// The list is absent or was not written to its end: no step was taken.
    NotWhole,
    /// The list has no steps.
    Empty,
    /// The list is whole and has steps.
    Whole,
}

/// Reads the state of the list at `list`.
///
/// # Errors
/// When the list cannot be read.
pub fn list_state(list: &Path) -> Result<ListState, DiskError> {
    let Some(mut steps) = ListReader::open(list)? else { return Ok(ListState::NotWhole) };
    Ok(if steps.take()?.is_none() { ListState::Empty } else { ListState::Whole })
}

/// Takes the steps of the whole list at `list` between `tree` and `staged`. Counts the directories
/// whose flags the file system refuses.
///
/// # Errors
/// When an entry is not what the list says, or cannot be moved. Some steps may have been taken
/// then.
pub fn exchange_entries(
    tree: &Path,
    staged: &Path,
    list: &Path,
    refused: &RefusedFlags,
) -> Result<(), DiskError> {
    Exchange { tree, staged, aside: Aside::of(tree), scratch: Scratch::default(), refused }.run(list)
}

struct Exchange<'a> {
    tree: &'a Path,
    staged: &'a Path,
    aside: Aside,
    scratch: Scratch,
    refused: &'a RefusedFlags,
}

/// A directory of the tree, its counterpart, and their path.
struct Both<'a> {
    tree: OwnedFd,
    staged: OwnedFd,
    path: &'a Path,
}

impl<'a> Exchange<'a> {
    fn run(&mut self, list: &Path) -> Result<(), DiskError> {
        let whole = ListReader::open(list)?;
        let mut steps = whole.ok_or(io::ErrorKind::InvalidData).at("read", list)?;
        while let Some(record) = steps.take()? {
            match record {
                ListRecord::Steps(directory, steps) => {
                    let both = self.open(&directory)?;
                    for step in &steps {
                        self.step(&both, step)?;
                    }
                }
                ListRecord::Directory(place) => self.place(&place)?,
            }
        }
        Ok(())
    }

    fn open<'p>(&self, path: &'p Path) -> Result<Both<'p>, DiskError> {
        let tree = open_writable(self.tree, path)
            .map_err(|error| if is_gone(&error.source) { replaced(error.path) } else { error })?;
        Ok(Both { tree, staged: open_writable(self.staged, path)?, path })
    }

    /// Sets the attributes of a directory, and those that it had on its counterpart.
    fn place(&mut self, place: &ListedDirectory) -> Result<(), DiskError> {
        if let Some(after) = &place.after {
            put(self.tree, &place.path, after, &mut self.scratch, self.refused)?;
        }
        // That one is counted when it comes back.
        put(self.staged, &place.path, &place.before, &mut self.scratch, &RefusedFlags::default())
    }

    fn step(&mut self, both: &Both<'_>, step: &Step) -> Result<(), DiskError> {
        let full = || self.tree.join(both.path).join(OsStr::from_bytes(step.name.to_bytes()));
        let here = |directory| {
            inode(directory, &step.name).map_err(|errno| refusal("read the attributes of", full(), errno))
        };
        let now = (here(&both.tree)?, here(&both.staged)?);
        if now == (step.new, step.old) {
            return Ok(());
        }
        let failed = |error| DiskError::new("move", full(), error);
        if let (Some(_), Some(_), false) =
            (step.new, step.old, step.new_is_directory || step.old_is_directory)
            && now == (step.old, step.new)
        {
            return exchange(&both.tree, &both.staged, &step.name).at("exchange", &full());
        }
        // One after the other: move what leaves out of the tree, what comes into it, and what waits
        // into the staged tree.
        if now.0 != step.new {
            if let Some(there) = now.0 {
                if Some(there) != step.old {
                    return Err(replaced(full()));
                }
                if now.1.is_none() {
                    rename(&both.tree, &step.name, &both.staged, &step.name).map_err(failed)?;
                } else {
                    rename(&both.tree, &step.name, self.aside.make()?, &Aside::name(there))
                        .map_err(failed)?;
                }
            }
            if step.new.is_some() {
                rename(&both.staged, &step.name, &both.tree, &step.name).map_err(failed)?;
            }
        }
        match step.old {
            Some(old) if inode(&both.staged, &step.name).ok().flatten() != Some(old) => {
                let Some(aside) = self.aside.get()? else { return Err(replaced(full())) };
                rename(aside, &Aside::name(old), &both.staged, &step.name).map_err(failed)
            }
            _ => Ok(()),
        }
    }
}

/// Where an entry waits for another to leave its place, beside the tree.
pub(super) struct Aside {
    path: PathBuf,
    open: Option<OwnedFd>,
}

impl Aside {
    pub(super) fn of(tree: &Path) -> Self {
        Aside { path: beside::aside(tree), open: None }
    }

    /// Returns the name of a waiting inode.
    pub(super) fn name(inode: u64) -> CString {
        CString::new(format!("{inode:x}")).expect("digits hold no NUL")
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the directory, and makes it if it is missing.
    pub(super) fn make(&mut self) -> Result<&OwnedFd, DiskError> {
        if self.get()?.is_none() {
            fault::point("tree.mkdir").at("create", &self.path)?;
            mkdirat(CWD, &self.path, Mode::RWXU).at("create", &self.path)?;
            self.open = Some(open_root(&self.path)?);
        }
        Ok(self.open.as_ref().expect("it was just opened"))
    }

    /// Opens the directory if there is one.
    pub(super) fn get(&mut self) -> Result<Option<&OwnedFd>, DiskError> {
        if self.open.is_none() && self.path.is_dir() {
            self.open = Some(open_root(&self.path)?);
        }
        Ok(self.open.as_ref())
    }
}

/// Opens the directory `path` beneath `root`, and lets its owner write to it.
pub(in crate::sys::tree) fn open_writable(root: &Path, path: &Path) -> Result<OwnedFd, DiskError> {
    let handle = descend(root, path)?;
    let full = || root.join(path);
    let mode = Stat::of(handle.as_fd()).at("read the attributes of", &full())?.mode;
    // The directory's owner may have closed it to itself.
    if !mode.contains(Mode::WUSR | Mode::XUSR) {
        fchmod(&handle, mode | Mode::RWXU).at("set the mode of", &full())?;
    }
    Ok(handle)
}

/// Sets the attributes of the directory `path` beneath `root`.
pub(in crate::sys::tree) fn put(
    root: &Path,
    path: &Path,
    attributes: &EntryAttributes,
    scratch: &mut Scratch,
    refused: &RefusedFlags,
) -> Result<(), DiskError> {
    let handle = descend(root, path)?;
    attributes.put(&handle, scratch, refused).at("set the attributes of", &root.join(path))
}

/// Returns the inode of an entry, or `None` if there is no such entry.
pub(super) fn inode(directory: &OwnedFd, name: &CStr) -> rustix::io::Result<Option<u64>> {
    match Stat::of_name(directory.as_fd(), name) {
        Err(Errno::NOENT) => Ok(None),
        other => other?.number_of(directory.as_fd(), name).map(Some),
    }
}

/// Exchanges the entries of two directories.
pub(super) fn exchange(one: &OwnedFd, other: &OwnedFd, name: &CStr) -> io::Result<()> {
    fault::point("tree.exchange")?;
    Ok(renameat_with(one, name, other, name, RenameFlags::EXCHANGE)?)
}

/// Renames an entry; refuses to replace another.
pub(super) fn rename(from: &OwnedFd, name: &CStr, to: &OwnedFd, as_name: &CStr) -> io::Result<()> {
    fault::point("tree.rename")?;
    Ok(renameat_with(from, name, to, as_name, RenameFlags::NOREPLACE)?)
}

/// Returns whether an error means that a directory is not where it was.
pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw_os_error),
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
    )
}

fn replaced(path: PathBuf) -> DiskError {
    DiskError::new("exchange", path, io::Error::other("another process has moved or replaced it"))
}
