//! Looks at many records that decode no more of each than the look needs.

use std::collections::BinaryHeap;
use std::ops::Bound;

use redb::{ReadableTable, TableHandle as _};
use serde::Deserialize;

use super::codec::decode;
use super::error::StoreError;
use super::rows::{Rows, with_table};
use super::tables::{COMMITS, OPERATIONS};
use crate::model::{CommitId, Instant, Operation, OperationId, VolumeName};

/// What the order of a history, and a sum of sizes, need of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CommitGlance {
    /// Its id.
    pub id: CommitId,
    /// The commit before it.
    pub parent: Option<CommitId>,
    /// Time when it was made.
    pub date: Instant,
    /// Sum of the sizes of its files in bytes, if it is known.
    #[serde(default)]
    pub size: Option<u64>,
    /// Whether only the record is left.
    #[serde(default)]
    pub forgotten: bool,
}

/// What tells whose an operation is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OperationGlance {
    /// Its number.
    pub number: u64,
    /// Its id.
    pub id: OperationId,
    /// The volume that it worked on.
    pub volume: VolumeName,
    /// The volume that owns the branches, if `volume` is a worktree.
    #[serde(default)]
    pub worktree_of: Option<VolumeName>,
}

impl OperationGlance {
    /// Returns the volume whose branches, commits and tags the operation worked on.
    pub fn owner(&self) -> &VolumeName {
        self.worktree_of.as_ref().unwrap_or(&self.volume)
    }
}

impl Rows<'_> {
    /// Passes a glance at each commit of a volume to `each`, sorted by id.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn each_commit(
        &self,
        volume: &VolumeName,
        each: &mut dyn FnMut(CommitGlance),
    ) -> Result<(), StoreError> {
        self.debug_assert_owner(volume);
        with_table!(self, COMMITS, |table| {
            for row in table.range::<(&str, &str)>((volume.as_str(), "")..).map_err(|e| self.failed(e))? {
                let (key, value) = row.map_err(|e| self.failed(e))?;
                let (owner, id) = key.value();
                if owner != volume.as_str() {
                    break;
                }
                each(decode(COMMITS.name(), id, value.value())?);
            }
            Ok(())
        })
    }

    /// Passes a glance at each operation that is done to `each`.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn each_done_operation(&self, each: &mut dyn FnMut(OperationGlance)) -> Result<(), StoreError> {
        with_table!(self, OPERATIONS, |table| {
            for row in table.iter().map_err(|e| self.failed(e))? {
                let (key, value) = row.map_err(|e| self.failed(e))?;
                each(decode(OPERATIONS.name(), &key.value().1.to_string(), value.value())?);
            }
            Ok(())
        })
    }

    /// Lists the newest `most` operations of the whole pool that are done, newest first.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn newest_operations(&self, most: usize) -> Result<Vec<Operation>, StoreError> {
        let mut newest = BinaryHeap::new();
        for volume in self.logged_volumes()? {
            newest.extend(self.number_before(&volume, u64::MAX)?.map(|number| (number, volume)));
        }
        let mut found = Vec::new();
        while found.len() < most
            && let Some((number, volume)) = newest.pop()
        {
            found.extend(self.operation(&volume, number)?);
            newest.extend(self.number_before(&volume, number)?.map(|number| (number, volume)));
        }
        Ok(found)
    }

    /// Returns the number of the last operation on a volume before that of `number`.
    fn number_before(&self, volume: &VolumeName, number: u64) -> Result<Option<u64>, StoreError> {
        with_table!(self, OPERATIONS, |table| {
            let range = (Bound::Included((volume.as_str(), 0)), Bound::Excluded((volume.as_str(), number)));
            let last = table.range::<(&str, u64)>(range).map_err(|e| self.failed(e))?.next_back();
            let last = last.transpose().map_err(|e| self.failed(e))?;
            Ok(last.map(|(key, _)| key.value().1))
        })
    }
}
