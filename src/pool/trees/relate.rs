//! Relates two commits by their checksums, where the metadata does not have the paths that the
//! commits between them changed.

use std::cmp::Ordering;
use std::io;
use std::path::Path;

use super::checksums::path_of;
use super::index::{CHANGED_PATHS_BYTES, Paths};
use crate::model::{CommitId, VolumeName};
use crate::pool::Pool;
use crate::store::ChecksumReader;
use crate::sys::disk;
use crate::sys::tree::EntrySums;

impl Pool {
    /// Collects the entries that may differ between the commits `one` and `other`, whose tree is
    /// `tree`. Returns `None` if one of them has no checksums that are whole, or too much differs.
    pub(super) fn differing_sums(
        &self,
        volume: &VolumeName,
        one: &CommitId,
        (other, tree): (&CommitId, &Path),
    ) -> Option<Paths> {
        let open = |id| ChecksumReader::open(&self.layout.checksums_of(volume, id)).ok().flatten();
        compare(open(one)?, open(other)?, tree).ok().flatten()
    }
}

fn compare(mut one: ChecksumReader, mut other: ChecksumReader, tree: &Path) -> io::Result<Option<Paths>> {
    let (mut paths, mut size) = (Paths::new(), 0);
    let (mut mine, mut theirs) = (one.next_entry()?, other.next_entry()?);
    loop {
        let order = match (&mine, &theirs) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(mine), Some(theirs)) => mine.key.cmp(&theirs.key),
        };
        let entry = if order.is_gt() { &theirs } else { &mine };
        if let Some(EntrySums { key, .. }) = entry
            && (order.is_ne() || mine != theirs || has_other_names(&tree.join(path_of(key))))
        {
            size += key.len();
            if size > CHANGED_PATHS_BYTES {
                return Ok(None);
            }
            let at = key.iter().rposition(|byte| *byte == 0);
            let (directory, name) = at.map_or((&[][..], &key[..]), |at| (&key[..at], &key[at + 1..]));
            let names = paths.entry(directory.to_vec()).or_default();
            std::sync::Arc::make_mut(names).insert(name.into());
        }
        if order.is_le() {
            mine = one.next_entry()?;
        }
        if order.is_ge() {
            theirs = other.next_entry()?;
        }
    }
    Ok(Some(paths))
}

/// Returns whether an entry of a commit has several names, which checksums do not tell. A path that
/// is too long counts as such.
fn has_other_names(path: &Path) -> bool {
    !matches!(disk::links(path), Ok(Some(1)))
}
