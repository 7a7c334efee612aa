//! Writes a tree as a tar archive.

use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::Dev;
use tar::EntryType;

use super::access_list::to_text;
use super::entries::read_full;
use super::header::BLOCK;
use super::pax::{ACCESS_LIST, DEFAULT_LIST, Records, XATTR};
use super::write_header::{EntryHeader, pad, write_entry, write_text};
use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::build::attributes::{ACCESS, DEFAULT};
use crate::sys::tree::build::path::EntryPath;
use crate::sys::tree::entry::values::EntryAttributes;
use crate::sys::tree::source::entry::{SourceEntry, SourceKind};
use crate::sys::tree::source::file::SourceFile;
use crate::sys::tree::source::walk::{OpenTree, TreeSource};

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
    /// The first of them: its name, and the path of its entry in the tree.
    pub first_attribute: Option<(String, String)>,
    /// Entries of unknown types that became regular files.
    pub unknown: u64,
    /// Whether something follows the end of the archive.
    pub has_more: bool,
}

impl ArchiveStats {
    pub(super) fn leave_out(&mut self, attribute: &str, entry: &EntryPath) {
        self.attributes += 1;
        self.first_attribute.get_or_insert_with(|| (attribute.to_owned(), entry.to_string()));
    }
}

/// Writes one archive: one tree, and what the caller puts before it.
pub struct ArchiveWriter<'w> {
    out: &'w mut dyn Write,
    cancel: Arc<AtomicBool>,
    stats: ArchiveStats,
    buffer: Vec<u8>,
}

impl<'w> ArchiveWriter<'w> {
    /// Starts an archive on `out`. If `cancel` becomes true, it ends soon with an error of kind
    /// `Interrupted`.
    pub fn new(out: &'w mut dyn Write, cancel: Arc<AtomicBool>) -> Self {
        ArchiveWriter { out, cancel, stats: ArchiveStats::default(), buffer: vec![0; BUFFER] }
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
        let mut source = TreeSource::new(tree, Arc::clone(&self.cancel));
        while let Some(entry) = source.next().transpose()? {
            let on_disk = source.on_disk(&entry.path);
            self.entry(entry, name, &on_disk)?;
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

    fn entry(&mut self, entry: SourceEntry, root: &str, on_disk: &Path) -> Result<(), DiskError> {
        let archive = Path::new("the archive");
        let SourceEntry { path, kind, attributes, names, labels } = entry;
        let in_archive = |path: &Path| [root.as_bytes(), b"/", path.as_os_str().as_bytes()].concat();
        let mut path = in_archive(&path);
        if matches!(kind, SourceKind::Socket) {
            self.stats.left_out += 1;
            return Ok(());
        }
        if let Some(first) = names.and_then(|names| names.first) {
            let link = in_archive(&first);
            return self.head(EntryType::Link, &path, &link, None, &attributes).at("write", archive);
        }
        self.stats.labels += labels;
        let (kind, link, device) = match kind {
            SourceKind::File(file) => return self.file(&path, &file, &attributes, on_disk),
            SourceKind::Directory => {
                if path.last() != Some(&b'/') {
                    path.push(b'/');
                }
                (EntryType::Directory, Vec::new(), None)
            }
            SourceKind::Symlink(target) => (EntryType::Symlink, target, None),
            SourceKind::Fifo => (EntryType::Fifo, Vec::new(), None),
            SourceKind::CharacterDevice(device) => (EntryType::Char, Vec::new(), Some(device)),
            SourceKind::BlockDevice(device) => (EntryType::Block, Vec::new(), Some(device)),
            SourceKind::Socket => unreachable!("sockets were left out"),
        };
        self.head(kind, &path, &link, device, &attributes).at("write", archive)
    }

    fn file(
        &mut self,
        path: &[u8],
        file: &SourceFile,
        attributes: &EntryAttributes,
        on_disk: &Path,
    ) -> Result<(), DiskError> {
        let archive = Path::new("the archive");
        let runs = whole_blocks(file.runs().at("read", on_disk)?, file.size());
        let data: u64 = runs.iter().map(|run| run.end - run.start).sum();
        let (mut map, mut records, mut shown) = (Vec::new(), extended(attributes), path.to_vec());
        if data < file.size() {
            let mut text = format!("{}\n", runs.len() + 1);
            for run in &runs {
                text.push_str(&format!("{}\n{}\n", run.start, run.end - run.start));
            }
            text.push_str(&format!("{}\n0\n", file.size()));
            map = text.into_bytes();
            map.resize(map.len().next_multiple_of(BLOCK), 0);
            records.put(b"GNU.sparse.major", b"1");
            records.put(b"GNU.sparse.minor", b"0");
            records.put_name(b"GNU.sparse.name", path);
            records.put(b"GNU.sparse.realsize", file.size().to_string().as_bytes());
            shown = [b"GNUSparseFile.0/".as_slice(), path].concat();
        }
        let (kind, size) = (EntryType::Regular, map.len() as u64 + data);
        let header = EntryHeader { kind, device: None, path: &shown, link: b"", size, records };
        write_entry(self.out, header, attributes).at("write", archive)?;
        self.out.write_all(&map).at("write", archive)?;
        for run in runs {
            let mut reader = file.reader(run);
            loop {
                if self.cancel.load(Ordering::Relaxed) {
                    return Err(DiskError::new("read", on_disk, io::Error::from(io::ErrorKind::Interrupted)));
                }
                let length = read_full(&mut reader, &mut self.buffer).at("read", on_disk)?;
                if length == 0 {
                    break;
                }
                self.out.write_all(&self.buffer[..length]).at("write", archive)?;
            }
        }
        self.stats.entries += 1;
        self.stats.bytes += data;
        pad(self.out, data).at("write", archive)
    }

    /// Writes an entry without content.
    fn head(
        &mut self,
        kind: EntryType,
        path: &[u8],
        link: &[u8],
        device: Option<Dev>,
        attributes: &EntryAttributes,
    ) -> io::Result<()> {
        let records = if kind == EntryType::Link { Records::default() } else { extended(attributes) };
        self.stats.entries += 1;
        write_entry(self.out, EntryHeader { kind, device, path, link, size: 0, records }, attributes)
    }
}

/// Returns the extended attributes as records. Access lists come twice: as an attribute for readers
/// that know attributes only, and as text.
fn extended(attributes: &EntryAttributes) -> Records {
    let mut records = Records::default();
    for (name, value) in &attributes.extended {
        records.put(&[XATTR, name.to_bytes()].concat(), value);
        for (list, key) in [(ACCESS, ACCESS_LIST), (DEFAULT, DEFAULT_LIST)] {
            if let Some(text) = (**name == *list).then(|| to_text(value)).flatten() {
                records.put(key, text.as_bytes());
            }
        }
    }
    records
}

/// Widens runs of data to whole blocks: GNU tar reads each from the start of a block.
fn whole_blocks(runs: Vec<Range<u64>>, size: u64) -> Vec<Range<u64>> {
    let mut found = Vec::<Range<u64>>::new();
    for run in runs {
        let block = BLOCK as u64;
        let start = run.start / block * block;
        let end = run.end.next_multiple_of(block).min(size);
        match found.last_mut() {
            Some(last) if start <= last.end => last.end = end,
            _ => found.push(start..end),
        }
    }
    found
}
