//! Copies that build on what is there.
//!
//! The second pass over a source that never changes keeps what the first pass made, or moves it
//! into place. Entries that must differ in the copy are left out.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, renameat};

use super::first_pass::FirstPass;
use crate::sys::error::DiskError;
use crate::sys::fault;
use crate::sys::tree::entry::handle::{Stat, open_directory, open_root};
use crate::sys::tree::entry::names::NameList;
use crate::sys::tree::exchange::list_filter::ListFilter;

/// Says what a copy may spare.
#[derive(Default)]
pub struct Update<'a> {
    /// Which entries of the destination stay.
    pub keep: Keep,
    /// Copies that a first pass made; the copy moves them into place.
    pub first_pass: FirstPass<'a>,
    /// Entries of the source that are not copied.
    pub except: Option<&'a ListFilter>,
    /// Folders of spares, which are moved into place instead of a copy.
    pub spares: &'a [PathBuf],
    /// Where hard links are kept while the copy runs, if the file system ends at the destination.
    pub links: Option<&'a Path>,
}

/// Says which entries of the destination stay.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// None: the destination must be empty.
    #[default]
    Nothing,
    /// All: they are copies of a source that never changes.
    All,
}

/// What one directory of a copy may spare.
#[derive(Default)]
pub(in crate::sys::tree) struct Beside {
    /// Path relative to the root.
    path: PathBuf,
    /// This directory in the tree of a first pass.
    first_pass: Option<OwnedFd>,
    /// Sorted names of entries that are not copied.
    except: NameList,
}

impl Beside {
    pub(in crate::sys::tree) fn root(update: &Update<'_>) -> Result<Self, DiskError> {
        Self::at(PathBuf::new(), update.first_pass.tree().map(open_root).transpose()?, update)
    }

    pub(in crate::sys::tree) fn child(&self, name: &CStr, update: &Update<'_>) -> Result<Self, DiskError> {
        if update.first_pass.tree().is_none() && update.except.is_none() {
            return Ok(Beside::default());
        }
        let first_pass =
            self.first_pass.as_ref().and_then(|handle| open_directory(handle.as_fd(), name).ok());
        Self::at(self.path.join(OsStr::from_bytes(name.to_bytes())), first_pass, update)
    }

    /// Looks up what may be spared in the directory at `path`, which is `first_pass` in the tree of
    /// a first pass.
    pub(in crate::sys::tree) fn at(
        path: PathBuf,
        first_pass: Option<OwnedFd>,
        update: &Update<'_>,
    ) -> Result<Self, DiskError> {
        let except = update.except.map(|except| except.names(&path)).transpose()?.unwrap_or_default();
        Ok(Beside { path, first_pass, except })
    }

    /// Returns whether the entry `name` of the source must not be copied.
    pub(in crate::sys::tree) fn leaves_out(&self, name: &CStr) -> bool {
        self.except.has(name)
    }

    /// Returns whether the entry `name` is in the copy `to` of its directory, after moving it there
    /// if a first pass made it. Does not look at the source's entry.
    pub(in crate::sys::tree) fn spare(
        &self,
        to: &OwnedFd,
        name: &CStr,
        update: &Update<'_>,
    ) -> io::Result<bool> {
        if update.keep == Keep::All && Stat::of_name(to.as_fd(), name).is_ok() {
            return Ok(true);
        }
        self.first_pass.as_ref().map_or(Ok(false), |first_pass| take(first_pass, to, name))
    }
}

/// Moves the file `name` from the tree of a first pass, if it is there. Leaves inodes with several
/// names to the copy, which makes all of their names.
fn take(first_pass: &OwnedFd, to: &OwnedFd, name: &CStr) -> io::Result<bool> {
    let Ok(stat) = Stat::of_name(first_pass.as_fd(), name) else { return Ok(false) };
    if stat.kind != FileType::RegularFile || stat.links != 1 {
        return Ok(false);
    }
    fault::point("tree.rename")?;
    renameat(first_pass, name, to, name)?;
    Ok(true)
}
