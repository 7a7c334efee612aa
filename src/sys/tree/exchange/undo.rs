//! Takes an exchange of entries back, whatever other processes did to the tree meanwhile.
//!
//! The staged tree is deleted afterwards, so nothing that came from the tree may stay in it. An
//! entry goes back to its place, or to `lost` if a process has made another entry there, or moved
//! the directory. What was staged leaves the tree again, unless a process moved it elsewhere; what
//! a process wrote into it goes to `lost`. Every step can be repeated, so a process may die
//! anywhere.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::FileType;

use super::apply::{Aside, exchange, inode, is_gone, open_writable, put, rename};
use super::list::{ListReader, ListRecord, ListedDirectory, Step};
use super::lost::Lost;
use super::written::{each_name, was_written};
use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::flags::RefusedFlags;
use crate::sys::tree::entry::handle::{Stat, descend, open_root};
use crate::sys::tree::entry::names::NameList;
use crate::sys::tree::times::FileTime;

/// How often an entry is tried that other processes move at the same time.
const MAX_TRIES: u32 = 100;

/// Takes back all steps of the list at `list` that were taken between `tree` and `staged`, also
/// those of a return that did not finish. What has no place in the tree any more goes to the
/// directory `lost`, which is made if needed. Returns how many entries went there.
///
/// # Errors
/// When the list cannot be read, or an entry cannot be moved.
pub fn return_entries(tree: &Path, staged: &Path, list: &Path, lost: &Path) -> Result<u64, DiskError> {
    let steps = ListReader::open(list)?.ok_or(io::ErrorKind::InvalidData).at("read", list)?;
    let listed = rustix::fs::lstat(list).at("read the attributes of", list)?;
    let mut undo = Undo {
        tree,
        staged,
        aside: Aside::of(tree),
        lost: Lost::at(lost),
        listed: FileTime(listed.st_mtime, listed.st_mtime_nsec as u32),
        scratch: Scratch::default(),
    };
    undo.run(steps)?;
    Ok(undo.lost.count())
}

/// Returns whether no step of the list at `list` was taken, by a look at the staged tree alone: the
/// entries of the list are all in it, and nothing else is. `tree` is where the steps are taken.
///
/// # Errors
/// When the list or the staged tree cannot be read.
pub fn is_untouched(tree: &Path, staged: &Path, list: &Path) -> Result<bool, DiskError> {
    if Aside::of(tree).get()?.is_some() {
        return Ok(false);
    }
    let mut records = ListReader::open(list)?.ok_or(io::ErrorKind::InvalidData).at("read", list)?;
    while let Some(record) = records.take()? {
        let ListRecord::Steps(directory, steps) = record else { continue };
        let handle = descend(staged, &directory)?;
        for step in steps {
            let full = || staged.join(&directory).join(OsStr::from_bytes(step.name.to_bytes()));
            if inode(&handle, &step.name).at("read the attributes of", &full())? != step.new {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

struct Undo<'a> {
    tree: &'a Path,
    staged: &'a Path,
    aside: Aside,
    lost: Lost<'a>,
    /// When the list was written: staged entries that changed later were changed in the tree.
    listed: FileTime,
    scratch: Scratch,
}

/// The directories that a step is taken back between, and their path.
struct Directories<'p> {
    /// `None` if a process has moved or replaced it.
    tree: Option<OwnedFd>,
    staged: OwnedFd,
    path: &'p Path,
}

impl Undo<'_> {
    fn run(&mut self, mut records: ListReader) -> Result<(), DiskError> {
        while let Some(record) = records.take()? {
            match record {
                ListRecord::Steps(path, steps) => {
                    let directories = self.open(&path)?;
                    for step in &steps {
                        let full = self.tree.join(&path).join(OsStr::from_bytes(step.name.to_bytes()));
                        self.step(&directories, step).at("move back", &full)?;
                    }
                }
                ListRecord::Directory(directory) => self.attributes(&directory)?,
            }
        }
        self.evacuate_aside()
    }

    fn open<'p>(&self, path: &'p Path) -> Result<Directories<'p>, DiskError> {
        let tree = match open_writable(self.tree, path) {
            Err(error) if is_gone(&error.source) => None,
            other => Some(other?),
        };
        Ok(Directories { tree, staged: open_writable(self.staged, path)?, path })
    }

    fn attributes(&mut self, directory: &ListedDirectory) -> Result<(), DiskError> {
        if directory.after.is_none() {
            return Ok(());
        }
        match put(self.tree, &directory.path, &directory.before, &mut self.scratch, &RefusedFlags::default())
        {
            Err(error) if is_gone(&error.source) => Ok(()),
            other => other,
        }
    }

    /// Takes one step back. Other processes may move the entries between a look and a move, which
    /// then fails or moves another entry, so this looks again until everything is in its place.
    fn step(&mut self, directories: &Directories<'_>, step: &Step) -> io::Result<()> {
        for _ in 0..MAX_TRIES {
            match self.step_once(directories, step) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) if is_gone(&error) || error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("another process goes on moving it"))
    }

    /// Moves one entry closer to its place; returns whether nothing was left to do.
    fn step_once(&mut self, directories: &Directories<'_>, step: &Step) -> io::Result<bool> {
        let Directories { tree, staged, path } = directories;
        let name = &*step.name;
        let in_staged = inode(staged, name)?;
        let in_tree = tree.as_ref().map(|tree| inode(tree, name)).transpose()?.flatten();
        let is_new = |inode: Option<u64>| inode.is_some() && inode == step.new;
        if let (Some(tree), true) = (tree, is_new(in_tree) && !is_new(in_staged)) {
            let stays_in_place = |directory| is_directory(directory, name).map(|is| !is);
            if in_staged.is_none() {
                rename(tree, name, staged, name)?;
                self.keep_written(staged, name, path)?;
            } else if stays_in_place(tree)? && stays_in_place(staged)? {
                exchange(tree, staged, name)?;
                self.keep_written(staged, name, path)?;
            } else {
                let aside = self.aside.make().map_err(|error| error.source)?;
                rename(tree, name, aside, &Aside::name(in_tree.unwrap_or_default()))?;
            }
            return Ok(false);
        }
        if in_staged.is_some() && !is_new(in_staged) {
            self.bring_back((staged, name), (tree.as_ref(), in_tree, name), path)?;
            return Ok(false);
        }
        self.fetch(directories, step, in_tree)
    }

    /// Moves what is set aside for this step to its place; returns whether there was nothing.
    fn fetch(
        &mut self,
        directories: &Directories<'_>,
        step: &Step,
        in_tree: Option<u64>,
    ) -> io::Result<bool> {
        let Directories { tree, staged, path } = directories;
        let Some(aside) = self.aside.get().map_err(|error| error.source)? else { return Ok(true) };
        let aside = aside.try_clone()?;
        if let Some(old) = step.old.map(Aside::name)
            && inode(&aside, &old)?.is_some()
        {
            self.bring_back((&aside, &old), (tree.as_ref(), in_tree, &step.name), path)?;
            return Ok(false);
        }
        if let Some(new) = step.new.map(Aside::name)
            && inode(&aside, &new)?.is_some()
        {
            if inode(staged, &step.name)?.is_none() {
                rename(&aside, &new, staged, &step.name)?;
                self.keep_written(staged, &step.name, path)?;
            } else {
                self.lost.take((&aside, &new), path, &step.name)?;
            }
            return Ok(false);
        }
        Ok(true)
    }

    /// Moves an entry that came from the tree back to it, or to `lost` if its place is taken or
    /// gone.
    fn bring_back(
        &mut self,
        (from, as_name): (&OwnedFd, &CStr),
        (tree, in_tree, name): (Option<&OwnedFd>, Option<u64>, &CStr),
        path: &Path,
    ) -> io::Result<()> {
        match tree {
            Some(tree) if in_tree.is_none() => rename(from, as_name, tree, name),
            _ => self.lost.take((from, as_name), path, name),
        }
    }

    /// Moves a staged entry that was in the tree to `lost` if a process wrote into it there.
    fn keep_written(&mut self, staged: &OwnedFd, name: &CStr, path: &Path) -> io::Result<()> {
        if was_written(staged, name, self.listed)? {
            self.lost.take((staged, name), path, name)?;
        }
        Ok(())
    }

    /// Moves what is left aside to `lost`: an entry that slipped in between a look and a move.
    fn evacuate_aside(&mut self) -> Result<(), DiskError> {
        let path = self.aside.path().to_owned();
        let Some(aside) = self.aside.get()? else { return Ok(()) };
        let aside = aside.try_clone().at("open", &path)?;
        let mut names = NameList::default();
        each_name(&open_root(&path)?, |name| Ok(names.push(name)?)).at("read", &path)?;
        for name in (0..names.len()).filter_map(|index| names.get(index)) {
            self.lost.take((&aside, name), Path::new(""), name).at("move", &path)?;
        }
        Ok(())
    }
}

fn is_directory(directory: &OwnedFd, name: &CStr) -> io::Result<bool> {
    Ok(Stat::of_name(directory.as_fd(), name)?.kind == FileType::Directory)
}
