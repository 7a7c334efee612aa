//! Takes down all that a test can see of a tree, so that two trees can be compared entry by entry.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::SeekFrom;

/// One entry. Times of access are not there: tar leaves them alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    kind: char,
    mode: u32,
    owner: (u32, u32),
    device: u64,
    size: u64,
    link: PathBuf,
    /// The runs of data of a file, and a hash of what is in them.
    data: Vec<(u64, u64)>,
    hash: blake3::Hash,
    pub(super) attributes: BTreeMap<OsString, Vec<u8>>,
    /// The first path of the inode.
    first: PathBuf,
    pub(super) modified: (i64, i64),
}

pub(crate) type Tree = BTreeMap<PathBuf, Entry>;

/// Takes down the tree at `root`, without the root itself.
pub(crate) fn take_down(root: &Path) -> Tree {
    let (mut tree, mut inodes) = (Tree::new(), HashMap::new());
    let mut paths: Vec<PathBuf> = walkdir::WalkDir::new(root)
        .min_depth(1)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .collect();
    paths.sort();
    for path in paths {
        let short = path.strip_prefix(root).unwrap().to_owned();
        let metadata = fs::symlink_metadata(&path).unwrap();
        let first = inodes.entry(metadata.ino()).or_insert_with(|| short.clone()).clone();
        tree.insert(short, entry(&path, &metadata, first));
    }
    tree
}

/// Takes down the root alone.
pub(super) fn root_of(root: &Path) -> Entry {
    entry(root, &fs::symlink_metadata(root).unwrap(), PathBuf::new())
}

fn entry(path: &Path, metadata: &fs::Metadata, first: PathBuf) -> Entry {
    let kind = metadata.file_type();
    let is_device = kind.is_char_device() || kind.is_block_device();
    let (data, hash) = if kind.is_file() { content(path) } else { (Vec::new(), blake3::hash(b"")) };
    Entry {
        kind: match kind {
            kind if kind.is_dir() => 'd',
            kind if kind.is_symlink() => 'l',
            kind if kind.is_fifo() => 'p',
            kind if kind.is_char_device() => 'c',
            kind if kind.is_block_device() => 'b',
            _ => '-',
        },
        mode: metadata.mode() & 0o7777,
        owner: (metadata.uid(), metadata.gid()),
        device: if is_device { metadata.rdev() } else { 0 },
        size: if kind.is_file() { metadata.size() } else { 0 },
        link: if kind.is_symlink() { fs::read_link(path).unwrap() } else { PathBuf::new() },
        data,
        hash,
        attributes: attributes(path),
        first,
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    }
}

fn content(path: &Path) -> (Vec<(u64, u64)>, blake3::Hash) {
    let file = fs::File::open(path).unwrap();
    let (mut runs, mut hasher, mut at) = (Vec::new(), blake3::Hasher::new(), 0);
    while let Ok(start) = rustix::fs::seek(&file, SeekFrom::Data(at)) {
        let end = rustix::fs::seek(&file, SeekFrom::Hole(start)).unwrap();
        let mut buffer = vec![0; 1 << 16];
        let mut offset = start;
        while offset < end {
            let wanted = buffer.len().min(usize::try_from(end - offset).unwrap());
            let length = file.read_at(&mut buffer[..wanted], offset).unwrap();
            hasher.update(&buffer[..length]);
            offset += length as u64;
        }
        runs.push((start, end));
        at = end;
    }
    (runs, hasher.finalize())
}

fn attributes(path: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let (mut names, mut value) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let length = rustix::fs::llistxattr(path, &mut names).unwrap_or(0);
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names
        .filter(|name| !name.starts_with(b"security.selinux") && !name.starts_with(b"security.SMACK"))
        .map(|name| {
            let name = OsStr::from_bytes(name).to_owned();
            let length = rustix::fs::lgetxattr(path, &name, &mut value).unwrap();
            (name, value[..length].to_vec())
        })
        .collect()
}

/// Returns what differs, a line an entry. Directories whose time in `theirs` is not before `now`
/// got it from what was made in them.
pub(crate) fn differences(ours: &Tree, theirs: &Tree, now: (i64, i64)) -> Vec<String> {
    let paths: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let mut found = Vec::new();
    for path in paths {
        match (ours.get(path), theirs.get(path)) {
            (Some(ours), Some(theirs)) => {
                let mut ours = ours.clone();
                if theirs.kind == 'd' && theirs.modified >= now {
                    ours.modified = theirs.modified;
                }
                if ours != *theirs {
                    found.push(format!("{path:?}:\n   ours {ours:?}\n theirs {theirs:?}"));
                }
            }
            (None, _) => found.push(format!("{path:?}: missing")),
            (_, None) => found.push(format!("{path:?}: not in theirs")),
        }
    }
    found
}
