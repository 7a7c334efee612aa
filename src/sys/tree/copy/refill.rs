//! Making whole again what `strip_linked` left of a tree.

use std::ffi::{CString, OsStr};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, fchmod, unlinkat};
use rustix::io::Errno;

use super::directory::Directory;
use super::options::{CopyOptions, CopyStats};
use super::reuse::{Beside, Keep, Update};
use super::run::Batch;
use super::tree::copy_batch;
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;
use crate::sys::tree::entry::attributes::restore_times;
use crate::sys::tree::entry::handle::Stat;
use crate::sys::tree::entry::names::Names;
use crate::sys::tree::exchange::linked::{descend, each_group};

/// Copies the files that the file `list` names from `source` into `old`, which
/// has their directories. One that is there still is made anew: its other name may have been written through.
/// Can be repeated. The times of the directories stay as they are.
///
/// # Errors
/// Whatever cannot be read or made.
pub fn refill_tree(
    source: &Path,
    old: &Path,
    list: &Path,
    options: &CopyOptions,
) -> Result<CopyStats, DiskError> {
    let mut total = CopyStats::default();
    each_group(list, &mut |folder, names| {
        total += &refill_directory(source, old, folder, names, options)?;
        Ok(())
    })?;
    Ok(total)
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
    for name in (0..names.len()).filter_map(|index| names.get(index)) {
        fault::point("tree.unlink").at("remove", &old.join(folder))?;
        match unlinkat(&to, name, AtFlags::empty()) {
            Err(Errno::NOENT) => {}
            other => other.at("remove", &old.join(folder).join(OsStr::from_bytes(name.to_bytes())))?,
        }
    }
    let beside = Beside::default();
    let name = CString::default();
    let directory = Arc::new(Directory { parent: None, name, from, to, stat, beside, is_bare: false });
    let batch = Batch { directory: Arc::clone(&directory), names };
    let update = Update { keep: Keep::All, ..Update::default() };
    let stats = copy_batch(&source.join(folder), &old.join(folder), batch, options, &update)?;
    fchmod(&directory.to, directory.stat.mode).at("set the mode of", &old.join(folder))?;
    restore_times(&directory.to, &directory.stat).at("set the times of", &old.join(folder))?;
    Ok(stats)
}
