//! Makes the entries of a tree one after the other, as GNU tar makes them.
//!
//! An entry replaces an earlier one of its name as with GNU tar: a directory takes its place beside
//! an earlier one, an empty directory makes way for anything else, a directory with entries for
//! nothing.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use rustix::fs::FileType;

use super::attributes::take_attributes;
use super::entries::{Entries, Item, ItemKind};
use super::error::ExtractError;
use super::file_writer::FileWriter;
use super::header::bad;
use super::names::{is_delayed, names_directory, path_of, spelled_directories, without_outer_slashes};
use super::write::ArchiveStats;
use crate::sys::error::DiskError;
use crate::sys::tree::build::builder::{SpecialKind, TreeBuilder};
use crate::sys::tree::build::path::EntryPath;
use crate::sys::tree::entry::values::EntryAttributes;

/// A tree on its way out of an archive.
pub(super) struct NewTree<'c> {
    builder: TreeBuilder,
    /// Names of the extended attributes of each directory that the archive has.
    directories: BTreeMap<EntryPath, Vec<CString>>,
    /// How the archive spells directories of which GNU tar sets the attributes after all others:
    /// those with symlinks that it makes last, and the root.
    spelled: BTreeMap<EntryPath, Vec<u8>>,
    prefix: &'c [u8],
    stats: ArchiveStats,
    buffer: Vec<u8>,
    cancel: &'c AtomicBool,
}

impl<'c> NewTree<'c> {
    /// Starts a tree in the empty directory `target`. Names are taken below `prefix`.
    pub(super) fn new(target: &Path, prefix: &'c str, cancel: &'c AtomicBool) -> Result<Self, DiskError> {
        Ok(NewTree {
            builder: TreeBuilder::without_flags(target)?,
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
        let path = match item.kind {
            ItemKind::Label => return Ok(()),
            _ => path_of(&item.name, self.prefix)?,
        };
        let Some(path) = path else {
            self.stats.left_out += 1;
            return Ok(());
        };
        if item.kind != ItemKind::Directory && names_directory(&item.name) {
            return Err(bad("its name is that of a directory"));
        }
        self.stats.entries += 1;
        if item.kind == ItemKind::HardLink {
            return self.hard_link(&path, item);
        }
        self.stats.unknown += u64::from(item.is_unknown);
        self.stats.labels += item.extension.labels;
        for name in std::mem::take(&mut item.extension.foreign) {
            self.stats.leave_out(&name, &path);
        }
        let attributes = take_attributes(item)?;
        match item.kind {
            ItemKind::Directory => self.directory(path, &item.name, attributes),
            ItemKind::Regular => self.file(&path, item, &attributes, content),
            ItemKind::Symlink => self.symlink(&path, item, &attributes),
            ItemKind::Fifo => self.special(&path, SpecialKind::Fifo, &attributes),
            ItemKind::CharacterDevice(device) => {
                self.special(&path, SpecialKind::CharacterDevice(device), &attributes)
            }
            ItemKind::BlockDevice(device) => {
                self.special(&path, SpecialKind::BlockDevice(device), &attributes)
            }
            ItemKind::HardLink | ItemKind::Label => unreachable!("they were dealt with"),
        }
    }

    fn directory(&mut self, path: EntryPath, name: &[u8], attributes: EntryAttributes) -> io::Result<()> {
        let spelled = without_outer_slashes(name);
        if self.spelled.get(&path).is_some_and(|earlier| earlier != spelled) {
            // GNU tar takes it for two directories, and gives it the attributes of the earlier one
            // last.
            return Err(bad("the archive spells its name in two ways"));
        }
        let names: Vec<CString> = attributes.extended.iter().map(|(name, _)| name.clone()).collect();
        if path == EntryPath::root() {
            self.spelled.insert(path.clone(), spelled.to_vec());
            self.check_twice(&path, &names)?;
            self.builder.set_directory(&path, attributes)?;
        } else {
            self.builder.make_above(&path)?;
            let there = self.builder.look(&path);
            if there.is_ok_and(|there| there.kind == FileType::Directory) {
                self.check_twice(&path, &names)?;
                self.builder.set_directory(&path, attributes)?;
            } else {
                self.replace(&path, &mut |builder| builder.directory(&path, attributes.clone()))?;
            }
        }
        self.directories.insert(path, names);
        Ok(())
    }

    /// Checks that a directory that the archive has again gets each attribute that it had.
    fn check_twice(&self, path: &EntryPath, names: &[CString]) -> io::Result<()> {
        let earlier = self.directories.get(path);
        if earlier.is_some_and(|earlier| earlier.iter().any(|name| !names.contains(name))) {
            // Which of them GNU tar keeps depends on the entries in between.
            return Err(bad("the archive has it twice, with different extended attributes"));
        }
        Ok(())
    }

    fn file(
        &mut self,
        path: &EntryPath,
        item: &Item,
        attributes: &EntryAttributes,
        content: &mut Entries<'_>,
    ) -> io::Result<()> {
        let file = self.replace(path, &mut |builder| builder.file(path, attributes.clone()))?;
        let mut writer = FileWriter::new(&file, &mut self.buffer, self.cancel);
        let size = match &item.map {
            Some(map) => writer.runs(content, map)?,
            None => writer.all(content)?,
        };
        self.stats.bytes += writer.bytes;
        file.finish(size)
    }

    fn symlink(&mut self, path: &EntryPath, item: &Item, attributes: &EntryAttributes) -> io::Result<()> {
        let target = item.link.as_slice();
        self.builder.make_above(path)?;
        if is_delayed(target)
            && let Ok(Some(earlier)) = self.delayed_target(path)
        {
            // GNU tar keeps the earlier one, other programs the later one.
            let is_same = earlier.as_bytes() == target;
            return if is_same {
                Ok(())
            } else {
                Err(bad("the archive has it twice, with different targets"))
            };
        }
        self.replace(path, &mut |builder| builder.symlink(path, target, attributes))?;
        if is_delayed(target) {
            self.note_delayed(path, &item.name);
        }
        Ok(())
    }

    fn special(
        &mut self,
        path: &EntryPath,
        kind: SpecialKind,
        attributes: &EntryAttributes,
    ) -> io::Result<()> {
        self.replace(path, &mut |builder| builder.special(path, kind, attributes))
    }

    /// Links an entry to an earlier one, which gives it everything else.
    fn hard_link(&mut self, path: &EntryPath, item: &Item) -> io::Result<()> {
        let link = item.link.as_slice();
        let missing = || bad(format!("the archive has no entry {} before it", String::from_utf8_lossy(link)));
        let outside = || bad("it is a hard link to outside of the tree");
        let earlier = path_of(link, self.prefix).ok().flatten().ok_or_else(outside)?;
        if earlier == EntryPath::root() {
            return Err(outside());
        }
        if link.ends_with(b"/") || names_directory(link) {
            return Err(bad("it is a hard link to a directory"));
        }
        let source = self.builder.look(&earlier).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(),
            _ => error,
        })?;
        let is_delayed = self.delayed_target(&earlier)?.is_some();
        self.builder.make_above(path)?;
        if let Ok(there) = self.builder.look(path) {
            if there.inode == source.inode {
                return Ok(());
            }
            if is_delayed && self.delayed_target(path)?.is_some() {
                return Err(bad("the archive has it twice, with different targets"));
            }
        }
        if is_delayed {
            self.note_delayed(path, &item.name);
        }
        self.replace(path, &mut |builder| builder.hard_link(path, &earlier))
    }

    /// Notes that GNU tar makes the symlink at `path` last, and sets the attributes of the
    /// directories above it after that.
    fn note_delayed(&mut self, path: &EntryPath, name: &[u8]) {
        // With a prefix, the first of them is the prefix.
        let mut spelled = spelled_directories(name).into_iter().rev();
        let mut at = path.split().map(|(above, _)| above);
        while let Some((directory, spelled)) = at.take_if(|at| *at != EntryPath::root()).zip(spelled.next()) {
            at = directory.split().map(|(above, _)| above);
            self.spelled.entry(directory).or_insert_with(|| spelled.to_vec());
        }
    }

    /// Returns where the symlink at `path` leads if GNU tar makes it last of all.
    fn delayed_target(&mut self, path: &EntryPath) -> io::Result<Option<CString>> {
        Ok(self.builder.target(path)?.filter(|target| is_delayed(target.to_bytes())))
    }

    /// Makes an entry by `make`, in place of what is there.
    fn replace<T>(
        &mut self,
        path: &EntryPath,
        make: &mut dyn FnMut(&mut TreeBuilder) -> io::Result<T>,
    ) -> io::Result<T> {
        self.builder.make_above(path)?;
        match make(&mut self.builder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.clear(path)?;
                make(&mut self.builder)
            }
            other => other,
        }
    }

    fn clear(&mut self, path: &EntryPath) -> io::Result<()> {
        let there = self.builder.look(path)?;
        // GNU tar would link the other names to what comes now.
        if there.links > 1 && there.kind != FileType::Directory && self.delayed_target(path)?.is_some() {
            return Err(bad("it replaces a symlink that the archive has under several names"));
        }
        self.builder.remove(path, there.kind).map_err(|error| match error.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
                bad("the archive has a directory of its name, which is not empty")
            }
            _ => error,
        })?;
        self.directories.remove(path);
        Ok(())
    }

    /// Gives the directories their attributes.
    pub(super) fn finish(self) -> Result<ArchiveStats, ExtractError> {
        let left_out = self
            .builder
            .finish()
            .map_err(|(path, error)| ExtractError::entry(path.to_string().as_bytes(), error))?;
        Ok(ArchiveStats {
            labels: self.stats.labels + left_out.labels,
            attributes: self.stats.attributes + left_out.attributes,
            first_attribute: self.stats.first_attribute.or(left_out.first_attribute),
            ..self.stats
        })
    }
}
