//! Entries of a tree as nodes of restic's format, and back.
//!
//! A node has no time of reading or change and no inode, and hard links are numbered in walking
//! order: equal trees are equal on all machines. What a node has no place for goes into a file
//! beside the tree, `dvol.extras`.

use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustic_core::repofile::{Metadata, Node, NodeType};
use rustix::fs::Mode;
use serde::{Deserialize, Serialize};

use crate::remotes::format::cache::hex;
use crate::sys::tree::{
    EntryAttributes, FileTime, Flags, InodeNames, SourceEntry, SourceFile, SourceKind, SpecialKind,
};

/// The directory of a snapshot that holds the tree.
pub(super) const TREE: &str = "data";
/// The file beside it for what a node has no place for.
pub(super) const EXTRAS: &str = "dvol.extras";
/// The file beside it that describes the commit, as in an archive of `dvol export`.
pub(super) const MANIFEST: &str = "dvol.json";

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Its size in bytes, holes included.
        size: u64,
        /// Its runs of data, as start and end, if it has holes.
        runs: Option<Vec<(u64, u64)>>,
    },
    /// A symlink, with its target.
    Symlink(Vec<u8>),
    /// A FIFO, a socket or a device.
    Special(SpecialKind),
}

/// An entry with all that makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Path relative to the root; the root's is empty.
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    pub(super) attributes: EntryAttributes,
    /// The number of its inode among those with several names, and how many names it has.
    pub(super) link: Option<(u64, u64)>,
}

impl Entry {
    /// Takes an entry from a source, and its file apart from it.
    pub(super) fn of(entry: SourceEntry) -> io::Result<(Self, Option<SourceFile>)> {
        let SourceEntry { path, kind, attributes, names, .. } = entry;
        let link = names.map(|InodeNames { group, count, .. }| (group, u64::from(count)));
        let (kind, file) = match kind {
            SourceKind::Directory => (Kind::Directory, None),
            SourceKind::File(file) => {
                let (size, runs) = (file.size(), file.runs()?);
                let is_full = size == 0 || matches!(&*runs, [all] if *all == (0..size));
                let runs = runs.into_iter().map(|run| (run.start, run.end)).collect();
                (Kind::File { size, runs: (!is_full).then_some(runs) }, Some(file))
            }
            SourceKind::Symlink(target) => (Kind::Symlink(target), None),
            SourceKind::Fifo => (Kind::Special(SpecialKind::Fifo), None),
            SourceKind::Socket => (Kind::Special(SpecialKind::Socket), None),
            SourceKind::CharacterDevice(n) => (Kind::Special(SpecialKind::CharacterDevice(n)), None),
            SourceKind::BlockDevice(n) => (Kind::Special(SpecialKind::BlockDevice(n)), None),
        };
        Ok((Entry { path, kind, attributes, link }, file))
    }
}

/// What nodes have no place for, by the paths of entries in hex.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Extras {
    /// The runs of data of files with holes, as start and end.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) runs: BTreeMap<String, Vec<(u64, u64)>>,
    /// Extended attributes whose names are not UTF-8: name and value in hex.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) attributes: BTreeMap<String, Vec<(String, String)>>,
    /// What chattr(1) sets, as the bits of `ioctl_iflags(2)`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) flags: BTreeMap<String, u32>,
}

fn key(path: &Path) -> String {
    hex(path.as_os_str().as_bytes())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

// The type and the special bits of a mode, as Go has them.
const GO_SETUID: u32 = 1 << 23;
const GO_SETGID: u32 = 1 << 22;
const GO_STICKY: u32 = 1 << 20;

fn go_mode(entry: &Entry) -> u32 {
    let mode = entry.attributes.mode.bits();
    let special = [(0o4000, GO_SETUID), (0o2000, GO_SETGID), (0o1000, GO_STICKY)];
    let special = special.into_iter().filter(|(bit, _)| mode & bit != 0).map(|(_, go)| go).sum::<u32>();
    let kind = match entry.kind {
        Kind::Directory => 1 << 31,
        Kind::File { .. } => 0,
        Kind::Symlink(_) => 1 << 27,
        Kind::Special(SpecialKind::BlockDevice(_)) => 1 << 26,
        Kind::Special(SpecialKind::CharacterDevice(_)) => 1 << 26 | 1 << 21,
        Kind::Special(SpecialKind::Fifo) => 1 << 25,
        Kind::Special(SpecialKind::Socket) => 1 << 24,
    };
    mode & 0o777 | special | kind
}

fn unix_mode(go: u32) -> u32 {
    let special = [(0o4000, GO_SETUID), (0o2000, GO_SETGID), (0o1000, GO_STICKY)];
    go & 0o777 | special.into_iter().filter(|(_, bit)| go & bit != 0).map(|(bit, _)| bit).sum::<u32>()
}

/// Returns the path of an entry in a snapshot.
pub(super) fn place(entry: &Entry) -> PathBuf {
    Path::new(TREE).join(&entry.path).components().collect()
}

/// Makes the node of an entry; what it has no place for goes into `extras`.
pub(super) fn to_node(entry: &Entry, extras: &mut Extras) -> Node {
    let attributes = &entry.attributes;
    let FileTime(seconds, nanoseconds) = attributes.modified;
    let nanoseconds = i32::try_from(nanoseconds).unwrap_or(0);
    let mut meta = Metadata {
        mode: Some(go_mode(entry)),
        mtime: Timestamp::new(seconds, nanoseconds).ok(),
        uid: Some(attributes.uid),
        gid: Some(attributes.gid),
        ..Metadata::default()
    };
    if let Some((number, names)) = entry.link {
        (meta.inode, meta.links, meta.device_id) = (number, names, 1);
    }
    let kind = match &entry.kind {
        Kind::Directory => NodeType::Dir,
        Kind::File { size, runs } => {
            meta.size = *size;
            if let Some(runs) = runs {
                extras.runs.insert(key(&entry.path), runs.clone());
            }
            NodeType::File
        }
        Kind::Symlink(target) => NodeType::from_link(Path::new(&OsString::from_vec(target.clone()))),
        Kind::Special(SpecialKind::Fifo) => NodeType::Fifo,
        Kind::Special(SpecialKind::Socket) => NodeType::Socket,
        Kind::Special(SpecialKind::CharacterDevice(device)) => NodeType::Chardev { device: *device },
        Kind::Special(SpecialKind::BlockDevice(device)) => NodeType::Dev { device: *device },
    };
    if attributes.flags.bits() != 0 {
        extras.flags.insert(key(&entry.path), attributes.flags.bits());
    }
    let mut values = Vec::new();
    let mut named = Vec::new();
    for (name, value) in &attributes.extended {
        match name.to_str() {
            Ok(name) => {
                // The library does not name the type, so it is made with the name alone.
                named.push(serde_json::json!({ "name": name, "value": null }));
                values.push(value);
            }
            Err(_) => {
                let pair = (hex(name.to_bytes()), hex(value));
                extras.attributes.entry(key(&entry.path)).or_default().push(pair);
            }
        }
    }
    meta.extended_attributes =
        serde_json::from_value(named.into()).expect("an attribute is a name and a value");
    for (attribute, value) in meta.extended_attributes.iter_mut().zip(values) {
        attribute.value = Some(value.clone());
    }
    let name = entry.path.file_name().unwrap_or(TREE.as_ref());
    Node::new_node(name, kind, meta)
}

/// Makes the entry at `path` of a node; says what is wrong with one that no dvol wrote.
pub(super) fn to_entry(path: PathBuf, node: &Node, extras: &Extras) -> Result<Entry, String> {
    let meta = &node.meta;
    let kind = match &node.node_type {
        NodeType::Dir => Kind::Directory,
        NodeType::File => {
            let runs = extras.runs.get(&key(&path)).cloned();
            if !runs.iter().flatten().is_sorted_by(|a, b| a.0 < a.1 && a.1 < b.0)
                || runs.iter().flatten().any(|(start, end)| start >= end || *end > meta.size)
            {
                return Err("its runs of data overlap".to_owned());
            }
            Kind::File { size: meta.size, runs }
        }
        NodeType::Symlink { .. } => Kind::Symlink(node.node_type.to_link().as_os_str().as_bytes().to_vec()),
        NodeType::Fifo => Kind::Special(SpecialKind::Fifo),
        NodeType::Socket => Kind::Special(SpecialKind::Socket),
        NodeType::Chardev { device } => Kind::Special(SpecialKind::CharacterDevice(*device)),
        NodeType::Dev { device } => Kind::Special(SpecialKind::BlockDevice(*device)),
    };
    let name = |bytes: Vec<u8>| CString::new(bytes).map_err(|_| "an attribute's name has a NUL".to_owned());
    let mut extended = Vec::new();
    for attribute in &meta.extended_attributes {
        let value = attribute.value.clone().unwrap_or_default();
        extended.push((name(attribute.name.clone().into_bytes())?, value));
    }
    for (hex_name, hex_value) in extras.attributes.get(&key(&path)).into_iter().flatten() {
        let bad = || "an attribute is not in hex".to_owned();
        let (key, value) = (from_hex(hex_name).ok_or_else(bad)?, from_hex(hex_value).ok_or_else(bad)?);
        extended.push((name(key)?, value));
    }
    extended.sort();
    let modified = meta.mtime.unwrap_or_default();
    let (mut seconds, mut nanoseconds) = (modified.as_second(), modified.subsec_nanosecond());
    if nanoseconds < 0 {
        (seconds, nanoseconds) = (seconds - 1, nanoseconds + 1_000_000_000);
    }
    let modified = FileTime(seconds, u32::try_from(nanoseconds).unwrap_or(0));
    let attributes = EntryAttributes {
        uid: meta.uid.unwrap_or(0),
        gid: meta.gid.unwrap_or(0),
        mode: Mode::from_raw_mode(unix_mode(meta.mode.unwrap_or(0o600))),
        // When it was last read means nothing on another machine.
        accessed: modified,
        modified,
        extended,
        flags: extras.flags.get(&key(&path)).map_or(Flags::none(), |bits| Flags::from_bits(*bits)),
    };
    Ok(Entry { path, kind, attributes, link: (meta.links > 1).then_some((meta.inode, meta.links)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    fn entry(kind: Kind, mode: u32, seconds: i64, nanoseconds: u32) -> Entry {
        let modified = FileTime(seconds, nanoseconds);
        let attributes = EntryAttributes {
            uid: 1,
            gid: 2,
            mode: Mode::from_raw_mode(mode & 0o7777),
            accessed: modified,
            modified,
            extended: vec![
                (c"user.a".to_owned(), vec![0, 255]),
                (CString::new(b"user.\xff").unwrap(), vec![1]),
            ],
            flags: Flags::none(),
        };
        let path = PathBuf::from(OsString::from_vec(b"a/\xff b".to_vec()));
        Entry { path, kind, attributes, link: Some((3, 2)) }
    }

    fn survives(entry: &Entry) -> bool {
        let mut extras = Extras::default();
        let node = to_node(entry, &mut extras);
        let text = serde_json::to_string(&node).unwrap();
        let extras = serde_json::from_str(&serde_json::to_string(&extras).unwrap()).unwrap();
        let back: Node = serde_json::from_str(&text).unwrap();
        let name = back.name().into_owned();
        to_entry(PathBuf::from("a").join(name), &back, &extras).unwrap() == *entry
    }

    #[test]
    fn every_kind_of_entry_survives_the_way_into_a_node_and_back() {
        for kind in [
            Kind::Directory,
            Kind::File { size: 9, runs: None },
            Kind::File { size: 90_000, runs: Some(vec![(0, 4096), (8192, 9000)]) },
            Kind::File { size: 90_000, runs: Some(Vec::new()) },
            Kind::Symlink(b"\xfe/../x".to_vec()),
            Kind::Special(SpecialKind::Fifo),
            Kind::Special(SpecialKind::Socket),
            Kind::Special(SpecialKind::CharacterDevice(0x0103)),
            Kind::Special(SpecialKind::BlockDevice(0x0800)),
        ] {
            assert!(survives(&entry(kind.clone(), 0o6755, -1, 999_999_999)), "{kind:?}");
        }
    }

    #[test]
    fn runs_of_data_that_overlap_or_lie_outside_are_refused() {
        for runs in [vec![(4, 8), (6, 9)], vec![(5, 5)], vec![(0, 99)], vec![(8, 9), (0, 4)]] {
            let mut extras = Extras::default();
            let file = entry(Kind::File { size: 10, runs: Some(runs.clone()) }, 0o600, 0, 0);
            let node = to_node(&file, &mut extras);
            assert!(to_entry(file.path, &node, &extras).is_err(), "{runs:?}");
        }
    }

    quickcheck! {
        fn any_mode_and_time_survive(mode: u32, seconds: i32, nanoseconds: u32) -> bool {
            survives(&entry(Kind::Special(SpecialKind::Fifo), mode, seconds.into(), nanoseconds % 1_000_000_000))
        }
    }
}
