//! Describes what differs between two trees: both sides of each entry, and the text of small text
//! files.
//!
//! A file counts as text when both of its sides are at most [`TEXT_MAX`] bytes of UTF-8 without
//! control characters other than tab, form feed and the ends of lines (a carriage return only
//! before a line feed). So a terminal may show a text as it is.

use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::ops::ControlFlow;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, major, minor, readlinkat};
use rustix::io::{Errno, pread};

use super::difference::ChangeKind;
use super::walk::{Compare, Found, walk_both};
use crate::sys::error::DiskError;
use crate::sys::tree::entry::attributes::{XattrHolder, is_label, names};
use crate::sys::tree::entry::handle::{Node, magic_path, refusal};
use crate::sys::tree::times::FileTime;

/// Size in bytes of the largest file that is shown as text.
pub const TEXT_MAX: u64 = 1024 * 1024;

/// The type of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharDevice,
}

/// One side of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The type.
    pub kind: EntryKind,
    /// Size in bytes.
    pub size: u64,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// User id of the owner.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Number of names of its inode.
    pub links: u32,
    /// Modification time.
    pub modified: FileTime,
    /// Target of a symlink.
    pub target: Option<PathBuf>,
    /// Major and minor number of a device.
    pub device: Option<(u32, u32)>,
}

/// The differing bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The bytes agree, or there are none.
    Same,
    /// Small text files; empty for a side that does not exist.
    Text(String, String),
    /// Anything else.
    Binary,
}

/// An entry that differs, in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Path relative to the roots of the trees; "." is the roots themselves.
    pub path: PathBuf,
    /// How it differs.
    pub kind: ChangeKind,
    /// The old side.
    pub old: Option<Entry>,
    /// The new side.
    pub new: Option<Entry>,
    /// Names of the extended attributes that differ, and how.
    pub xattrs: Vec<(String, ChangeKind)>,
    /// The bytes.
    pub content: Content,
}

/// Compares as `compare_with` does, and describes each difference in full; reads the texts if
/// `texts`.
///
/// # Errors
/// As `compare_trees`.
pub fn diff_trees(
    old: Option<&Path>,
    new: &Path,
    how: &Compare<'_>,
    texts: bool,
    visit: &mut dyn FnMut(Difference) -> ControlFlow<()>,
) -> Result<(), DiskError> {
    walk_both(old, new, how, &mut |met| {
        let told = tell(&met, texts).map_err(|(side, errno)| {
            let root = if side == 0 { old.unwrap_or(new) } else { new };
            refusal("read", root.join(met.path), errno)
        });
        Ok(visit(told?))
    })
}

/// The side that could not be read, and the error.
type SideError = (usize, Errno);

fn tell(met: &Found<'_>, texts: bool) -> Result<Difference, SideError> {
    let mut sides = [None, None];
    for (side, node) in met.nodes.iter().enumerate() {
        sides[side] = node.map(|node| entry(node).map_err(|errno| (side, errno))).transpose()?;
    }
    let [old, new] = sides;
    let xattrs = match (met.kind, met.nodes) {
        (ChangeKind::Modified | ChangeKind::Attributes, [Some(old), Some(new)]) => xattrs_differ(
            &xattrs(old).map_err(|errno| (0, errno))?,
            &xattrs(new).map_err(|errno| (1, errno))?,
        ),
        _ => Vec::new(),
    };
    let content = if met.kind == ChangeKind::Attributes { Content::Same } else { content(met, texts)? };
    Ok(Difference { path: met.path.to_owned(), kind: met.kind, old, new, xattrs, content })
}

pub(in crate::sys::tree) fn entry(node: &Node) -> Result<Entry, Errno> {
    let stat = &node.stat;
    let kind = match stat.kind {
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Symlink,
        FileType::Fifo => EntryKind::Fifo,
        FileType::Socket => EntryKind::Socket,
        FileType::BlockDevice => EntryKind::BlockDevice,
        FileType::CharacterDevice => EntryKind::CharDevice,
        FileType::RegularFile | FileType::Unknown => EntryKind::File,
    };
    let target = match kind {
        EntryKind::Symlink => {
            let target = readlinkat(&node.handle, c"", Vec::new())?;
            Some(PathBuf::from(OsString::from_vec(target.into_bytes())))
        }
        _ => None,
    };
    let is_device = matches!(kind, EntryKind::BlockDevice | EntryKind::CharDevice);
    Ok(Entry {
        kind,
        size: stat.size,
        mode: stat.mode.bits(),
        uid: stat.uid,
        gid: stat.gid,
        links: stat.links,
        modified: FileTime::from(stat.times.last_modification),
        target,
        device: is_device.then(|| (major(stat.device), minor(stat.device))),
    })
}

type XattrMap = BTreeMap<CString, Vec<u8>>;

fn xattrs(node: &Node) -> Result<XattrMap, Errno> {
    let path = magic_path(node.handle.as_fd());
    let holder = XattrHolder::Magic(&path);
    let (mut block, mut value) = (Vec::new(), Vec::new());
    let mut found = XattrMap::new();
    for name in names(holder.list(&mut block)?).filter(|name| !is_label(name)) {
        if let Some(value) = holder.get(name, &mut value)? {
            found.insert(name.to_owned(), value.to_vec());
        }
    }
    Ok(found)
}

fn xattrs_differ(old: &XattrMap, new: &XattrMap) -> Vec<(String, ChangeKind)> {
    let of = |name: &CString| match (old.get(name), new.get(name)) {
        (Some(_), None) => Some(ChangeKind::Deleted),
        (None, Some(_)) => Some(ChangeKind::Added),
        (old, new) => (old != new).then_some(ChangeKind::Modified),
    };
    let mut names: Vec<_> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .filter_map(|name| of(name).map(|kind| (name.to_string_lossy().into_owned(), kind)))
        .collect()
}

fn content(met: &Found<'_>, texts: bool) -> Result<Content, SideError> {
    let files = met.nodes.map(|node| node.filter(|node| node.stat.kind == FileType::RegularFile));
    if files.iter().flatten().all(|file| file.stat.size == 0) {
        return Ok(Content::Same);
    }
    if !texts {
        return Ok(Content::Binary);
    }
    let [Some(old), Some(new)] = [text(files[0], 0)?, text(files[1], 1)?] else { return Ok(Content::Binary) };
    Ok(Content::Text(old, new))
}

/// Reads the file's text: empty for a side that is no file, `None` if it is too long or no text.
fn text(file: Option<&Node>, side: usize) -> Result<Option<String>, SideError> {
    let Some(file) = file else { return Ok(Some(String::new())) };
    if file.stat.size > TEXT_MAX {
        return Ok(None);
    }
    let handle = file.reopen().map_err(|errno| (side, errno))?;
    // One byte more than the file had, so that a file that grows is not read to its end.
    let mut bytes = vec![0; file.stat.size as usize + 1];
    let mut done = 0;
    while done < bytes.len() {
        match pread(&handle, &mut bytes[done..], done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(Errno::INTR) => {}
            Err(errno) => return Err((side, errno)),
        }
    }
    bytes.truncate(done.min(file.stat.size as usize));
    Ok(String::from_utf8(bytes).ok().filter(|text| is_plain(text)))
}

fn is_plain(text: &str) -> bool {
    let mut before_feed = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    before_feed.all(|line| line.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\x0c')))
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn what_could_write_over_a_terminal_is_no_text() {
        for text in ["", "a\n", "a\r\nb\r\n", "\tä\x0c"] {
            assert!(is_plain(text), "{text:?}");
        }
        for text in ["a\0", "a\rb", "\x1b[2J", "a\u{9b}b", "\x7f"] {
            assert!(!is_plain(text), "{text:?}");
        }
    }
}
