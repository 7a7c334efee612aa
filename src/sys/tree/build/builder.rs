//! Makes the entries of a tree, one after the other.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, linkat, mkdirat, mknodat, openat, readlinkat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::attributes::{NewEntry, apply, apply_early};
use super::new_file::NewFile;
use super::path::EntryPath;
use super::places::Places;
use crate::sys::error::DiskError;
use crate::sys::fault;
use crate::sys::tree::entry::attributes::{Scratch, clear_inherited};
use crate::sys::tree::entry::flags::RefusedFlags;
use crate::sys::tree::entry::handle::{Stat, open_root};
use crate::sys::tree::entry::values::EntryAttributes;

/// The mode of a new file until it gets its own.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A tree that is being built.
pub struct TreeBuilder {
    places: Places,
    /// Directories get their attributes last: what is made in them would change their times.
    directories: BTreeMap<EntryPath, EntryAttributes>,
    tally: Arc<Tally>,
}

/// An entry without content and entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialKind {
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A character device, with its number.
    CharacterDevice(u64),
    /// A block device, with its number.
    BlockDevice(u64),
}

/// Counts attributes that a new tree is without.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Labels of the host.
    pub labels: u64,
    /// Attributes that Linux cannot store.
    pub attributes: u64,
    /// The first of these: its name, and the path of its entry.
    pub first_attribute: Option<(String, String)>,
    /// Entries whose flags the file system refused, and the letters of these flags.
    pub flags: Option<(usize, String)>,
}

/// What a builder and its files count together.
pub(super) struct Tally {
    left_out: Mutex<LeftOut>,
    /// `None` if entries keep the flags that the file system gives them.
    pub(super) flags: Option<RefusedFlags>,
}

impl TreeBuilder {
    /// Starts a tree in the empty directory `target`, which becomes its root.
    ///
    /// # Errors
    /// When `target` cannot be opened.
    pub fn new(target: &Path) -> Result<Self, DiskError> {
        Self::with_flags(target, Some(RefusedFlags::default()))
    }

    /// Starts a tree as [`TreeBuilder::new`] does, whose entries keep the flags that the file
    /// system gives them: what comes in knows of none.
    pub(in crate::sys::tree) fn without_flags(target: &Path) -> Result<Self, DiskError> {
        Self::with_flags(target, None)
    }

    fn with_flags(target: &Path, flags: Option<RefusedFlags>) -> Result<Self, DiskError> {
        let root = open_root(target)?;
        clear_inherited(&root, &mut Scratch::default())
            .map_err(|errno| DiskError::new("clear the attributes of", target, errno))?;
        let tally = Arc::new(Tally { left_out: Mutex::default(), flags });
        Ok(TreeBuilder { places: Places::new(root), directories: BTreeMap::new(), tally })
    }

    /// Makes the directory at `path`, or takes the root if `path` is the root's. Only its owner has
    /// access until [`TreeBuilder::finish`] sets its attributes.
    ///
    /// # Errors
    /// When there is no directory above it, its place is taken, or it cannot be made. So for all
    /// methods that follow.
    pub fn directory(&mut self, path: &EntryPath, attributes: EntryAttributes) -> io::Result<()> {
        if path != &EntryPath::root() {
            self.make(path, |above, name| mkdirat(above, name, Mode::RWXU))?;
        }
        self.set_directory(path, attributes)
    }

    /// Gives the directory at `path` other attributes than it was given before.
    pub(in crate::sys::tree) fn set_directory(
        &mut self,
        path: &EntryPath,
        mut attributes: EntryAttributes,
    ) -> io::Result<()> {
        apply_early(&mut attributes, self.places.directory(path)?, path, &self.tally)?;
        self.directories.insert(path.clone(), attributes);
        Ok(())
    }

    /// Makes an empty file.
    ///
    /// # Errors
    /// See [`TreeBuilder::directory`].
    pub fn file(&mut self, path: &EntryPath, attributes: EntryAttributes) -> io::Result<NewFile> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = self.make(path, |above, name| openat(above, name, flags, PRIVATE))?;
        NewFile::new(file, path.clone(), attributes, Arc::clone(&self.tally))
    }

    /// Makes a symlink to `target`, which may lead anywhere.
    ///
    /// # Errors
    /// See [`TreeBuilder::directory`].
    pub fn symlink(
        &mut self,
        path: &EntryPath,
        target: &[u8],
        attributes: &EntryAttributes,
    ) -> io::Result<()> {
        self.make(path, |above, name| symlinkat(target, above, name))?;
        self.apply_at(path, attributes, |above, name| NewEntry::Symlink(above, name))
    }

    /// Makes a FIFO, a socket or a device.
    ///
    /// # Errors
    /// See [`TreeBuilder::directory`].
    pub fn special(
        &mut self,
        path: &EntryPath,
        kind: SpecialKind,
        attributes: &EntryAttributes,
    ) -> io::Result<()> {
        let (kind, device) = match kind {
            SpecialKind::Fifo => (FileType::Fifo, 0),
            SpecialKind::Socket => (FileType::Socket, 0),
            SpecialKind::CharacterDevice(device) => (FileType::CharacterDevice, device),
            SpecialKind::BlockDevice(device) => (FileType::BlockDevice, device),
        };
        self.make(path, |above, name| mknodat(above, name, kind, PRIVATE, device))?;
        self.apply_at(path, attributes, |above, name| NewEntry::Special(above, name))
    }

    /// Makes another name of the entry at `earlier`, which gives it everything else.
    ///
    /// # Errors
    /// See [`TreeBuilder::directory`]; also when there is no entry at `earlier`, or a directory.
    pub fn hard_link(&mut self, path: &EntryPath, earlier: &EntryPath) -> io::Result<()> {
        let (from_above, from_name) = earlier.split().ok_or_else(link_to_directory)?;
        let from = self.places.open(&from_above)?;
        if Stat::of_name(from.as_fd(), from_name)?.kind == FileType::Directory {
            return Err(link_to_directory());
        }
        self.make(path, |above, name| linkat(&from, from_name, above, name, AtFlags::empty()))
    }

    /// Gives the directories their attributes, the deepest first: a mode may shut us out of what is
    /// below. Each [`NewFile`] must be finished before.
    ///
    /// # Errors
    /// Names the directory whose attributes cannot be set.
    pub fn finish(self) -> Result<LeftOut, (EntryPath, io::Error)> {
        for (path, attributes) in self.directories.into_iter().rev() {
            let set = || {
                let directory = self.places.open(&path)?;
                if let Some(refused) = &self.tally.flags {
                    attributes.flags.put(&directory, refused)?;
                }
                apply(&attributes, NewEntry::Open(&directory), &path, &self.tally)
            };
            if let Err(error) = set() {
                return Err((path, error));
            }
        }
        let flags = self.tally.flags.as_ref().and_then(RefusedFlags::take);
        Ok(LeftOut { flags, ..self.tally.lock().clone() })
    }

    /// Makes what is missing of the directories above `path`.
    pub(in crate::sys::tree) fn make_above(&mut self, path: &EntryPath) -> io::Result<()> {
        path.split().map_or(Ok(()), |(above, _)| self.places.make(&above))
    }

    /// Removes the entry at `path`: an empty directory, or anything that is none.
    pub(in crate::sys::tree) fn remove(&mut self, path: &EntryPath, kind: FileType) -> io::Result<()> {
        let is_directory = kind == FileType::Directory;
        let flags = if is_directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        self.at(path, |above, name| unlinkat(above, name, flags))?;
        if is_directory {
            self.places.forget();
            self.directories.remove(path);
        }
        Ok(())
    }

    /// Asks the kernel about the entry at `path`.
    pub(in crate::sys::tree) fn look(&mut self, path: &EntryPath) -> io::Result<Stat> {
        self.at(path, |above, name| Stat::of_name(above.as_fd(), name))
    }

    /// Returns the target of the symlink at `path`; `None` if it is anything else.
    pub(in crate::sys::tree) fn target(&mut self, path: &EntryPath) -> io::Result<Option<CString>> {
        self.at(path, |above, name| match readlinkat(above, name, Vec::new()) {
            Err(Errno::INVAL) => Ok(None),
            other => other.map(Some),
        })
    }

    fn make<T>(
        &mut self,
        path: &EntryPath,
        make: impl FnOnce(&OwnedFd, &CStr) -> Result<T, Errno>,
    ) -> io::Result<T> {
        fault::point("tree.build")?;
        self.at(path, make)
    }

    fn at<T>(
        &mut self,
        path: &EntryPath,
        act: impl FnOnce(&OwnedFd, &CStr) -> Result<T, Errno>,
    ) -> io::Result<T> {
        let (above, name) = path.split().ok_or_else(place_of_root)?;
        Ok(act(self.places.directory(&above)?, name)?)
    }

    fn apply_at(
        &mut self,
        path: &EntryPath,
        attributes: &EntryAttributes,
        made: impl for<'a> FnOnce(&'a OwnedFd, &'a CStr) -> NewEntry<'a>,
    ) -> io::Result<()> {
        let (above, name) = path.split().ok_or_else(place_of_root)?;
        apply(attributes, made(self.places.directory(&above)?, name), path, &self.tally)
    }
}

impl Tally {
    fn lock(&self) -> std::sync::MutexGuard<'_, LeftOut> {
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn leave_out_label(&self) {
        self.lock().labels += 1;
    }

    pub(super) fn leave_out(&self, attribute: &str, path: &EntryPath) {
        let mut left_out = self.lock();
        left_out.attributes += 1;
        left_out.first_attribute.get_or_insert_with(|| (attribute.to_owned(), path.to_string()));
    }
}

fn place_of_root() -> io::Error {
    io::Error::new(io::ErrorKind::IsADirectory, "its place is that of the root")
}

fn link_to_directory() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is a hard link to a directory")
}
