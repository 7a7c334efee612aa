//! Hard links inside a copy.
//!
//! The first name of an inode with several names is also linked into a private directory beside the
//! copy, under a name made of the inode's numbers; further names become links to that. So nothing
//! is kept in memory, and no long path is needed. The directory exists only if there are such
//! inodes, and goes at the end.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, Mode, linkat, mkdirat, renameat};
use rustix::io::Errno;

use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;
use crate::sys::tree::beside;
use crate::sys::tree::entry::handle::{Inode, open_root};
use crate::sys::tree::remove::remove_tree;

pub(in crate::sys::tree) struct Links {
    path: PathBuf,
    directory: Mutex<Option<OwnedFd>>,
}

impl Links {
    /// Prepares for a copy into `dst`, with the private directory at `place` or else beside the
    /// copy; makes nothing yet.
    pub(in crate::sys::tree) fn new(dst: &Path, place: Option<&Path>) -> Result<Self, DiskError> {
        if let Some(place) = place {
            return Ok(Links { path: place.to_owned(), directory: Mutex::new(None) });
        }
        dst.file_name().ok_or(io::ErrorKind::InvalidInput).at("create a directory beside", dst)?;
        Ok(Links { path: beside::links(dst), directory: Mutex::new(None) })
    }

    /// Makes `name` in `to` a link to the copy of `inode`, and returns `None`. For the first name,
    /// calls `create`, which makes the copy, and keeps it for the next names.
    pub(in crate::sys::tree) fn join<T>(
        &self,
        inode: Inode,
        to: &OwnedFd,
        name: &CStr,
        create: impl FnOnce() -> Result<T, DiskError>,
        path: impl Fn() -> PathBuf,
    ) -> Result<Option<T>, DiskError> {
        // Held to the end: no thread may look for an earlier name while another makes one.
        let mut directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
        if directory.is_none() {
            *directory = Some(self.make()?);
        }
        let side = directory.as_ref().expect("it was just made");
        let key = key(inode);
        let failed = |error: io::Error| DiskError::new("link", path(), error);

        fault::point("tree.link").map_err(failed)?;
        let linked = match linkat(side, &key, to, name, AtFlags::empty()) {
            // The inode can take no more names. The last one is the side link itself; then a new
            // group starts.
            Err(Errno::MLINK) => renameat(side, &key, to, name),
            other => other,
        };
        match linked {
            Ok(()) => return Ok(None),
            Err(Errno::NOENT) => {}
            Err(error) => return Err(failed(error.into())),
        }
        let made = create()?;
        fault::point("tree.link").map_err(failed)?;
        linkat(to, name, side, &key, AtFlags::empty()).map_err(|error| failed(error.into()))?;
        Ok(Some(made))
    }

    /// Removes the private directory, if there is one.
    pub(in crate::sys::tree) fn remove(self) -> Result<(), DiskError> {
        match self.directory.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(_) => remove_tree(&self.path),
            None => Ok(()),
        }
    }

    fn make(&self) -> Result<OwnedFd, DiskError> {
        // An interrupted copy to the same place may have left one.
        remove_tree(&self.path)?;
        fault::point("tree.mkdir").at("create", &self.path)?;
        mkdirat(CWD, &self.path, Mode::RWXU).at("create", &self.path)?;
        open_root(&self.path)
    }
}

fn key(inode: Inode) -> CString {
    let Inode { device, number, birth: (seconds, nanoseconds) } = inode;
    let key = format!("{device:x}-{number:x}-{seconds:x}-{nanoseconds:x}");
    CString::new(key).expect("digits hold no NUL")
}
