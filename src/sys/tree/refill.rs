//! Making whole again what `strip_shared` left of a tree.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, fchmod};

use super::attributes::restore_times;
use super::copy::{Batch, copy_batch};
use super::directory::Directory;
use super::handle::{Stat, open_directory, open_root, refusal};
use super::names::Names;
use super::options::{CopyOptions, CopyStats};
use super::reuse::{Beside, Keep, Update};
use crate::sys::error::{At as _, DiskError};

/// Copies the entries that `list` names, as `shared_names` gave it, from `source` into `old`, which has
/// their directories. What is there already stays, so this can be repeated. The times of the directories
/// stay as they are.
///
/// # Errors
/// Whatever cannot be read or made.
pub fn refill_tree(
    source: &Path,
    old: &Path,
    list: &[u8],
    options: &CopyOptions,
) -> Result<CopyStats, DiskError> {
    let mut total = CopyStats::default();
    let mut paths = list.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(split).peekable();
    while let Some((folder, name)) = paths.next() {
        let mut names = Names::default();
        push(&mut names, name).at("list", old)?;
        while let Some((_, name)) = paths.next_if(|(next, _)| *next == folder) {
            push(&mut names, name).at("list", old)?;
        }
        total += &refill_directory(source, old, folder, names, options)?;
    }
    Ok(total)
}

fn split(path: &[u8]) -> (&Path, &[u8]) {
    let path = Path::new(OsStr::from_bytes(path));
    let folder = path.parent().unwrap_or(Path::new(""));
    (folder, path.file_name().map_or(&[][..], OsStrExt::as_bytes))
}

fn push(names: &mut Names, name: &[u8]) -> rustix::io::Result<()> {
    names.push(&CString::new(name).map_err(|_| rustix::io::Errno::INVAL)?)
}

fn refill_directory(
    source: &Path,
    old: &Path,
    folder: &Path,
    names: Names,
    options: &CopyOptions,
) -> Result<CopyStats, DiskError> {
    let (from, to) = (descend(source, folder)?, descend(old, folder)?);
    let stat = Stat::of(to.as_fd()).at("read the attributes of", &old.join(folder))?;
    fchmod(&to, Mode::RWXU).at("set the mode of", &old.join(folder))?;
    let beside = Beside::default();
    let directory = Arc::new(Directory { parent: None, name: CString::default(), from, to, stat, beside });
    let batch = Batch { directory: Arc::clone(&directory), names };
    let update = Update { keep: Keep::All, reuse: None };
    let stats = copy_batch(&source.join(folder), &old.join(folder), batch, options, &update)?;
    fchmod(&directory.to, directory.stat.mode).at("set the mode of", &old.join(folder))?;
    restore_times(&directory.to, &directory.stat).at("set the times of", &old.join(folder))?;
    Ok(stats)
}

fn descend(root: &Path, folder: &Path) -> Result<OwnedFd, DiskError> {
    let mut handle = open_root(root)?;
    for name in folder {
        let name = CString::new(name.as_bytes()).at("open", &root.join(folder))?;
        handle = open_directory(handle.as_fd(), &name)
            .map_err(|errno| refusal("open", root.join(folder), errno))?;
    }
    Ok(handle)
}
