//! Makes a tree from a tar archive: one that `ArchiveWriter` wrote, or any other.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fmt;
use std::io::{self, Read};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, Dev, FileType, Mode, OFlags, linkat, mkdirat, mknodat, openat, symlinkat};
use rustix::io::Errno;

use super::attributes::{EntryAttributes, NewEntry};
use super::entries::{Entries, Item, ItemKind};
use super::file_writer::FileWriter;
use super::header::bad;
use super::names::{is_delayed, names_directory, parts, spelled_directories, without_outer_slashes};
use super::places::{Places, delayed_target};
use super::write::ArchiveStats;
use crate::sys::error::DiskError;
use crate::sys::fault;
use crate::sys::tree::entry::attributes::{Scratch, clear_inherited};
use crate::sys::tree::entry::handle::{Stat, open_root};

/// The caller's own file at the start of an archive is no longer than this, in bytes.
const TEXT_MAX: u64 = 1 << 20;
/// The mode of a new file until it gets its own.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Why an archive was refused.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The archive itself.
    #[error("cannot read the archive: {0}")]
    Archive(io::Error),
    /// A compressed file where a plain archive is expected.
    #[error("cannot read the archive: it is compressed with {0}")]
    Compressed(Compression),
    /// One entry of it.
    #[error("cannot extract {name}: {source}")]
    Entry {
        /// Its name in the archive.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The directory that it goes to.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl ExtractError {
    pub(super) fn entry(name: &[u8], source: io::Error) -> Self {
        let name = match name {
            b"" => "an entry without a name".to_owned(),
            name => String::from_utf8_lossy(name).into_owned(),
        };
        ExtractError::Entry { name, source }
    }
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip(1).
    Gzip,
    /// zstd(1).
    Zstd,
    /// xz(1).
    Xz,
    /// bzip2(1).
    Bzip2,
    /// lzip(1).
    Lzip,
    /// lzop(1).
    Lzop,
    /// lzma(1), the older form of xz.
    Lzma,
    /// compress(1).
    Compress,
}

impl Compression {
    /// Recognizes a compressed file by its first bytes.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        let known = [
            (&b"\x1f\x8b"[..], Compression::Gzip),
            (b"\x28\xb5\x2f\xfd", Compression::Zstd),
            (b"\xfd7zXZ", Compression::Xz),
            (b"BZh", Compression::Bzip2),
            (b"LZIP", Compression::Lzip),
            (b"\x89LZO", Compression::Lzop),
            (b"\x5d\0\0", Compression::Lzma),
            (b"\x1f\x9d", Compression::Compress),
        ];
        known.into_iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, compression)| compression)
    }

    /// Returns the name of the program that compresses so.
    pub fn program(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Xz => "xz",
            Compression::Bzip2 => "bzip2",
            Compression::Lzip => "lzip",
            Compression::Lzop => "lzop",
            Compression::Lzma => "lzma",
            Compression::Compress => "compress",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program())
    }
}

/// Reads one archive.
pub struct ArchiveReader<'r> {
    entries: Entries<'r>,
    /// The first entry, which was not the text that the caller looked for.
    first: Option<Item>,
}

impl<'r> ArchiveReader<'r> {
    /// Looks at the start of an archive.
    ///
    /// # Errors
    /// When `from` cannot be read, is empty or compressed, or is not a tar archive.
    pub fn open(from: &'r mut dyn Read) -> Result<Self, ExtractError> {
        Ok(ArchiveReader { entries: Entries::open(from)?, first: None })
    }

    /// Takes the file `name` off the archive's start; `None` if the archive starts with anything
    /// else.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn text(&mut self, name: &str) -> Result<Option<Vec<u8>>, ExtractError> {
        let Some(item) = self.entries.next()? else { return Ok(None) };
        let is_text = item.kind == ItemKind::Regular && item.map.is_none() && item.size <= TEXT_MAX;
        if !is_text || item.name != name.as_bytes() {
            self.first = Some(item);
            return Ok(None);
        }
        let mut text = Vec::new();
        self.entries.read_to_end(&mut text).map_err(|source| ExtractError::entry(&item.name, source))?;
        Ok(Some(text))
    }

    /// Fills the empty directory `target`, which no other process writes to, with what the archive
    /// has below `prefix` (all of it if that is empty).
    ///
    /// # Errors
    /// The first error ends it and leaves a part in `target`.
    pub fn tree(
        mut self,
        target: &Path,
        prefix: &str,
        cancel: &AtomicBool,
    ) -> Result<ArchiveStats, ExtractError> {
        let root = open_root(target)?;
        clear_inherited(&root, &mut Scratch::default())
            .map_err(|errno| DiskError::new("clear the attributes of", target, errno))?;
        let mut tree = NewTree {
            places: Places::new(root),
            directories: BTreeMap::new(),
            spelled: BTreeMap::new(),
            prefix: prefix.as_bytes(),
            stats: ArchiveStats::default(),
            buffer: Vec::new(),
            cancel,
        };
        // After the end of the archive, asking for another entry gives none again.
        while let Some(mut item) =
            self.first.take().map_or_else(|| self.entries.next(), |item| Ok(Some(item)))?
        {
            if cancel.load(Ordering::Relaxed) {
                return Err(ExtractError::Archive(io::ErrorKind::Interrupted.into()));
            }
            tree.put(&mut item, &mut self.entries)
                .map_err(|source| ExtractError::entry(&item.name, source))?;
        }
        tree.finish()?;
        tree.stats.has_more = self.entries.has_more();
        Ok(tree.stats)
    }
}

/// A tree on its way out of an archive.
struct NewTree<'c> {
    places: Places,
    /// Directories get their attributes last: what is made in them would change their times.
    directories: BTreeMap<Vec<CString>, EntryAttributes>,
    /// How the archive spells directories of which GNU tar sets the attributes after all others:
    /// those with symlinks that it makes last, and the root.
    spelled: BTreeMap<Vec<CString>, Vec<u8>>,
    prefix: &'c [u8],
    stats: ArchiveStats,
    buffer: Vec<u8>,
    cancel: &'c AtomicBool,
}

impl NewTree<'_> {
    fn put(&mut self, item: &mut Item, content: &mut Entries<'_>) -> io::Result<()> {
        let parts = match item.kind {
            ItemKind::Label => return Ok(()),
            _ => parts(&item.name, self.prefix)?,
        };
        let Some(parts) = parts else {
            self.stats.left_out += 1;
            return Ok(());
        };
        fault::point("tree.extract")?;
        if item.kind != ItemKind::Directory && names_directory(&item.name) {
            return Err(bad("its name is that of a directory"));
        }
        self.stats.entries += 1;
        if item.kind == ItemKind::HardLink {
            return self.hard_link(&parts, item);
        }
        self.stats.unknown += u64::from(item.is_unknown);
        self.stats.labels += item.extension.labels;
        for name in std::mem::take(&mut item.extension.foreign) {
            self.stats.leave_out(&name, &item.name);
        }
        let attributes = EntryAttributes::of(item)?;
        match item.kind {
            ItemKind::Directory => self.directory(parts, &item.name, attributes),
            ItemKind::Regular => self.file(&parts, item, &attributes.of_file(), content),
            ItemKind::Symlink => self.symlink(&parts, item, &attributes),
            ItemKind::Fifo => self.special(&parts, item, FileType::Fifo, 0, &attributes.of_file()),
            ItemKind::CharacterDevice(device) => {
                self.special(&parts, item, FileType::CharacterDevice, device, &attributes.of_file())
            }
            ItemKind::BlockDevice(device) => {
                self.special(&parts, item, FileType::BlockDevice, device, &attributes.of_file())
            }
            ItemKind::HardLink | ItemKind::Label => unreachable!("they were dealt with"),
        }
    }

    fn directory(&mut self, parts: Vec<CString>, name: &[u8], attributes: EntryAttributes) -> io::Result<()> {
        let spelled = without_outer_slashes(name);
        if self.spelled.get(&parts).is_some_and(|earlier| earlier != spelled) {
            // GNU tar takes it for two directories, and gives it the attributes of the earlier one
            // last.
            return Err(bad("the archive spells its name in two ways"));
        }
        if parts.is_empty() {
            self.spelled.insert(Vec::new(), spelled.to_vec());
        }
        if let Some((name, above)) = parts.split_last() {
            let there = Stat::of_name(self.places.directory(above)?.as_fd(), name);
            if !there.is_ok_and(|there| there.kind == FileType::Directory) {
                self.places.put(&parts, &mut |directory, name| mkdirat(directory, name, Mode::RWXU))?;
            }
        }
        let earlier = self.directories.get(&parts);
        if earlier.is_some_and(|earlier| !earlier.are_named_by(&attributes)) {
            // Which of them GNU tar keeps depends on the entries in between.
            return Err(bad("the archive has it twice, with different extended attributes"));
        }
        self.directories.insert(parts, attributes);
        Ok(())
    }

    fn file(
        &mut self,
        parts: &[CString],
        item: &Item,
        attributes: &EntryAttributes,
        content: &mut Entries<'_>,
    ) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut made = None;
        self.replace(parts, &mut |directory, name| {
            made = Some(openat(directory, name, flags, PRIVATE)?);
            Ok(())
        })?;
        let file = made.expect("it was made");
        let mut writer = FileWriter::new(&file, &mut self.buffer, self.cancel);
        match &item.map {
            Some(map) => writer.runs(content, map)?,
            None => writer.all(content)?,
        }
        self.stats.bytes += writer.bytes;
        attributes.apply(NewEntry::Open(&file), &item.name, &mut self.stats)
    }

    fn symlink(&mut self, parts: &[CString], item: &Item, attributes: &EntryAttributes) -> io::Result<()> {
        let target = item.link.as_slice();
        let (name, above) = parts.split_last().expect("it is not the root");
        let directory = self.places.directory(above)?;
        if is_delayed(target)
            && let Ok(Some(earlier)) = delayed_target(directory, name)
        {
            // GNU tar keeps the earlier one, other programs the later one.
            let is_same = earlier.as_bytes() == target;
            return if is_same {
                Ok(())
            } else {
                Err(bad("the archive has it twice, with different targets"))
            };
        }
        self.replace(parts, &mut |directory, name| symlinkat(target, directory, name))?;
        if is_delayed(target) {
            self.note_delayed(parts, &item.name);
        }
        let directory = self.places.directory(above)?;
        attributes.apply(NewEntry::Symlink(directory, name), &item.name, &mut self.stats)
    }

    fn special(
        &mut self,
        parts: &[CString],
        item: &Item,
        kind: FileType,
        device: Dev,
        attributes: &EntryAttributes,
    ) -> io::Result<()> {
        self.replace(parts, &mut |directory, name| mknodat(directory, name, kind, PRIVATE, device))?;
        let (name, above) = parts.split_last().expect("it is not the root");
        let directory = self.places.directory(above)?;
        attributes.apply(NewEntry::Special(directory, name), &item.name, &mut self.stats)
    }

    /// Links an entry to an earlier one, which gives it everything else.
    fn hard_link(&mut self, parts: &[CString], item: &Item) -> io::Result<()> {
        let link = item.link.as_slice();
        let missing = || bad(format!("the archive has no entry {} before it", String::from_utf8_lossy(link)));
        let outside = || bad("it is a hard link to outside of the tree");
        let earlier = self::parts(link, self.prefix)?.ok_or_else(outside)?;
        let (from_name, from_above) = earlier.split_last().ok_or_else(outside)?;
        if link.ends_with(b"/") || names_directory(link) {
            return Err(bad("it is a hard link to a directory"));
        }
        let from = self.places.existing(from_above).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(),
            _ => error,
        })?;
        let source = Stat::of_name(from.as_fd(), from_name).map_err(|errno| match errno {
            Errno::NOENT => missing(),
            errno => errno.into(),
        })?;
        if source.kind == FileType::Directory {
            return Err(bad("it is a hard link to a directory"));
        }
        let is_delayed = delayed_target(&from, from_name)?.is_some();
        let (name, above) = parts.split_last().expect("it is not the root");
        let to = self.places.directory(above)?;
        if let Ok(there) = Stat::of_name(to.as_fd(), name) {
            if there.inode == source.inode {
                return Ok(());
            }
            if is_delayed && delayed_target(to, name)?.is_some() {
                return Err(bad("the archive has it twice, with different targets"));
            }
        }
        if is_delayed {
            self.note_delayed(parts, &item.name);
        }
        self.replace(parts, &mut |directory, name| {
            linkat(&from, from_name, directory, name, AtFlags::empty())
        })
    }

    /// Notes that GNU tar makes the symlink at `parts` last, and sets the attributes of the
    /// directories above it after that.
    fn note_delayed(&mut self, parts: &[CString], name: &[u8]) {
        let spelled = spelled_directories(name);
        let depth = parts.len() - 1;
        // With a prefix, the first of them is the prefix.
        for (length, spelled) in (1..=depth).rev().zip(spelled.into_iter().rev()) {
            self.spelled.entry(parts[..length].to_vec()).or_insert_with(|| spelled.to_vec());
        }
    }

    /// Makes an entry that is not a directory.
    fn replace(
        &mut self,
        parts: &[CString],
        make: &mut dyn FnMut(&OwnedFd, &CStr) -> Result<(), Errno>,
    ) -> io::Result<()> {
        if self.places.put(parts, make)? {
            self.directories.remove(parts);
        }
        Ok(())
    }

    /// Gives the directories their attributes, the deepest first: a mode may shut us out of what is
    /// below.
    fn finish(&mut self) -> Result<(), ExtractError> {
        for (parts, attributes) in std::mem::take(&mut self.directories).into_iter().rev() {
            let name = parts.iter().map(|part| part.to_bytes()).collect::<Vec<_>>().join(&b'/');
            let done = self
                .places
                .existing(&parts)
                .and_then(|directory| attributes.apply(NewEntry::Open(&directory), &name, &mut self.stats));
            done.map_err(|source| ExtractError::entry(&name, source))?;
        }
        Ok(())
    }
}
