//! Decides whether two entries of one type differ, and how.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, readlinkat};
use rustix::io::{Errno, pread};
use serde::{Deserialize, Serialize};

use crate::sys::tree::copy::content::{BUFFER_BYTES, next_data};
use crate::sys::tree::copy::options::Stop;
use crate::sys::tree::entry::attributes::{XattrHolder, is_label, names, room};
use crate::sys::tree::entry::flags::Flags;
use crate::sys::tree::entry::handle::{Node, Stat, magic_path};

/// How an entry differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Only the new tree has it.
    Added,
    /// Same type, but other bytes, another link target, or another device number.
    Modified,
    /// Only the old tree has it.
    Deleted,
    /// A file has become a directory, and the like.
    TypeChanged,
    /// Same content, but other mode, owner, extended attributes, flags of chattr(1), or hard links.
    Attributes,
}

/// Buffers for both sides.
#[derive(Default)]
pub(in crate::sys::tree) struct CompareBuffers<'s> {
    /// May end the reading of a long file.
    stop: Option<Stop<'s>>,
    old: Vec<u8>,
    new: Vec<u8>,
    old_value: Vec<u8>,
    new_value: Vec<u8>,
}

impl<'s> CompareBuffers<'s> {
    pub(in crate::sys::tree) fn stopped_by(stop: Option<Stop<'s>>) -> Self {
        CompareBuffers { stop, ..CompareBuffers::default() }
    }
}

/// A failed read, and its side (0 is old, 1 is new).
pub(in crate::sys::tree) struct ReadFailure {
    pub(in crate::sys::tree) side: usize,
    pub(in crate::sys::tree) action: &'static str,
    pub(in crate::sys::tree) error: Errno,
}

fn read_failure(side: usize, action: &'static str) -> impl FnOnce(Errno) -> ReadFailure {
    move |error| ReadFailure { side, action, error }
}

/// Compares two entries of one type, without the names that they are linked with.
pub(in crate::sys::tree) fn entries_differ(
    old: &Node,
    new: &Node,
    scratch: &mut CompareBuffers<'_>,
) -> Result<Option<ChangeKind>, ReadFailure> {
    if old.stat.inode == new.stat.inode {
        return Ok(None);
    }
    let mut has_other_flags = false;
    let modified = match old.stat.kind {
        FileType::RegularFile if old.stat.size != new.stat.size => true,
        FileType::RegularFile => {
            let files = open_both(old, new)?;
            has_other_flags = flags_differ([&files[0], &files[1]], FileType::RegularFile);
            contents_differ(old, new, &files, scratch)?
        }
        FileType::Directory => {
            let [old, new] = open_both(old, new)?;
            has_other_flags = flags_differ([&old, &new], FileType::Directory);
            false
        }
        FileType::Symlink => {
            let action = "read the link";
            let old = readlinkat(&old.handle, c"", Vec::new()).map_err(read_failure(0, action))?;
            let new = readlinkat(&new.handle, c"", Vec::new()).map_err(read_failure(1, action))?;
            old != new
        }
        FileType::BlockDevice | FileType::CharacterDevice => old.stat.device != new.stat.device,
        _ => false,
    };
    if modified {
        return Ok(Some(ChangeKind::Modified));
    }
    if has_other_flags {
        return Ok(Some(ChangeKind::Attributes));
    }
    let old = (&old.stat, old.handle.as_fd());
    let new = (&new.stat, new.handle.as_fd());
    Ok(attributes_differ(old, new, scratch)?.then_some(ChangeKind::Attributes))
}

/// Returns whether mode, owner or extended attributes differ.
pub(in crate::sys::tree) fn attributes_differ(
    old: (&Stat, BorrowedFd<'_>),
    new: (&Stat, BorrowedFd<'_>),
    scratch: &mut CompareBuffers<'_>,
) -> Result<bool, ReadFailure> {
    let plain = |stat: &Stat| (stat.mode, stat.uid, stat.gid);
    if plain(old.0) != plain(new.0) {
        return Ok(true);
    }
    let paths = [magic_path(old.1), magic_path(new.1)];
    let holders = [XattrHolder::Magic(&paths[0]), XattrHolder::Magic(&paths[1])];
    let action = "read the extended attributes of";
    let listed = [
        holders[0].list(&mut scratch.old).map_err(read_failure(0, action))?,
        holders[1].list(&mut scratch.new).map_err(read_failure(1, action))?,
    ];
    if listed.iter().all(|block| block.is_empty()) {
        return Ok(false);
    }
    let [old_names, new_names] = listed.map(|block| {
        let mut sorted: Vec<_> = names(block).filter(|name| !is_label(name)).collect();
        sorted.sort_unstable();
        sorted
    });
    if old_names != new_names {
        return Ok(true);
    }
    for name in old_names {
        let old = holders[0].get(name, &mut scratch.old_value).map_err(read_failure(0, action))?;
        let new = holders[1].get(name, &mut scratch.new_value).map_err(read_failure(1, action))?;
        if old != new {
            return Ok(true);
        }
    }
    Ok(false)
}

fn open_both(old: &Node, new: &Node) -> Result<[OwnedFd; 2], ReadFailure> {
    let action = "open";
    Ok([old.reopen().map_err(read_failure(0, action))?, new.reopen().map_err(read_failure(1, action))?])
}

/// Returns whether two open files or directories differ in flags of chattr(1).
pub(in crate::sys::tree) fn flags_differ(both: [&OwnedFd; 2], kind: FileType) -> bool {
    let [old, new] = both.map(Flags::of);
    old.differ(new, kind)
}

/// Compares the bytes of two open files that had the same size.
fn contents_differ(
    old: &Node,
    new: &Node,
    files: &[OwnedFd; 2],
    scratch: &mut CompareBuffers<'_>,
) -> Result<bool, ReadFailure> {
    let size = old.stat.size;
    if size == 0 {
        return Ok(false);
    }
    let has_holes = |node: &Node| node.stat.allocated < size;
    let skip_holes = has_holes(old) && has_holes(new);
    let [old, new] = files;
    if !skip_holes {
        return bytes_differ(old, new, 0, size, scratch);
    }
    let mut offset = 0;
    loop {
        let data = [
            next_data(old, offset, size).map_err(read_failure(0, "read"))?,
            next_data(new, offset, size).map_err(read_failure(1, "read"))?,
        ];
        // A hole in both is equal; where one has data, both are read.
        let Some((start, end)) = data.into_iter().flatten().min() else { return Ok(false) };
        if bytes_differ(old, new, start, end, scratch)? {
            return Ok(true);
        }
        offset = end;
    }
}

fn bytes_differ(
    old: &OwnedFd,
    new: &OwnedFd,
    mut offset: u64,
    end: u64,
    scratch: &mut CompareBuffers<'_>,
) -> Result<bool, ReadFailure> {
    while offset < end {
        if scratch.stop.is_some_and(|stop| stop()) {
            return Err(read_failure(1, "read")(Errno::INTR));
        }
        let length = (end - offset).min(BUFFER_BYTES as u64) as usize;
        let old = fill(old, offset, length, &mut scratch.old).map_err(read_failure(0, "read"))?;
        let new = fill(new, offset, length, &mut scratch.new).map_err(read_failure(1, "read"))?;
        if old != new {
            return Ok(true);
        }
        if old.len() < length {
            // Both files were cut off at the same place meanwhile.
            return Ok(false);
        }
        offset += length as u64;
    }
    Ok(false)
}

/// Reads `length` bytes, or what there is up to the end.
fn fill<'b>(file: &OwnedFd, offset: u64, length: usize, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], Errno> {
    let buffer = room(buffer, length);
    let mut done = 0;
    while done < length {
        match pread(file, &mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(&buffer[..done])
}
