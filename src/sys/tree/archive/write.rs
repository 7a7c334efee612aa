//! Writes a tree as a tar archive.

use std::collections::HashMap;
use std::ffi::CStr;
use std::io::{self, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FileType, readlinkat};
use rustix::io::{Errno, pread};
use tar::EntryType;

use super::access_list::{self, to_text};
use super::header::BLOCK;
use super::pax::{ACCESS_LIST, DEFAULT_LIST, Records, XATTR};
use super::write_header::{EntryHeader, pad, write_entry, write_text};
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;
use crate::sys::tree::copy::content::next_data;
use crate::sys::tree::entry::attributes::{self, XattrHolder};
use crate::sys::tree::entry::handle::{Node, Stat, mounted, open_root, refusal};
use crate::sys::tree::entry::names::{DirectoryReader, SortedNames};

const BUFFER: usize = 256 * 1024;

/// Counts what went into an archive, or came out of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchiveStats {
    /// Entries, the root included.
    pub entries: u64,
    /// Bytes of regular files, without holes.
    pub bytes: u64,
    /// Entries that were left out: sockets from an archive, what lies beside the tree from a tree.
    pub left_out: u64,
    /// Labels of the host that were left out.
    pub labels: u64,
    /// Attributes that were left out because Linux cannot store them.
    pub attributes: u64,
    /// The first of them: its name, and that of its entry.
    pub first_attribute: Option<(String, String)>,
    /// Entries of unknown types that became regular files.
    pub unknown: u64,
    /// Whether something follows the end of the archive.
    pub has_more: bool,
}

impl ArchiveStats {
    pub(super) fn leave_out(&mut self, attribute: &str, entry: &[u8]) {
        self.attributes += 1;
        let entry = || String::from_utf8_lossy(entry).into_owned();
        self.first_attribute.get_or_insert_with(|| (attribute.to_owned(), entry()));
    }
}

/// A tree that is open for reading: it can be read to its end although an operation moves it.
pub struct OpenTree {
    root: PathBuf,
    handle: OwnedFd,
}

impl OpenTree {
    /// Opens the tree at the directory `root`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(root: &Path) -> Result<Self, DiskError> {
        fault::point("archive.open").at("open", root)?;
        Ok(OpenTree { root: root.to_owned(), handle: open_root(root)? })
    }
}

/// Writes one archive: one tree, and what the caller puts before it.
pub struct ArchiveWriter<'w> {
    out: &'w mut dyn Write,
    cancel: &'w AtomicBool,
    stats: ArchiveStats,
    /// The first name of each inode that has several.
    linked: HashMap<(u64, u64), Vec<u8>>,
    buffer: Vec<u8>,
    names: Vec<u8>,
    value: Vec<u8>,
}

/// A directory whose entries are being written.
struct Level {
    stat: Stat,
    names: SortedNames,
    /// Length of the archive's path of the directory, with its slash.
    length: usize,
}

impl<'w> ArchiveWriter<'w> {
    /// Starts an archive on `out`. If `cancel` becomes true, it ends soon with an error of kind
    /// `Interrupted`.
    pub fn new(out: &'w mut dyn Write, cancel: &'w AtomicBool) -> Self {
        ArchiveWriter {
            out,
            cancel,
            stats: ArchiveStats::default(),
            linked: HashMap::new(),
            buffer: vec![0; BUFFER],
            names: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Adds a file of the caller's own.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn text(&mut self, name: &str, seconds: u64, text: &str) -> io::Result<()> {
        write_text(self.out, name.as_bytes(), seconds, text.len() as u64)?;
        self.out.write_all(text.as_bytes())?;
        pad(self.out, text.len() as u64)
    }

    /// Adds a tree, to which no process writes, as the directory `name`.
    ///
    /// # Errors
    /// Whatever cannot be read, with its path, and what cannot be written, with that of the
    /// archive.
    pub fn tree(&mut self, tree: OpenTree, name: &str) -> Result<(), DiskError> {
        let archive = Path::new("the archive");
        let OpenTree { root, handle } = tree;
        let root = root.as_path();
        let stat = Stat::of(handle.as_fd()).at("read the attributes of", root)?;
        let mut reader = DirectoryReader::new();
        let mut path = format!("{name}/").into_bytes();
        let base = path.len();
        let records = self.extended(XattrHolder::Open(handle.as_fd()), root)?;
        self.head(&path, &stat, b"", 0, records).at("write", archive)?;
        let names = SortedNames::read(handle, &mut reader).at("read", root)?;
        let mut stack = vec![Level { stat, names, length: path.len() }];
        while let Some(frame) = stack.last_mut() {
            path.truncate(frame.length);
            let Some(name) = frame.names.peek().map(CStr::to_owned) else {
                stack.pop();
                continue;
            };
            path.extend_from_slice(name.to_bytes());
            let on_disk = || root.join(std::ffi::OsStr::from_bytes(&path[base..]));
            frame
                .names
                .advance(&mut reader, |_, _, _| Ok(true))
                .map_err(|errno| DiskError::new("read", on_disk(), errno))?;
            if self.cancel.load(Ordering::Relaxed) {
                return Err(DiskError::new("read", on_disk(), io::Error::from(io::ErrorKind::Interrupted)));
            }
            // An entry that is gone means that the tree is being deleted.
            let node = Node::open(frame.names.handle.as_fd(), &name);
            let node = node.map_err(|errno| refusal("open", on_disk(), errno))?;
            if !node.stat.same_mount(&frame.stat) {
                return Err(mounted(on_disk()));
            }
            let on_disk = on_disk();
            if node.stat.kind == FileType::Directory {
                let handle = node.reopen().at("open", &on_disk)?;
                path.push(b'/');
                let records = self.extended(XattrHolder::Open(handle.as_fd()), &on_disk)?;
                self.head(&path, &node.stat, b"", 0, records).at("write", archive)?;
                let names = SortedNames::read(handle, &mut reader).at("read", &on_disk)?;
                stack.push(Level { stat: node.stat, names, length: path.len() });
            } else {
                self.leaf(&path, &node, &on_disk)?;
            }
        }
        Ok(())
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn finish(self) -> io::Result<ArchiveStats> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()?;
        Ok(self.stats)
    }

    fn leaf(&mut self, path: &[u8], node: &Node, on_disk: &Path) -> Result<(), DiskError> {
        let archive = Path::new("the archive");
        let stat = &node.stat;
        if stat.links > 1 {
            let key = (stat.inode.device, stat.inode.number);
            if let Some(first) = self.linked.get(&key).cloned() {
                self.stats.entries += 1;
                let (kind, records) = (EntryType::Link, Records::default());
                let entry = EntryHeader { kind, path, link: &first, size: 0, records };
                return write_entry(self.out, entry, stat).at("write", archive);
            }
            self.linked.insert(key, path.to_vec());
        }
        match stat.kind {
            FileType::RegularFile => {
                let file = node.reopen().at("open", on_disk)?;
                let records = self.extended(XattrHolder::Open(file.as_fd()), on_disk)?;
                let runs = runs(&file, stat).at("read", on_disk)?;
                self.file(path, stat, &file, runs, records, on_disk)
            }
            FileType::Symlink => {
                let target = readlinkat(&node.handle, c"", Vec::new()).at("read the link", on_disk)?;
                let magic = node.magic_path();
                let records = self.extended(XattrHolder::Magic(&magic), on_disk)?;
                self.head(path, stat, target.to_bytes(), 0, records).at("write", archive)
            }
            FileType::Fifo | FileType::CharacterDevice | FileType::BlockDevice => {
                let magic = node.magic_path();
                let records = self.extended(XattrHolder::Magic(&magic), on_disk)?;
                self.head(path, stat, b"", 0, records).at("write", archive)
            }
            _ => {
                self.stats.left_out += 1;
                Ok(())
            }
        }
    }

    fn file(
        &mut self,
        path: &[u8],
        stat: &Stat,
        file: &OwnedFd,
        runs: Vec<(u64, u64)>,
        mut records: Records,
        on_disk: &Path,
    ) -> Result<(), DiskError> {
        let archive = Path::new("the archive");
        let data: u64 = runs.iter().map(|(start, end)| end - start).sum();
        if data == stat.size {
            self.head(path, stat, b"", stat.size, records).at("write", archive)?;
        } else {
            let mut map = format!("{}\n", runs.len() + 1);
            for (start, end) in &runs {
                map.push_str(&format!("{start}\n{}\n", end - start));
            }
            map.push_str(&format!("{}\n0\n", stat.size));
            let mut map = map.into_bytes();
            map.resize(map.len().next_multiple_of(BLOCK), 0);
            records.put(b"GNU.sparse.major", b"1");
            records.put(b"GNU.sparse.minor", b"0");
            records.put_name(b"GNU.sparse.name", path);
            records.put(b"GNU.sparse.realsize", stat.size.to_string().as_bytes());
            let shown = [b"GNUSparseFile.0/".as_slice(), path].concat();
            self.head(&shown, stat, b"", map.len() as u64 + data, records).at("write", archive)?;
            self.out.write_all(&map).at("write", archive)?;
        }
        for (start, end) in runs {
            let mut offset = start;
            while offset < end {
                if self.cancel.load(Ordering::Relaxed) {
                    return Err(DiskError::new("read", on_disk, io::Error::from(io::ErrorKind::Interrupted)));
                }
                let wanted = (end - offset).min(BUFFER as u64) as usize;
                let length = match pread(file, &mut self.buffer[..wanted], offset) {
                    Err(Errno::INTR) => continue,
                    other => other.at("read", on_disk)?,
                };
                if length == 0 {
                    let shorter = io::Error::other("it became shorter while it was read");
                    return Err(DiskError::new("read", on_disk, shorter));
                }
                self.out.write_all(&self.buffer[..length]).at("write", archive)?;
                offset += length as u64;
            }
        }
        self.stats.bytes += data;
        pad(self.out, data).at("write", archive)
    }

    /// Writes the header of an entry that `stat` describes, with `size` bytes of content behind it.
    fn head(&mut self, path: &[u8], stat: &Stat, link: &[u8], size: u64, records: Records) -> io::Result<()> {
        let kind = match stat.kind {
            FileType::Directory => EntryType::Directory,
            FileType::Symlink => EntryType::Symlink,
            FileType::Fifo => EntryType::Fifo,
            FileType::CharacterDevice => EntryType::Char,
            FileType::BlockDevice => EntryType::Block,
            _ => EntryType::Regular,
        };
        self.stats.entries += 1;
        write_entry(self.out, EntryHeader { kind, path, link, size, records }, stat)
    }

    /// Returns the extended attributes as records. Access lists come twice: as an attribute for
    /// readers that know attributes only, and as text.
    fn extended(&mut self, holder: XattrHolder<'_>, on_disk: &Path) -> Result<Records, DiskError> {
        let mut records = Records::default();
        let listed = holder.list(&mut self.names).at("read the attributes of", on_disk)?;
        for name in attributes::names(listed) {
            if attributes::is_label(name) {
                self.stats.labels += 1;
                continue;
            }
            let value = holder.get(name, &mut self.value).at("read the attributes of", on_disk)?;
            let Some(value) = value else { continue };
            records.put(&[XATTR, name.to_bytes()].concat(), value);
            for (list, key) in [(access_list::ACCESS, ACCESS_LIST), (access_list::DEFAULT, DEFAULT_LIST)] {
                if let Some(text) = (name == list).then(|| to_text(value)).flatten() {
                    records.put(key, text.as_bytes());
                }
            }
        }
        Ok(records)
    }
}

/// Returns the runs of data of a file in whole blocks, as start and end; one run where it has no
/// hole.
fn runs(file: &OwnedFd, stat: &Stat) -> rustix::io::Result<Vec<(u64, u64)>> {
    if stat.size == 0 || stat.allocated >= stat.size {
        return Ok(if stat.size == 0 { Vec::new() } else { vec![(0, stat.size)] });
    }
    let (mut found, mut offset) = (Vec::<(u64, u64)>::new(), 0);
    while let Some((start, end)) = next_data(file, offset, stat.size)? {
        // GNU tar reads each run from the start of a block.
        let block = BLOCK as u64;
        let start = start / block * block;
        let end = end.next_multiple_of(block).min(stat.size);
        match found.last_mut() {
            Some(last) if start <= last.1 => last.1 = end,
            _ => found.push((start, end)),
        }
        offset = end;
    }
    Ok(found)
}
