//! Walks two trees side by side.

use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::entry::handle::{open_directory, open_root, refusal};
use super::entry::names::{DirectoryReader, SortedNames};
use crate::sys::error::{At as _, DiskError};

/// A file of one tree, and the place in the other tree where its counterpart would be.
pub(super) struct Beside<'a> {
    /// The directory of the file.
    pub(super) folder: &'a OwnedFd,
    /// The directory of the same path in the other tree.
    pub(super) other: &'a OwnedFd,
    /// The name of the file.
    pub(super) name: &'a CStr,
    parent: &'a Path,
}

impl Beside<'_> {
    /// Returns the full path of the file.
    pub(super) fn path(&self) -> PathBuf {
        self.parent.join(OsStr::from_bytes(self.name.to_bytes()))
    }
}

/// Visits the files of the tree `one` whose directories are in the tree `other` as well.
///
/// # Errors
/// When a directory cannot be read; and those of `visit`.
pub(super) fn each_file(
    one: &Path,
    other: &Path,
    visit: &mut dyn FnMut(&Beside<'_>) -> Result<(), DiskError>,
) -> Result<(), DiskError> {
    let mut reader = DirectoryReader::new();
    let mut parent = one.to_owned();
    let root = SortedNames::read(open_root(one)?, &mut reader).at("read", one)?;
    let mut stack = vec![(root, open_root(other)?)];
    while let Some((names, other)) = stack.last_mut() {
        let Some(name) = names.peek().map(ToOwned::to_owned) else {
            stack.pop();
            parent.pop();
            continue;
        };
        let kind = names.kind();
        let entry = Beside { folder: &names.handle, other, name: &name, parent: &parent };
        let mut below = None;
        match kind {
            FileType::Directory => {
                let open = |directory: &OwnedFd| match open_directory(directory.as_fd(), &name) {
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
                    opened => opened.map(Some).map_err(|errno| refusal("open", entry.path(), errno)),
                };
                below = open(entry.folder)?.zip(open(entry.other)?);
            }
            FileType::RegularFile | FileType::Unknown => visit(&entry)?,
            _ => {}
        }
        names.advance(&mut reader, |_, _, _| Ok(true)).at("read", &parent)?;
        if let Some((mine, theirs)) = below {
            parent.push(OsStr::from_bytes(name.to_bytes()));
            stack.push((SortedNames::read(mine, &mut reader).at("read", &parent)?, theirs));
        }
    }
    Ok(())
}
