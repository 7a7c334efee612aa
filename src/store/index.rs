//! The rows of the stat index.
//!
//! ```text
//! table              key                                  value
//! index              volume, branch                       TreeIndexRecord
//! index_directories  volume, branch, directory, piece     hashes of entries, 16 bytes each
//! changed            volume, commit                       paths, each ended by a 0
//! ```
//!
//! * `index` says which commit the working tree's entries equal, and up to which times entries can
//!   be trusted.
//! * `index_directories` has the entries. A directory is its path relative to the working tree with
//!   0 in place of each `/`, so that rows stand in the order of a walk; the root is empty. A piece
//!   holds at most 4,096 entries; pieces are numbered from 0, and an update may append one. An
//!   entry is 128 bits of BLAKE3 over its name and its attributes (`sys::tree::scan_tree`).
//! * `changed` has the paths that may differ between a commit and its parent, so that an index of
//!   one commit serves for another. A commit without a row may differ in every path.
//!
//! No row is copied into the second copy: without them every entry counts as changed, which costs
//! only time.

use std::collections::BTreeSet;

use redb::{ReadableTable as _, TableHandle as _};

use super::codec::encode;
use super::error::StoreError;
use super::rows::{Rows, with_table};
use super::tables::{BRANCHES, CHANGED, COMMITS, INDEX, INDEX_DIRECTORIES};
use super::write::Writer;
use crate::model::{BranchName, CommitId, TreeIndexRecord, VolumeName};
use crate::sys::spool::{Records, Spool};

/// How much memory a directory of a page takes beside its hashes and its path, in bytes.
const OVERHEAD_BYTES: usize = 256;

/// Consecutive directories of an index.
#[derive(Debug, Default)]
pub struct IndexPage {
    /// Each directory's key and its hashes, in the order of keys.
    pub directories: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether no directory follows.
    pub is_last: bool,
    /// How much memory the page takes, about, in bytes.
    pub weight: usize,
}

/// A row of an index: the directory's key, the number of the piece, and the hashes.
type Piece = (Vec<u8>, u32, Vec<u8>);

/// A change of the rows of one directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexChange {
    /// Append a piece.
    AppendPiece,
    /// Delete the directory's pieces, and those of all directories below it.
    DeleteBelow,
    /// Delete the directory's pieces.
    DeletePieces,
}

const APPEND_PIECE: u32 = IndexChange::AppendPiece as u32;
const DELETE_BELOW: u32 = IndexChange::DeleteBelow as u32;

/// Returns the key of a change in a spool of changes.
pub fn change_key(change: IndexChange, directory: &[u8]) -> Vec<u8> {
    piece_key(directory, change as u32)
}

/// Returns the key of a piece in a spool of pieces.
pub fn piece_key(directory: &[u8], piece: u32) -> Vec<u8> {
    [&piece.to_le_bytes(), directory].concat()
}

impl Rows<'_> {
    /// Returns the record of the index of a branch's working tree.
    ///
    /// # Errors
    /// When the database or the record cannot be read.
    pub fn tree_index(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
    ) -> Result<Option<TreeIndexRecord>, StoreError> {
        self.get(INDEX, (volume.as_str(), branch.as_str()))
    }

    /// Reads whole directories of an index, beginning with the key `first`, until they take more
    /// than `enough` bytes of memory.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn tree_index_page(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        first: &[u8],
        enough: usize,
    ) -> Result<IndexPage, StoreError> {
        let start = (volume.as_str(), branch.as_str(), first, 0);
        let mut page = IndexPage { is_last: true, ..IndexPage::default() };
        with_table!(self, INDEX_DIRECTORIES, |table| {
            for row in table.range::<(&str, &str, &[u8], u32)>(start..).map_err(|e| self.failed(e))? {
                let (key, value) = row.map_err(|e| self.failed(e))?;
                let (of_volume, of_branch, directory, _) = key.value();
                if (of_volume, of_branch) != (volume.as_str(), branch.as_str()) {
                    break;
                }
                let hashes = value.value();
                let is_next = page.directories.last().is_none_or(|(last, _)| last != directory);
                if is_next && page.weight > enough {
                    page.is_last = false;
                    break;
                }
                if is_next {
                    page.weight += directory.len() + OVERHEAD_BYTES;
                    page.directories.push((directory.to_vec(), Vec::new()));
                }
                page.weight += hashes.len();
                if let Some((_, known)) = page.directories.last_mut() {
                    known.extend_from_slice(hashes);
                }
            }
        });
        Ok(page)
    }

    /// Returns the paths that may differ between a commit and its parent, or `None` if they are not
    /// known.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn changed(&self, volume: &VolumeName, commit: &CommitId) -> Result<Option<Vec<u8>>, StoreError> {
        with_table!(self, CHANGED, |table| {
            let row = table.get((volume.as_str(), commit.as_str())).map_err(|e| self.failed(e))?;
            Ok(row.map(|value| value.value().to_vec()))
        })
    }
}

/// Working trees and commits that have no record but still have rows. Each is its volume's name and
/// its own.
#[derive(Debug, Default)]
pub struct StaleIndex {
    /// Working trees, by their branch.
    pub trees: BTreeSet<(String, String)>,
    /// Commits, by their id. Trash may hold them.
    pub commits: BTreeSet<(String, String)>,
}

impl StaleIndex {
    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.trees.len() + self.commits.len()
    }
}

impl Rows<'_> {
    /// Finds the working trees and commits that have rows here and no record.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn stale_index(&self) -> Result<StaleIndex, StoreError> {
        let mut stale = StaleIndex::default();
        let (mut branches, mut commits) = (BTreeSet::new(), BTreeSet::new());
        with_table!(self, BRANCHES, |table| {
            for row in table.iter().map_err(|e| self.failed(e))? {
                let (volume, name) = owned(row.map_err(|e| self.failed(e))?.0.value());
                branches.insert((volume, name));
            }
        });
        with_table!(self, COMMITS, |table| {
            for row in table.iter().map_err(|e| self.failed(e))? {
                commits.insert(owned(row.map_err(|e| self.failed(e))?.0.value()));
            }
        });
        with_table!(self, INDEX, |table| {
            for row in table.iter().map_err(|e| self.failed(e))? {
                stale.trees.insert(owned(row.map_err(|e| self.failed(e))?.0.value()));
            }
        });
        with_table!(self, INDEX_DIRECTORIES, |table| {
            // One row of each tree is enough: the next range begins after all rows of that tree.
            let mut next = (String::new(), String::new());
            while let Some(row) = table
                .range::<(&str, &str, &[u8], u32)>((next.0.as_str(), next.1.as_str(), &[][..], 0)..)
                .map_err(|e| self.failed(e))?
                .next()
            {
                let (key, _) = row.map_err(|e| self.failed(e))?;
                let (volume, branch, _, _) = key.value();
                stale.trees.insert(owned((volume, branch)));
                next = (volume.to_owned(), format!("{branch}\0"));
            }
        });
        with_table!(self, CHANGED, |table| {
            for row in table.iter().map_err(|e| self.failed(e))? {
                stale.commits.insert(owned(row.map_err(|e| self.failed(e))?.0.value()));
            }
        });
        stale.trees.retain(|tree| !branches.contains(tree));
        stale.commits.retain(|commit| !commits.contains(commit));
        Ok(stale)
    }
}

/// Copies a key.
fn owned((volume, name): (&str, &str)) -> (String, String) {
    (volume.to_owned(), name.to_owned())
}

impl Writer<'_> {
    /// Deletes the rows of these working trees and commits.
    ///
    /// # Errors
    /// When the database fails.
    pub fn forget_index(&self, stale: &StaleIndex) -> Result<(), StoreError> {
        let mut records = self.transaction.open_table(INDEX).map_err(|e| self.failed(e))?;
        let mut directories = self.transaction.open_table(INDEX_DIRECTORIES).map_err(|e| self.failed(e))?;
        for (volume, branch) in &stale.trees {
            let (volume, branch, end) = (volume.as_str(), branch.as_str(), format!("{branch}\0"));
            let range = (volume, branch, &[][..], 0)..(volume, end.as_str(), &[][..], 0);
            directories
                .retain_in::<(&str, &str, &[u8], u32), _>(range, |_, _| false)
                .map_err(|e| self.failed(e))?;
            records.remove((volume, branch)).map_err(|e| self.failed(e))?;
        }
        let mut changed = self.transaction.open_table(CHANGED).map_err(|e| self.failed(e))?;
        for (volume, commit) in &stale.commits {
            changed.remove((volume.as_str(), commit.as_str())).map_err(|e| self.failed(e))?;
        }
        Ok(())
    }

    /// Replaces the index of a branch's working tree by a record and by pieces in the order of
    /// their keys; `None` deletes the index. Pieces that stay as they are are not written again.
    ///
    /// # Errors
    /// When the database fails, or the pieces cannot be read.
    pub fn set_tree_index(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        index: Option<(&TreeIndexRecord, &mut Spool)>,
    ) -> Result<(), StoreError> {
        let (volume, branch) = (volume.as_str(), branch.as_str());
        let mut records = self.transaction.open_table(INDEX).map_err(|e| self.failed(e))?;
        let mut directories = self.transaction.open_table(INDEX_DIRECTORIES).map_err(|e| self.failed(e))?;
        // The rows of a branch end before those of this name, which no branch can have.
        let end = format!("{branch}\0");
        let range = (volume, branch, &[][..], 0)..(volume, end.as_str(), &[][..], 0);
        let Some((record, spool)) = index else {
            directories
                .retain_in::<(&str, &str, &[u8], u32), _>(range, |_, _| false)
                .map_err(|e| self.failed(e))?;
            records.remove((volume, branch)).map_err(|e| self.failed(e))?;
            return Ok(());
        };

        let mut pieces = spool.records().map_err(|e| self.failed(redb::Error::Io(e)))?;
        let mut next = take(&mut pieces);
        directories
            .retain_in::<(&str, &str, &[u8], u32), _>(range, |(_, _, directory, piece), hashes| {
                while let Ok(Some(row)) = &next
                    && (row.0.as_slice(), row.1) < (directory, piece)
                {
                    next = take(&mut pieces);
                }
                matches!(&next, Ok(Some(row)) if (row.0.as_slice(), row.1, row.2.as_slice()) == (directory, piece, hashes))
            })
            .map_err(|e| self.failed(e))?;
        next.map_err(|e| self.failed(redb::Error::Io(e)))?;
        let mut pieces = spool.records().map_err(|e| self.failed(redb::Error::Io(e)))?;
        while let Some((directory, piece, hashes)) =
            take(&mut pieces).map_err(|e| self.failed(redb::Error::Io(e)))?
        {
            let key = (volume, branch, directory.as_slice(), piece);
            if directories.get(key).map_err(|e| self.failed(e))?.is_none() {
                directories.insert(key, hashes.as_slice()).map_err(|e| self.failed(e))?;
            }
        }
        let bytes = encode(INDEX.name(), branch, record)?;
        records.insert((volume, branch), bytes.as_slice()).map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// Changes the index of a branch's working tree, in the order of the spool. Deletes the index
    /// if it is not `before` any more; without `before`, empties it first.
    ///
    /// # Errors
    /// When the database fails, or the changes cannot be read.
    pub fn change_tree_index(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        (before, after): (Option<&TreeIndexRecord>, &TreeIndexRecord),
        changes: &mut Spool,
    ) -> Result<(), StoreError> {
        match before {
            None => self.set_tree_index(volume, branch, None)?,
            Some(_) if self.tree_index(volume, branch)?.as_ref() == before => {}
            Some(_) => return self.set_tree_index(volume, branch, None),
        }
        let (volume, branch) = (volume.as_str(), branch.as_str());
        let mut rows = self.transaction.open_table(INDEX_DIRECTORIES).map_err(|e| self.failed(e))?;
        let failed = |error| self.failed(redb::Error::Io(error));
        let mut changes = changes.records().map_err(failed)?;
        while let Some((directory, change, hashes)) = take(&mut changes).map_err(failed)? {
            // The keys of all directories below begin with this key and a 0.
            let beneath = [&directory[..], &[1]].concat();
            let own = (volume, branch, &directory[..], 0)..=(volume, branch, &directory[..], u32::MAX);
            let all = (volume, branch, &directory[..], 0)..(volume, branch, &beneath[..], 0);
            match change {
                APPEND_PIECE => {
                    let last =
                        rows.range::<(&str, &str, &[u8], u32)>(own).map_err(|e| self.failed(e))?.next_back();
                    let last = last.transpose().map_err(|e| self.failed(e))?;
                    let piece = last.map_or(0, |(key, _)| key.value().3 + 1);
                    let key = (volume, branch, &directory[..], piece);
                    rows.insert(key, hashes.as_slice()).map_err(|e| self.failed(e))?;
                }
                DELETE_BELOW => rows
                    .retain_in::<(&str, &str, &[u8], u32), _>(all, |_, _| false)
                    .map_err(|e| self.failed(e))?,
                _ => rows
                    .retain_in::<(&str, &str, &[u8], u32), _>(own, |_, _| false)
                    .map_err(|e| self.failed(e))?,
            }
        }
        let mut records = self.transaction.open_table(INDEX).map_err(|e| self.failed(e))?;
        let bytes = encode(INDEX.name(), branch, after)?;
        records.insert((volume, branch), bytes.as_slice()).map_err(|e| self.failed(e))?;
        Ok(())
    }

    /// Stores the paths that may differ between a commit and its parent; `None` deletes them.
    ///
    /// # Errors
    /// When the database fails.
    pub fn set_changed(
        &self,
        volume: &VolumeName,
        commit: &CommitId,
        paths: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let mut table = self.transaction.open_table(CHANGED).map_err(|e| self.failed(e))?;
        let key = (volume.as_str(), commit.as_str());
        match paths {
            Some(paths) => table.insert(key, paths).map_err(|e| self.failed(e))?,
            None => table.remove(key).map_err(|e| self.failed(e))?,
        };
        Ok(())
    }
}

/// Takes the next piece out of a spool.
fn take(pieces: &mut Records<'_>) -> std::io::Result<Option<Piece>> {
    let Some((key, hashes)) = pieces.take()? else { return Ok(None) };
    let (piece, directory) = key.split_first_chunk().ok_or(std::io::ErrorKind::InvalidData)?;
    Ok(Some((directory.to_vec(), u32::from_le_bytes(*piece), hashes)))
}
