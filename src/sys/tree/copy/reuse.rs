//! Copies that build on what is there.
//!
//! A second pass over a copy of what never changes keeps what the first one made, or moves it from where that put it. What shall be
//! otherwise in the copy is left out.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use rustix::fs::{FileType, renameat};

use super::first_pass::FirstPass;
use crate::sys::error::DiskError;
use crate::sys::fault;
use crate::sys::tree::entry::handle::{Stat, open_directory, open_root};
use crate::sys::tree::entry::names::NameList;
use crate::sys::tree::exchange::list_filter::ListFilter;

/// What may be spared in a copy.
#[derive(Default)]
pub struct Update<'a> {
    /// Which entries of the destination stay.
    pub keep: Keep,
    /// Copies that a first pass made; what is taken is moved from there.
    pub first_pass: FirstPass<'a>,
    /// What of the source is not copied.
    pub except: Option<&'a ListFilter>,
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

/// What belongs to a directory of the source beside its copy.
#[derive(Default)]
pub(in crate::sys::tree) struct Beside {
    /// Relative to the root.
    path: PathBuf,
    /// The same directory in the tree of a first pass.
    first_pass: Option<OwnedFd>,
    /// The names of what is not copied, sorted.
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

    /// For the directory at `path`, which is `first_pass` in the tree of a first pass.
    pub(in crate::sys::tree) fn at(
        path: PathBuf,
        first_pass: Option<OwnedFd>,
        update: &Update<'_>,
    ) -> Result<Self, DiskError> {
        let except = update.except.map(|except| except.names(&path)).transpose()?.unwrap_or_default();
        Ok(Beside { path, first_pass, except })
    }

    /// Whether the entry `name` of the source is not to be copied.
    pub(in crate::sys::tree) fn leaves_out(&self, name: &CStr) -> bool {
        self.except.has(name)
    }

    /// Whether the entry `name` of the source is in the copy `to` of its directory already, or is now. The source's entry is not
    /// looked at.
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

/// Moves the file `name` from the tree of a first pass, if it is there. What has several names is copied with all of them.
fn take(first_pass: &OwnedFd, to: &OwnedFd, name: &CStr) -> io::Result<bool> {
    let Ok(stat) = Stat::of_name(first_pass.as_fd(), name) else { return Ok(false) };
    if stat.kind != FileType::RegularFile || stat.links != 1 {
        return Ok(false);
    }
    fault::point("tree.rename")?;
    renameat(first_pass, name, to, name)?;
    Ok(true)
}
