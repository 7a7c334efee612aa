//! Lists of the files that a copy took over from another tree, by link, as resets of earlier versions left them in trash.
//!
//! A list is a file of paths relative to the root, each with a NUL behind it, those of one directory mostly
//! together. It is read in pieces, so that memory stays flat however many they are.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;
use crate::sys::tree::copy::queue::{Queue, workers};
use crate::sys::tree::entry::handle::{Stat, open_directory, open_root, refusal};
use crate::sys::tree::entry::names::Names;

/// Names of one directory that are handled together.
const GROUP: usize = 512;
/// Groups that wait for a thread.
const GROUPS: usize = 64;

/// Takes the files that `list` names out of the tree `old`, but for those that have no other name any
/// more. Can be repeated.
///
/// # Errors
/// Whatever cannot be read or removed.
pub fn strip_linked(old: &Path, list: &Path) -> Result<(), DiskError> {
    let queue: Queue<(PathBuf, Names)> = Queue::new(GROUPS);
    let failed = Mutex::new(None);
    let fail = |error| {
        failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        queue.close();
    };
    thread::scope(|scope| {
        for _ in 0..workers(0) {
            scope.spawn(|| {
                while let Some((folder, names)) = queue.pop() {
                    if let Err(error) = strip_group(old, &folder, &names) {
                        fail(error);
                    }
                }
            });
        }
        let read = each_group(list, &mut |folder, names| {
            queue.push((folder.to_owned(), names));
            Ok(())
        });
        if let Err(error) = read {
            fail(error);
        }
        queue.close();
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

fn strip_group(old: &Path, folder: &Path, names: &Names) -> Result<(), DiskError> {
    let directory = descend(old, folder)?;
    for name in (0..names.len()).filter_map(|index| names.get(index)) {
        let full = || old.join(folder).join(OsStr::from_bytes(name.to_bytes()));
        match Stat::of_name(directory.as_fd(), name) {
            Err(Errno::NOENT) => continue,
            Ok(stat) if stat.links < 2 => continue,
            other => other.map_err(|errno| refusal("look at", full(), errno))?,
        };
        fault::point("tree.unlink").at("remove", &full())?;
        unlinkat(&directory, name, AtFlags::empty()).at("remove", &full())?;
    }
    Ok(())
}

/// Gives the names in `list` to `each`, some of one directory at a time.
pub(in crate::sys::tree) fn each_group(
    list: &Path,
    each: &mut dyn FnMut(&Path, Names) -> Result<(), DiskError>,
) -> Result<(), DiskError> {
    let file = File::open(list).at("open", list)?;
    let (mut folder, mut names) = (PathBuf::new(), Names::default());
    for path in BufReader::new(file).split(0) {
        let path = path.at("read", list)?;
        let (parent, name) = split(&path);
        if parent != folder || names.len() == GROUP {
            if !names.is_empty() {
                each(&folder, std::mem::take(&mut names))?;
            }
            parent.clone_into(&mut folder);
        }
        let name = CString::new(name).map_err(io::Error::from).at("read", list)?;
        names.push(&name).at("read", list)?;
    }
    if names.is_empty() { Ok(()) } else { each(&folder, names) }
}

fn split(path: &[u8]) -> (&Path, &[u8]) {
    let path = Path::new(OsStr::from_bytes(path));
    let folder = path.parent().unwrap_or(Path::new(""));
    (folder, path.file_name().map_or(&[][..], OsStr::as_bytes))
}

/// Opens the directory `folder` of the tree at `root`.
pub(in crate::sys::tree) fn descend(root: &Path, folder: &Path) -> Result<OwnedFd, DiskError> {
    let mut handle = open_root(root)?;
    for name in folder {
        let name = CString::new(name.as_bytes()).map_err(io::Error::from).at("open", &root.join(folder))?;
        handle = open_directory(handle.as_fd(), &name)
            .map_err(|errno| refusal("open", root.join(folder), errno))?;
    }
    Ok(handle)
}
