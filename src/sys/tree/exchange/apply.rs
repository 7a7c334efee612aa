//! Takes the steps by which a tree and a staged one exchange what differs between them, or takes
//! them back.
//!
//! Inodes show whether a step was taken, so each step can be repeated, and taken back from wherever
//! a dead process stopped. Two files exchange places in one call. If a directory takes part, the
//! old entry is set aside first: XFS gives an exchanged directory a new modification time. In the
//! end the staged tree is what the other tree was where the two differed.

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
use crate::sys::tree::entry::directory_attributes::DirectoryAttributes;
use crate::sys::tree::entry::handle::{Stat, descend, open_root, refusal};

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

/// Takes the steps of the whole list at `list` between `tree` and `staged`.
///
/// # Errors
/// When an entry is not what the list says, or cannot be moved. Some steps may have been taken
/// then.
pub fn exchange_entries(tree: &Path, staged: &Path, list: &Path) -> Result<(), DiskError> {
    Exchange::new(tree, staged).run(list, Direction::Forth)
}

/// Takes back all steps that were taken, also those of a return that did not finish.
///
/// # Errors
/// When an entry is neither as it was before nor as it is afterwards, or cannot be moved.
pub fn return_entries(tree: &Path, staged: &Path, list: &Path) -> Result<(), DiskError> {
    Exchange::new(tree, staged).run(list, Direction::Back)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forth,
    Back,
}

struct Exchange<'a> {
    tree: &'a Path,
    staged: &'a Path,
    /// Beside the tree: where an old entry waits for the new one to leave.
    aside: PathBuf,
    waiting: Option<OwnedFd>,
    scratch: Scratch,
}

/// A directory of the tree, its counterpart, and their path.
struct Both<'a> {
    tree: OwnedFd,
    staged: OwnedFd,
    path: &'a Path,
}

impl<'a> Exchange<'a> {
    fn new(tree: &'a Path, staged: &'a Path) -> Self {
        let aside = beside::aside(tree);
        Exchange { tree, staged, aside, waiting: None, scratch: Scratch::default() }
    }

    fn run(&mut self, list: &Path, way: Direction) -> Result<(), DiskError> {
        let whole = ListReader::open(list)?;
        let mut steps = whole.ok_or(io::ErrorKind::InvalidData).at("read", list)?;
        while let Some(record) = steps.take()? {
            match record {
                ListRecord::Steps(directory, steps) => {
                    let both = self.open(&directory)?;
                    for step in &steps {
                        self.step(&both, step, way)?;
                    }
                }
                ListRecord::Directory(place) => self.place(&place, way)?,
            }
        }
        Ok(())
    }

    fn open<'p>(&self, path: &'p Path) -> Result<Both<'p>, DiskError> {
        let open = |root: &Path| {
            let handle = descend(root, path)?;
            let full = || root.join(path);
            let mode = Stat::of(handle.as_fd()).at("read the attributes of", &full())?.mode;
            // The directory's owner may have closed it to itself.
            if !mode.contains(Mode::WUSR | Mode::XUSR) {
                fchmod(&handle, mode | Mode::RWXU).at("set the mode of", &full())?;
            }
            Ok::<_, DiskError>(handle)
        };
        Ok(Both { tree: open(self.tree)?, staged: open(self.staged)?, path })
    }

    /// Sets the attributes of a directory, and those that it had on its counterpart.
    fn place(&mut self, place: &ListedDirectory, way: Direction) -> Result<(), DiskError> {
        let Some(after) = &place.after else {
            return if way == Direction::Forth {
                self.put(self.staged, &place.path, &place.before)
            } else {
                Ok(())
            };
        };
        if way == Direction::Back {
            return self.put(self.tree, &place.path, &place.before);
        }
        self.put(self.tree, &place.path, after)?;
        self.put(self.staged, &place.path, &place.before)
    }

    fn put(&mut self, root: &Path, path: &Path, metadata: &DirectoryAttributes) -> Result<(), DiskError> {
        let handle = descend(root, path)?;
        metadata.put(&handle, &mut self.scratch).at("set the attributes of", &root.join(path))
    }

    fn step(&mut self, both: &Both<'_>, step: &Step, way: Direction) -> Result<(), DiskError> {
        let full = || self.tree.join(both.path).join(OsStr::from_bytes(step.name.to_bytes()));
        let inode = |directory: &OwnedFd, name: &CStr| match Stat::of_name(directory.as_fd(), name) {
            Err(Errno::NOENT) => Ok(None),
            other => other.map(|stat| Some(stat.inode.number)),
        };
        let here = |directory| {
            inode(directory, &step.name).map_err(|errno| refusal("read the attributes of", full(), errno))
        };
        // The inodes to reach, and those of the other side, as (tree, staged).
        let (wanted, other) = match way {
            Direction::Forth => ((step.new, step.old), (step.old, step.new)),
            Direction::Back => ((step.old, step.new), (step.new, step.old)),
        };
        let now = (here(&both.tree)?, here(&both.staged)?);
        if now == wanted {
            return Ok(());
        }
        let is_whole = !step.new_is_directory && !step.old_is_directory;
        if now == other && is_whole && wanted.0.is_some() && wanted.1.is_some() {
            fault::point("tree.exchange").at("exchange", &full())?;
            let flags = RenameFlags::EXCHANGE;
            return renameat_with(&both.tree, &step.name, &both.staged, &step.name, flags)
                .at("exchange", &full());
        }
        // One after the other: move what does not belong there out of the tree, what does belong
        // into it, and what waits into the staged tree.
        let failed = |error| DiskError::new("move", full(), error);
        if now.0 != wanted.0 {
            if let Some(there) = now.0 {
                let is_known = Some(there) == wanted.1;
                if !is_known && way == Direction::Forth {
                    return Err(failed(io::Error::other("another process has replaced it")));
                }
                // Another process deleted the entry and made a new one in its place: that stays.
                if !is_known && !self.has(wanted.0, now.1)? {
                    return Ok(());
                }
                if is_known && now.1.is_none() {
                    rename(&both.tree, &step.name, &both.staged, &step.name).map_err(failed)?;
                } else {
                    rename(&both.tree, &step.name, self.side()?, &aside(there)).map_err(failed)?;
                }
            }
            if let Some(comes) = wanted.0 {
                if now.1 == Some(comes) {
                    rename(&both.staged, &step.name, &both.tree, &step.name).map_err(failed)?;
                } else {
                    self.fetch(comes, &both.tree, &step.name, way).map_err(failed)?;
                }
            }
        }
        match wanted.1 {
            Some(goes) if inode(&both.staged, &step.name).ok().flatten() != Some(goes) => {
                self.fetch(goes, &both.staged, &step.name, way).map_err(failed)
            }
            _ => Ok(()),
        }
    }

    /// Returns whether the inode that comes is at hand; `staged` is the one in the staged tree.
    fn has(&mut self, comes: Option<u64>, staged: Option<u64>) -> Result<bool, DiskError> {
        let Some(comes) = comes else { return Ok(false) };
        let waits = |side: &OwnedFd| Stat::of_name(side.as_fd(), &aside(comes)).is_ok();
        Ok(staged == Some(comes) || self.side_if_any()?.is_some_and(waits))
    }

    /// Moves what was set aside to its place. On the way back, what another process deleted stays
    /// away.
    fn fetch(&mut self, inode: u64, to: &OwnedFd, name: &CStr, way: Direction) -> io::Result<()> {
        let found = match self.side_if_any().map_err(|error| error.source)? {
            Some(side) => rename(side, &aside(inode), to, name),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        match found {
            Err(error) if error.kind() == io::ErrorKind::NotFound && way == Direction::Back => Ok(()),
            other => other,
        }
    }

    fn side(&mut self) -> Result<&OwnedFd, DiskError> {
        if self.side_if_any()?.is_none() {
            fault::point("tree.mkdir").at("create", &self.aside)?;
            mkdirat(CWD, &self.aside, Mode::RWXU).at("create", &self.aside)?;
            self.waiting = Some(open_root(&self.aside)?);
        }
        Ok(self.waiting.as_ref().expect("it was just opened"))
    }

    fn side_if_any(&mut self) -> Result<Option<&OwnedFd>, DiskError> {
        if self.waiting.is_none() && self.aside.is_dir() {
            self.waiting = Some(open_root(&self.aside)?);
        }
        Ok(self.waiting.as_ref())
    }
}

/// Returns the name of a waiting inode.
fn aside(inode: u64) -> CString {
    CString::new(format!("{inode:x}")).expect("digits hold no NUL")
}

fn rename(from: &OwnedFd, name: &CStr, to: &OwnedFd, as_name: &CStr) -> io::Result<()> {
    fault::point("tree.rename")?;
    Ok(renameat_with(from, name, to, as_name, RenameFlags::NOREPLACE)?)
}
