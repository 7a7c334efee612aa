//! The rows of stat indexes: one record for each working tree, and one row for each of its directories.

use redb::{ReadableTable as _, TableHandle as _};

use super::codec::encode;
use super::error::StoreError;
use super::rows::{Rows, Transaction, with_table};
use super::tables::{INDEX, INDEX_DIRECTORIES};
use super::write::Writer;
use crate::model::{BranchName, TreeIndexRecord, VolumeName};

/// The directories of an index: path in bytes, and marks.
pub type IndexDirectories = Vec<(Vec<u8>, Vec<u8>)>;

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

    /// The directories of that index.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn tree_index_directories(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
    ) -> Result<IndexDirectories, StoreError> {
        let start = (volume.as_str(), branch.as_str(), &[][..]);
        let found = with_table!(self, INDEX_DIRECTORIES, |table| {
            let mut found = Vec::new();
            for row in table.range::<(&str, &str, &[u8])>(start..).map_err(|e| self.failed(e))? {
                let (key, value) = row.map_err(|e| self.failed(e))?;
                let (of_volume, of_branch, path) = key.value();
                if (of_volume, of_branch) != (volume.as_str(), branch.as_str()) {
                    break;
                }
                found.push((path.to_vec(), value.value().to_vec()));
            }
            found
        });
        Ok(found)
    }
}

impl Writer<'_> {
    /// Replaces the index of a branch's working tree; none forgets it.
    ///
    /// # Errors
    /// When the database fails.
    pub fn set_tree_index(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        index: Option<(&TreeIndexRecord, &IndexDirectories)>,
    ) -> Result<(), StoreError> {
        let (volume, branch) = (volume.as_str(), branch.as_str());
        let mut records = self.transaction.open_table(INDEX).map_err(|e| self.failed(e))?;
        let mut directories = self.transaction.open_table(INDEX_DIRECTORIES).map_err(|e| self.failed(e))?;
        // The range of one branch ends where a name that cannot be begins.
        let end = format!("{branch}\0");
        directories
            .retain_in::<(&str, &str, &[u8]), _>(
                (volume, branch, &[][..])..(volume, end.as_str(), &[][..]),
                |_, _| false,
            )
            .map_err(|e| self.failed(e))?;
        let Some((record, entries)) = index else {
            records.remove((volume, branch)).map_err(|e| self.failed(e))?;
            return Ok(());
        };
        for (path, marks) in entries {
            directories
                .insert((volume, branch, path.as_slice()), marks.as_slice())
                .map_err(|e| self.failed(e))?;
        }
        let bytes = encode(INDEX.name(), branch, record)?;
        records.insert((volume, branch), bytes.as_slice()).map_err(|e| self.failed(e))?;
        Ok(())
    }
}
