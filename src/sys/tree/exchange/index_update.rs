//! Updates the stat index after an exchange: keeps entries that stayed, adds those that arrived.
//!
//! The entries that stayed were just found to be known, so they stay known. Hashes of entries that
//! left do no harm: an inode that was moved has another time of change. But inodes beneath a
//! directory that was moved as a whole keep theirs, so their hashes are dropped.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::list::{ListReader, ListRecord, ListedDirectory, Step};
use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::entry::handle::{Stat, descend, open_directory, refusal};
use crate::sys::tree::entry::names::DirectoryReader;
use crate::sys::tree::index::{HASH_BYTES, Index, PIECE_ENTRIES, ScanEvent, Verdict, hash, scan_from};
use crate::sys::tree::times::Bounds;

/// Stale hashes that a directory may keep, besides as many as it has entries.
const SLACK_HASHES: usize = 1024;

/// A change to the index of a directory, whose path is relative to the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexDelta<'s> {
    /// Add these hashes.
    More(&'s Path, &'s [u8]),
    /// Drop all hashes of the directory and of everything beneath it.
    Nothing(&'s Path),
    /// Drop the hashes of the directory itself.
    NothingOfIt(&'s Path),
}

/// Receives the changes, in order.
pub type IndexScan<'l> = dyn FnMut(IndexDelta<'_>) -> Result<(), DiskError> + 'l;

/// Looks at what came into `tree` by the steps of the list at `list`, and reports the changes to
/// the index to `learn`. `before` is the index by which the steps were found, and `staged` are the
/// bounds from before the exchange: what is younger beneath a directory that came as a whole was
/// changed by another process.
///
/// # Errors
/// When an entry cannot be looked at, or `learn` fails.
pub fn scan_exchanged(
    tree: &Path,
    list: &Path,
    staged: Bounds,
    before: &dyn Index,
    learn: &mut IndexScan<'_>,
) -> Result<(), DiskError> {
    let mut steps = ListReader::open(list)?.ok_or(io::ErrorKind::InvalidData).at("read", list)?;
    let mut reader = DirectoryReader::new();
    while let Some(record) = steps.take()? {
        if let ListRecord::Directory(place) = record {
            tidy(tree, &place, before, &mut reader, learn)?;
        }
    }
    steps.rewind()?;
    while let Some(record) = steps.take()? {
        if let ListRecord::Steps(directory, steps) = record {
            come(tree, &directory, &steps, staged, learn)?;
        }
    }
    Ok(())
}

/// Reduces an index with too many stale hashes to the entries that are there.
fn tidy(
    tree: &Path,
    place: &ListedDirectory,
    before: &dyn Index,
    reader: &mut DirectoryReader,
    learn: &mut IndexScan<'_>,
) -> Result<(), DiskError> {
    let most =
        usize::try_from(place.entries).unwrap_or(usize::MAX).saturating_mul(2).saturating_add(SLACK_HASHES);
    let Some(known) = before.directory(&place.path).filter(|known| known.len() > most) else { return Ok(()) };
    learn(IndexDelta::NothingOfIt(&place.path))?;
    let (handle, full) = (descend(tree, &place.path)?, tree.join(&place.path));
    let mut hashes = Vec::new();
    loop {
        let more = reader.chunk(handle.as_fd(), |name, _| {
            match Stat::of_name(handle.as_fd(), name) {
                Ok(stat) if known.judge(name, &stat) != Verdict::Unknown => {
                    hashes.extend_from_slice(&hash(name, &stat));
                }
                Ok(_) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
            Ok(())
        });
        let more = more.at("read", &full)?;
        let whole =
            if more { hashes.len() - hashes.len() % (PIECE_ENTRIES * HASH_BYTES) } else { hashes.len() };
        for piece in hashes[..whole].chunks(PIECE_ENTRIES * HASH_BYTES) {
            learn(IndexDelta::More(&place.path, piece))?;
        }
        hashes.drain(..whole);
        if !more {
            return Ok(());
        }
    }
}

fn come(
    tree: &Path,
    directory: &Path,
    steps: &[Step],
    staged: Bounds,
    learn: &mut IndexScan<'_>,
) -> Result<(), DiskError> {
    let handle = descend(tree, directory)?;
    let mut hashes = Vec::new();
    for step in steps {
        let path = || directory.join(OsStr::from_bytes(step.name.to_bytes()));
        if step.old_is_directory || step.new_is_directory {
            learn(IndexDelta::Nothing(&path()))?;
        }
        let Some(new) = step.new else { continue };
        if step.new_is_directory {
            scan_new(tree, path(), &handle, (&step.name, new), staged, learn)?;
            continue;
        }
        match Stat::of_name(handle.as_fd(), &step.name) {
            Ok(stat) if stat.inode.number == new && stat.links == 1 => {
                hashes.extend_from_slice(&hash(&step.name, &stat));
            }
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(refusal("read the attributes of", tree.join(path()), errno)),
        }
    }
    if hashes.is_empty() { Ok(()) } else { learn(IndexDelta::More(directory, &hashes)) }
}

/// Scans a directory that came as a whole.
fn scan_new(
    tree: &Path,
    path: PathBuf,
    parent: &OwnedFd,
    (name, new): (&CStr, u64),
    staged: Bounds,
    learn: &mut IndexScan<'_>,
) -> Result<(), DiskError> {
    let handle = match open_directory(parent.as_fd(), name) {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        other => other.map_err(|errno| refusal("open", tree.join(&path), errno))?,
    };
    let stat = Stat::of(handle.as_fd()).at("read the attributes of", &tree.join(&path))?;
    if stat.inode.number != new {
        // Another process has put another directory in its place.
        return Ok(());
    }
    scan_from(tree, path, handle, staged, None, &mut |seen| match seen {
        ScanEvent::Piece(directory, _, hashes) => learn(IndexDelta::More(directory, hashes)),
        ScanEvent::Changed(..) => Ok(()),
    })
}
