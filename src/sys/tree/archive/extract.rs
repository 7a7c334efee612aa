//! Makes a tree from a tar archive: one that `ArchiveWriter` wrote, or any other.

use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::entries::{Entries, Item, ItemKind};
use super::error::ExtractError;
use super::new_tree::NewTree;
use super::write::ArchiveStats;

/// The caller's own file at the start of an archive is no longer than this, in bytes.
const TEXT_MAX: u64 = 1 << 20;

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
        let mut tree = NewTree::new(target, prefix, cancel)?;
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
        let stats = tree.finish()?;
        Ok(ArchiveStats { has_more: self.entries.has_more(), ..stats })
    }
}
