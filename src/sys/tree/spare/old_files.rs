//! Makes the old files again that have become spares, for an undo.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

use super::LeftTree;
use super::delta::Delta;
use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::copy::content::{CopiedFile, Ladder};
use crate::sys::tree::copy::options::{CopyStats, Rung};
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::flags::RefusedFlags;
use crate::sys::tree::entry::handle::{Node, Stat, descend};
use crate::sys::tree::exchange::apply::{open_writable, put};
use crate::sys::tree::exchange::list::{ListReader, ListRecord};
use crate::sys::{disk, fault};

/// Lists the deltas in a folder.
fn deltas(folder: &Path) -> Result<Vec<PathBuf>, DiskError> {
    if !disk::is_directory(folder)? {
        return Ok(Vec::new());
    }
    let mut names = disk::names_in(folder)?;
    names.retain(|name| !name.as_bytes().contains(&b'.'));
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// Returns how many bytes are allocated to the files of `source` that deltas in a folder are to be
/// put on.
pub(in crate::sys::tree) fn measure_deltas(source: &Path, folder: &Path) -> Result<u64, DiskError> {
    let mut blocks = 0_u64;
    for delta in deltas(folder)? {
        let path = source.join(Delta::open(&delta)?.path);
        blocks = blocks.saturating_add(open(&path)?.1.allocated);
    }
    Ok(blocks)
}

/// Makes the old files in `target`, a copy of the old tree that may have waste in their places:
/// copies of the files of `source` with the deltas of `left` put on them. Sets the attributes of
/// the directories that the files had left.
pub(in crate::sys::tree) fn copy_old_files(
    source: &Path,
    left: &LeftTree,
    target: &Path,
    refused: &RefusedFlags,
) -> Result<CopyStats, DiskError> {
    let mut stats = CopyStats::default();
    for place in deltas(&left.spares)? {
        let delta = Delta::open(&place)?;
        let (from, full) = (source.join(&delta.path), target.join(&delta.path));
        let (like, stat) = open(&from)?;
        let parent = open_writable(target, delta.path.parent().unwrap_or(Path::new("")))?;
        let name = CString::new(delta.path.file_name().unwrap_or_default().as_bytes());
        let name = name.map_err(io::Error::from).at("create", &full)?;
        match unlinkat(&parent, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            other => other.at("delete", &full)?,
        }
        fault::point("tree.copy").at("create", &full)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&parent, &name, flags, Mode::RUSR | Mode::WUSR).at("create", &full)?;
        let ladder = Ladder::new(true, true);
        let CopiedFile { way, moved, size } =
            ladder.copy(&like, &file, &stat, &mut Vec::new(), &mut |_| true).at("copy", &full)?;
        delta.put(&file, &full, refused)?;
        stats.files += 1;
        stats.bytes += size;
        if let Some(way) = way {
            stats.by_way[way] += Rung { files: 1, bytes: moved };
        }
    }
    if stats.files > 0 {
        restore_directories(left, target, refused)?;
    }
    Ok(stats)
}

/// Sets the attributes of directories that had steps in them. In trash, these have other times
/// since a file was taken out of them.
fn restore_directories(left: &LeftTree, target: &Path, refused: &RefusedFlags) -> Result<(), DiskError> {
    let list = &left.list;
    let mut records = ListReader::open(list)?.ok_or(io::ErrorKind::InvalidData).at("read", list)?;
    let mut scratch = Scratch::default();
    while let Some(record) = records.take()? {
        if let ListRecord::Directory(place) = record {
            put(target, &place.path, &place.before, &mut scratch, refused)?;
        }
    }
    Ok(())
}

/// Opens a file of a tree that never changes.
fn open(path: &Path) -> Result<(OwnedFd, Stat), DiskError> {
    let parent = descend(path.parent().unwrap_or(Path::new("/")), Path::new(""))?;
    let name = CString::new(path.file_name().unwrap_or_default().as_bytes());
    let node =
        Node::open(parent.as_fd(), &name.map_err(io::Error::from).at("open", path)?).at("open", path)?;
    Ok((node.reopen().at("open", path)?, node.stat))
}
