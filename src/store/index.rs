//! The rows of stat indexes: one record for each working tree, one row for each piece of its directories, and beside
//! each commit the paths that it changed.

use std::collections::BTreeSet;

use redb::{ReadableTable as _, TableHandle as _};

use super::codec::encode;
use super::error::StoreError;
use super::rows::{Rows, Transaction, with_table};
use super::tables::{BRANCHES, CHANGED, COMMITS, INDEX, INDEX_DIRECTORIES};
use super::write::Writer;
use crate::model::{BranchName, CommitId, TreeIndexRecord, VolumeName};
use crate::sys::spool::{Records, Spool};

/// What a directory of a page weighs beside its hashes and its path, in bytes.
const OVERHEAD: usize = 256;

/// Some directories of an index that follow each other.
#[derive(Debug, Default)]
pub struct IndexPage {
    /// The key of each, and its hashes, in the order of keys.
    pub directories: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether none follows.
    pub is_last: bool,
    /// About how many bytes of memory it takes.
    pub weight: usize,
}

/// A row of an index: the directory's key, its piece, and the hashes.
type Piece = (Vec<u8>, u32, Vec<u8>);

/// What becomes of the rows of one directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexChange {
    /// A piece comes to those that there are.
    More,
    /// They go, and those of all directories beneath it.
    Nothing,
    /// They go.
    NothingOfIt,
}

const MORE: u32 = IndexChange::More as u32;
const NOTHING: u32 = IndexChange::Nothing as u32;

/// The key of a change in a spool of changes to an index.
pub fn change_key(change: IndexChange, directory: &[u8]) -> Vec<u8> {
    piece_key(directory, change as u32)
}

/// The key of a piece in a spool of an index.
pub fn piece_key(directory: &[u8], piece: u32) -> Vec<u8> {
    [&piece.to_le_bytes(), directory].concat()
}

impl Rows<'_> {
    /// The index of a branch's working tree.
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

    /// The directories of that index from the one with the key `first` on: whole ones, until they weigh `enough` bytes.
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
                    page.weight += directory.len() + OVERHEAD;
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

    /// The paths that may differ between a commit and its parent; none if that is not known.
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

/// The rows of a stat index that are of nothing any more.
#[derive(Default)]
struct Stale {
    trees: BTreeSet<(String, String)>,
    commits: BTreeSet<(String, String)>,
}

impl Rows<'_> {
    fn find_stale(&self) -> Result<Stale, StoreError> {
        let mut stale = Stale::default();
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
            // One row of each tree is enough: the next one that is asked for is behind all of its rows.
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

    /// How many trees and commits that are gone the stat index still knows.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn stale_index(&self) -> Result<usize, StoreError> {
        self.find_stale().map(|stale| stale.trees.len() + stale.commits.len())
    }
}

fn owned((volume, name): (&str, &str)) -> (String, String) {
    (volume.to_owned(), name.to_owned())
}

impl Writer<'_> {
    /// Forgets what the stat index knows of trees and commits that are gone.
    ///
    /// # Errors
    /// When the database fails.
    pub fn forget_stale_index(&self) -> Result<(), StoreError> {
        let stale = self.find_stale()?;
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

    /// Replaces the index of a branch's working tree by the record and by pieces in the order of their keys; none forgets
    /// it. What is as it was is not written again.
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
        // The range of one branch ends where a name that cannot be begins.
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

    /// Changes the index of a branch's working tree, in the order of the spool. If it is not `before` any more, it is forgotten.
    ///
    /// # Errors
    /// When the database fails, or the changes cannot be read.
    pub fn change_tree_index(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        (before, after): (&TreeIndexRecord, &TreeIndexRecord),
        changes: &mut Spool,
    ) -> Result<(), StoreError> {
        if self.tree_index(volume, branch)?.as_ref() != Some(before) {
            return self.set_tree_index(volume, branch, None);
        }
        let (volume, branch) = (volume.as_str(), branch.as_str());
        let mut rows = self.transaction.open_table(INDEX_DIRECTORIES).map_err(|e| self.failed(e))?;
        let failed = |error| self.failed(redb::Error::Io(error));
        let mut changes = changes.records().map_err(failed)?;
        while let Some((directory, change, hashes)) = take(&mut changes).map_err(failed)? {
            // All keys of what is beneath it begin with it and a zero.
            let beneath = [&directory[..], &[1]].concat();
            let own = (volume, branch, &directory[..], 0)..=(volume, branch, &directory[..], u32::MAX);
            let all = (volume, branch, &directory[..], 0)..(volume, branch, &beneath[..], 0);
            match change {
                MORE => {
                    let last =
                        rows.range::<(&str, &str, &[u8], u32)>(own).map_err(|e| self.failed(e))?.next_back();
                    let last = last.transpose().map_err(|e| self.failed(e))?;
                    let piece = last.map_or(0, |(key, _)| key.value().3 + 1);
                    let key = (volume, branch, &directory[..], piece);
                    rows.insert(key, hashes.as_slice()).map_err(|e| self.failed(e))?;
                }
                NOTHING => rows
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

    /// Writes down the paths that may differ between a commit and its parent; none forgets them.
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

fn take(pieces: &mut Records<'_>) -> std::io::Result<Option<Piece>> {
    let Some((key, hashes)) = pieces.take()? else { return Ok(None) };
    let (piece, directory) = key.split_first_chunk().ok_or(std::io::ErrorKind::InvalidData)?;
    Ok(Some((directory.to_vec(), u32::from_le_bytes(*piece), hashes)))
}
