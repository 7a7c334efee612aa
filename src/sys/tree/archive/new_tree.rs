//! Makes the entries of a tree one after the other, as GNU tar makes them.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use rustix::fs::{AtFlags, Dev, FileType, Mode, OFlags, linkat, mkdirat, mknodat, openat, symlinkat};
use rustix::io::Errno;

use super::attributes::{ItemAttributes, NewEntry};
use super::entries::{Entries, Item, ItemKind};
use super::error::ExtractError;
use super::file_writer::FileWriter;
use super::header::bad;
use super::names::{is_delayed, names_directory, parts, spelled_directories, without_outer_slashes};
use super::places::{Places, delayed_target};
use super::write::ArchiveStats;
use crate::sys::error::DiskError;
use crate::sys::fault;
use crate::sys::tree::entry::attributes::{Scratch, clear_inherited};
use crate::sys::tree::entry::handle::{Stat, open_root};

/// The mode of a new file until it gets its own.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A tree on its way out of an archive.
pub(super) struct NewTree<'c> {
    places: Places,
    /// Directories get their attributes last: what is made in them would change their times.
    directories: BTreeMap<Vec<CString>, ItemAttributes>,
    /// How the archive spells directories of which GNU tar sets the attributes after all others:
    /// those with symlinks that it makes last, and the root.
    spelled: BTreeMap<Vec<CString>, Vec<u8>>,
    prefix: &'c [u8],
    stats: ArchiveStats,
    buffer: Vec<u8>,
    cancel: &'c AtomicBool,
}

impl<'c> NewTree<'c> {
    /// Starts a tree in the empty directory `target`. Names are taken below `prefix`.
    pub(super) fn new(target: &Path, prefix: &'c str, cancel: &'c AtomicBool) -> Result<Self, DiskError> {
        let root = open_root(target)?;
        clear_inherited(&root, &mut Scratch::default())
            .map_err(|errno| DiskError::new("clear the attributes of", target, errno))?;
        Ok(NewTree {
            places: Places::new(root),
            directories: BTreeMap::new(),
            spelled: BTreeMap::new(),
            prefix: prefix.as_bytes(),
            stats: ArchiveStats::default(),
            buffer: Vec::new(),
            cancel,
        })
    }

    /// Makes one entry.
    pub(super) fn put(&mut self, item: &mut Item, content: &mut Entries<'_>) -> io::Result<()> {
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
        let attributes = ItemAttributes::of(item)?;
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

    fn directory(
        &mut self,
        parts: Vec<CString>,
        name: &[u8],
        mut attributes: ItemAttributes,
    ) -> io::Result<()> {
        let spelled = without_outer_slashes(name);
        if self.spelled.get(&parts).is_some_and(|earlier| earlier != spelled) {
            // GNU tar takes it for two directories, and gives it the attributes of the earlier one
            // last.
            return Err(bad("the archive spells its name in two ways"));
        }
        if parts.is_empty() {
            self.spelled.insert(Vec::new(), spelled.to_vec());
        }
        if let Some((last, above)) = parts.split_last() {
            let there = Stat::of_name(self.places.directory(above)?.as_fd(), last);
            if !there.is_ok_and(|there| there.kind == FileType::Directory) {
                self.places.put(&parts, &mut |directory, name| mkdirat(directory, name, Mode::RWXU))?;
            }
        }
        let earlier = self.directories.get(&parts);
        if earlier.is_some_and(|earlier| !earlier.are_named_by(&attributes)) {
            // Which of them GNU tar keeps depends on the entries in between.
            return Err(bad("the archive has it twice, with different extended attributes"));
        }
        attributes.apply_early(self.places.directory(&parts)?, name, &mut self.stats)?;
        self.directories.insert(parts, attributes);
        Ok(())
    }

    fn file(
        &mut self,
        parts: &[CString],
        item: &Item,
        attributes: &ItemAttributes,
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

    fn symlink(&mut self, parts: &[CString], item: &Item, attributes: &ItemAttributes) -> io::Result<()> {
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
        attributes: &ItemAttributes,
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
        let earlier = self::parts(link, self.prefix).ok().flatten().ok_or_else(outside)?;
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
    pub(super) fn finish(mut self) -> Result<ArchiveStats, ExtractError> {
        for (parts, attributes) in std::mem::take(&mut self.directories).into_iter().rev() {
            let name = parts.iter().map(|part| part.to_bytes()).collect::<Vec<_>>().join(&b'/');
            let done = self
                .places
                .existing(&parts)
                .and_then(|directory| attributes.apply(NewEntry::Open(&directory), &name, &mut self.stats));
            done.map_err(|source| ExtractError::entry(&name, source))?;
        }
        Ok(self.stats)
    }
}
