//! Turns large files that left a tree into spares.

use std::ffi::OsStr;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, RenameFlags, ftruncate, openat, renameat_with};

use super::delta::write_delta;
use super::differing::differing;
use super::{LeftTree, SPARE_MIN_BYTES, delta_of, spare_of};
use crate::sys::error::{At as _, DiskError};
use crate::sys::open_files::OpenFiles;
use crate::sys::tree::copy::content::{BUFFER_BYTES, CopyFailure, next_data, write_at};
use crate::sys::tree::copy::options::CopyOptions;
use crate::sys::tree::copy::patch::{make_hole, read_at};
use crate::sys::tree::copy::queue::workers;
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::flags::RefusedFlags;
use crate::sys::tree::entry::handle::{Node, Stat, descend};
use crate::sys::tree::entry::values::EntryAttributes;
use crate::sys::tree::exchange::list::{ListReader, ListRecord, Step};
use crate::sys::{disk, fault};

/// The part of a file that may differ at most; of a file that differs in more, a copy serves
/// better.
const LARGEST_PART: u64 = 4;

/// Turns the large files that left a tree by an exchange with copies of `source` into spares: files
/// equal to those of `source`. Leaves files as they are that a process holds, or of which much
/// differs. `goes_on` is asked now and then, and returns false to end the work; a file that is
/// moved already is finished. Returns how many spares were made.
///
/// # Errors
/// When a file cannot be read or written. Old files and deltas are whole then as well.
pub fn prepare_spares(
    source: &Path,
    left: &LeftTree,
    options: &CopyOptions,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Result<u64, DiskError> {
    let mut made = 0;
    if !disk::is_directory(&left.spares)? {
        return Ok(made);
    }
    let Some(mut steps) = ListReader::open(&left.list)? else { return Ok(made) };
    let mut preparing = Preparing {
        source,
        left,
        threads: workers(options.workers),
        refused: &options.refused_flags,
        goes_on,
        open: None,
    };
    while let Some(record) = steps.take()? {
        let ListRecord::Steps(directory, steps) = record else { continue };
        let is_file = |step: &&Step| {
            step.new.is_some() && step.old.is_some() && !step.new_is_directory && !step.old_is_directory
        };
        let mut handles = None;
        for step in steps.iter().filter(is_file) {
            let handles = match &handles {
                Some(handles) => handles,
                None => handles.insert((descend(source, &directory)?, descend(&left.tree, &directory)?)),
            };
            if !goes_on() {
                return Ok(made);
            }
            made += u64::from(preparing.file(&directory, step, handles)?);
        }
    }
    Ok(made)
}

struct Preparing<'a> {
    source: &'a Path,
    left: &'a LeftTree,
    threads: usize,
    refused: &'a RefusedFlags,
    goes_on: &'a (dyn Fn() -> bool + Sync),
    /// What processes hold; looked up for the first file, before this process opens it.
    open: Option<Option<OpenFiles>>,
}

/// An old file, and the source's file that it becomes equal to.
struct Both {
    path: PathBuf,
    like: OwnedFd,
    like_stat: Stat,
    old: OwnedFd,
    old_stat: Stat,
}

impl Preparing<'_> {
    /// Makes the spare of one file; returns whether there is one now that there was not.
    fn file(
        &mut self,
        directory: &Path,
        step: &Step,
        handles: &(OwnedFd, OwnedFd),
    ) -> Result<bool, DiskError> {
        let Some(both) = self.open(directory, step, handles) else { return Ok(false) };
        let Both { path, like, like_stat, old, old_stat } = &both;
        let (like_path, old_path) = (self.source.join(path), self.left.tree.join(path));
        let named = |failure| match failure {
            CopyFailure::Source(error) => DiskError::new("read", &like_path, error),
            other => DiskError::new("read", &old_path, other),
        };
        let most = like_stat.size / LARGEST_PART;
        let size = like_stat.size.max(old_stat.size);
        let ranges = match differing([like, old], (size, most), self.threads, self.goes_on) {
            Ok(Some(ranges)) => ranges,
            Ok(None) | Err(CopyFailure::Stopped) => return Ok(false),
            Err(failure) => return Err(named(failure)),
        };
        let mut scratch = Scratch::default();
        let mut attributes = |file: &OwnedFd, stat: &Stat, path: &Path| {
            EntryAttributes::of(file.as_fd(), stat, &mut scratch).at("read the attributes of", path)
        };
        let (before, after) =
            (attributes(old, old_stat, &old_path)?, attributes(like, like_stat, &like_path)?);

        let delta = delta_of(&self.left.spares, path);
        let [new, part] = ["new", "part"].map(|ending| delta.with_extension(ending));
        for leftover in [&new, &part] {
            if disk::inode(leftover)?.is_some() {
                disk::remove_file(leftover)?;
            }
        }
        let written = write_delta(&new, (path, old), (old_stat.size, &before), &ranges)?;
        fault::point("tree.sync").at("sync", &new)?;
        written.sync_data().at("sync", &new)?;
        disk::rename(&new, &delta)?;
        disk::sync_directory(&self.left.spares)?;

        // From here on the delta is the old file.
        fault::point("tree.rename").at("move", &old_path)?;
        renameat_with(&handles.1, &step.name, rustix::fs::CWD, &part, RenameFlags::NOREPLACE)
            .at("move", &old_path)?;
        fault::point("tree.patch").at("write", &part)?;
        overwrite(like, old, like_stat.size, &ranges).map_err(|failure| match failure {
            CopyFailure::Source(error) => DiskError::new("read", &like_path, error),
            other => DiskError::new("write", &part, other),
        })?;
        after.put(old, &mut scratch, self.refused).at("set the attributes of", &part)?;
        fault::point("tree.sync").at("sync", &part)?;
        rustix::fs::fsync(old).at("sync", &part)?;
        disk::rename(&part, &spare_of(&self.left.spares, path))?;
        Ok(true)
    }

    /// Opens an old file and its counterpart, if the old one may become a spare.
    fn open(&mut self, directory: &Path, step: &Step, (from, left): &(OwnedFd, OwnedFd)) -> Option<Both> {
        let is_single = |stat: &Stat| {
            stat.kind == FileType::RegularFile && stat.links == 1 && stat.size >= SPARE_MIN_BYTES
        };
        let old_stat = Stat::of_name(left.as_fd(), &step.name).ok()?;
        if !is_single(&old_stat) || Some(old_stat.inode.number) != step.old {
            return None;
        }
        let name = OsStr::from_bytes(step.name.to_bytes());
        let path = directory.join(name);
        // A delta is there: the file is that of the next exchange, or waste.
        if disk::inode(&delta_of(&self.left.spares, &path)).ok()?.is_some() {
            return None;
        }
        let held = self.open.get_or_insert_with(OpenFiles::of_all_processes).as_ref()?;
        if held.has(name, (old_stat.inode.device, old_stat.inode.number)) {
            return None;
        }
        let like = Node::open(from.as_fd(), &step.name).ok().filter(|like| is_single(&like.stat))?;
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NOATIME | OFlags::CLOEXEC;
        let file = openat(left, &step.name, flags, Mode::empty()).ok()?;
        let is_same = Stat::of(file.as_fd()).ok()?.inode == old_stat.inode;
        let (like, like_stat) = (like.reopen().ok()?, like.stat);
        is_same.then_some(Both { path, like, like_stat, old: file, old_stat })
    }
}

/// Makes `file` equal to `like`, of this size, where they differ.
fn overwrite(like: &OwnedFd, file: &OwnedFd, size: u64, ranges: &[Range<u64>]) -> Result<(), CopyFailure> {
    let failed = |error: rustix::io::Errno| CopyFailure::Target(error.into());
    ftruncate(file, size).map_err(failed)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    for range in ranges {
        let (mut offset, end) = (range.start, range.end.min(size));
        while offset < end {
            let read = |error: rustix::io::Errno| CopyFailure::Source(error.into());
            let (data, until) = next_data(like, offset, end).map_err(read)?.unwrap_or((end, end));
            if offset < data {
                make_hole(file, offset, data)?;
                offset = data;
                continue;
            }
            let wanted = (until - offset).min(BUFFER_BYTES as u64) as usize;
            let length = read_at(like, &mut buffer[..wanted], offset).map_err(read)?;
            if length == 0 {
                return Err(CopyFailure::Source(io::ErrorKind::UnexpectedEof.into()));
            }
            write_at(file, &buffer[..length], offset)?;
            offset += length as u64;
        }
    }
    Ok(())
}
