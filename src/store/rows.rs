//! Reading rows, in a transaction of either kind.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::ops::Bound;
use std::path::Path;

use redb::{Key, ReadTransaction, ReadableTable, TableDefinition, TableHandle as _, WriteTransaction};
use serde::de::DeserializeOwned;

use super::codec::decode;
use super::error::StoreError;
use super::tables::{
    BINDINGS, BRANCHES, COMMITS, CONFIG, CURRENT_VOLUME_KEY, JOURNAL, META, OPERATIONS, Owned, REBUILT_KEY,
    Record, STATE, TAGS, VOLUMES,
};
use crate::model::{
    Binding, BranchName, BranchRecord, CommitId, CommitRecord, Operation, TagName, TagRecord, VolumeName,
    VolumeRecord,
};

/// A transaction for reading or for writing.
#[derive(Clone, Copy)]
pub(super) enum AnyTransaction<'t> {
    Read(&'t ReadTransaction),
    Write(&'t WriteTransaction),
}

/// The rows as one transaction sees them.
#[derive(Clone, Copy)]
pub struct Rows<'t> {
    pub(super) transaction: AnyTransaction<'t>,
    pub(super) path: &'t Path,
}

/// Opens `$table` in a transaction of either kind and runs `$body` on it.
macro_rules! with_table {
    ($rows:expr, $definition:expr, |$table:ident| $body:expr) => {
        match $rows.transaction {
            $crate::store::rows::AnyTransaction::Read(transaction) => {
                let $table = transaction.open_table($definition).map_err(|e| $rows.failed(e))?;
                $body
            }
            $crate::store::rows::AnyTransaction::Write(transaction) => {
                let $table = transaction.open_table($definition).map_err(|e| $rows.failed(e))?;
                $body
            }
        }
    };
}
pub(super) use with_table;

impl Rows<'_> {
    pub(super) fn failed(&self, error: impl Into<redb::Error>) -> StoreError {
        StoreError::of("read", self.path, error)
    }

    /// Reads one row.
    pub(super) fn get<'k, K, T>(
        &self,
        definition: TableDefinition<'static, K, Record>,
        key: K::SelfType<'k>,
    ) -> Result<Option<T>, StoreError>
    where
        K: Key + 'static,
        K::SelfType<'k>: Debug + Clone,
        T: DeserializeOwned,
    {
        let name = format!("{key:?}");
        with_table!(self, definition, |table| {
            let row = table.get(key).map_err(|e| self.failed(e))?;
            row.map(|value| decode(definition.name(), &name, value.value())).transpose()
        })
    }

    /// Reads at most `most` rows of one volume whose own key begins with `prefix`, in the order of
    /// their keys.
    fn of_volume<T: DeserializeOwned>(
        &self,
        definition: Owned<&'static str>,
        volume: &VolumeName,
        prefix: &str,
        most: usize,
    ) -> Result<Vec<T>, StoreError> {
        self.first_of(definition, volume.as_str(), prefix, most)
    }

    /// Reads the rows of a volume, or of none if `owner` is empty, whose own key begins with
    /// `prefix`, in the order of their keys.
    pub(super) fn of_owner<T: DeserializeOwned>(
        &self,
        definition: Owned<&'static str>,
        owner: &str,
        prefix: &str,
    ) -> Result<Vec<T>, StoreError> {
        self.first_of(definition, owner, prefix, usize::MAX)
    }

    fn first_of<T: DeserializeOwned>(
        &self,
        definition: Owned<&'static str>,
        wanted: &str,
        prefix: &str,
        most: usize,
    ) -> Result<Vec<T>, StoreError> {
        with_table!(self, definition, |table| {
            let start = Bound::Included((wanted, prefix));
            let mut found = Vec::new();
            let rows = table.range::<(&str, &str)>((start, Bound::Unbounded)).map_err(|e| self.failed(e))?;
            for row in rows {
                let (key, value) = row.map_err(|e| self.failed(e))?;
                let (owner, own) = key.value();
                if owner != wanted || !own.starts_with(prefix) || found.len() == most {
                    break;
                }
                found.push(decode(definition.name(), own, value.value())?);
            }
            Ok(found)
        })
    }

    /// Returns the record of a volume or worktree.
    ///
    /// # Errors
    /// When the database or the record cannot be read; so for all methods here.
    pub fn volume(&self, name: &VolumeName) -> Result<Option<VolumeRecord>, StoreError> {
        self.get(VOLUMES, name.as_str())
    }

    /// Lists the names of all volumes, without worktrees, sorted.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn owners(&self) -> Result<Vec<VolumeName>, StoreError> {
        let volumes = self.volumes()?.into_iter().filter(|record| !record.is_worktree());
        Ok(volumes.map(|record| record.name).collect())
    }

    /// Lists a volume and its worktrees, sorted by name.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn worktrees(&self, owner: &VolumeName) -> Result<Vec<VolumeRecord>, StoreError> {
        let mut found = self.volumes()?;
        found.retain(|record| record.owner() == owner);
        Ok(found)
    }

    /// Returns the volume that owns the branches, commits and tags of `name`: the volume that a
    /// worktree belongs to, else `name` itself.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn owner(&self, name: &VolumeName) -> Result<VolumeName, StoreError> {
        Ok(self.volume(name)?.and_then(|record| record.worktree_of).unwrap_or_else(|| name.clone()))
    }

    /// Checks in tests that `volume` is no worktree: that has no branches, commits and tags of its
    /// own.
    pub(super) fn debug_assert_owner(&self, volume: &VolumeName) {
        debug_assert!(
            !matches!(self.volume(volume), Ok(Some(record)) if record.is_worktree()),
            "worktree {volume} has no rows of its own: ask for those of its owner"
        );
    }

    /// Lists all volumes and worktrees, sorted by name.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn volumes(&self) -> Result<Vec<VolumeRecord>, StoreError> {
        with_table!(self, VOLUMES, |table| {
            let mut found = Vec::new();
            for row in table.iter().map_err(|e| self.failed(e))? {
                let (key, value) = row.map_err(|e| self.failed(e))?;
                found.push(decode(VOLUMES.name(), key.value(), value.value())?);
            }
            Ok(found)
        })
    }

    /// Returns the current volume, if one was chosen and still exists.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn current_volume(&self) -> Result<Option<VolumeName>, StoreError> {
        let name = with_table!(self, STATE, |table| {
            let row = table.get(CURRENT_VOLUME_KEY).map_err(|e| self.failed(e))?;
            row.map(|value| value.value().to_owned())
        });
        let Some(name) = name.and_then(|text| text.parse().ok()) else { return Ok(None) };
        Ok(self.volume(&name)?.map(|record| record.name))
    }

    /// Returns whether the metadata was rebuilt, so that the disk may hold commits and branches
    /// that no record names.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn is_rebuilt(&self) -> Result<bool, StoreError> {
        with_table!(self, STATE, |table| Ok(table.get(REBUILT_KEY).map_err(|e| self.failed(e))?.is_some()))
    }

    /// Returns the record of a branch.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn branch(&self, volume: &VolumeName, name: &BranchName) -> Result<Option<BranchRecord>, StoreError> {
        self.debug_assert_owner(volume);
        self.get(BRANCHES, (volume.as_str(), name.as_str()))
    }

    /// Lists the branches of a volume, sorted by name.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn branches(&self, volume: &VolumeName) -> Result<Vec<BranchRecord>, StoreError> {
        self.debug_assert_owner(volume);
        self.of_volume(BRANCHES, volume, "", usize::MAX)
    }

    /// Returns the record of a commit.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn commit(&self, volume: &VolumeName, id: &CommitId) -> Result<Option<CommitRecord>, StoreError> {
        self.debug_assert_owner(volume);
        self.get(COMMITS, (volume.as_str(), id.as_str()))
    }

    /// Lists the commits of a volume, sorted by id.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn commits(&self, volume: &VolumeName) -> Result<Vec<CommitRecord>, StoreError> {
        self.debug_assert_owner(volume);
        self.of_volume(COMMITS, volume, "", usize::MAX)
    }

    /// Lists the ids of the commits of a volume, sorted. Decodes no record.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn commit_ids(&self, volume: &VolumeName) -> Result<Vec<CommitId>, StoreError> {
        self.debug_assert_owner(volume);
        with_table!(self, COMMITS, |table| {
            let mut found = Vec::new();
            let rows = table.range::<(&str, &str)>((volume.as_str(), "")..).map_err(|e| self.failed(e))?;
            for row in rows {
                let (key, _) = row.map_err(|e| self.failed(e))?;
                let (owner, id) = key.value();
                if owner != volume.as_str() {
                    break;
                }
                found.extend(id.parse::<CommitId>().ok());
            }
            Ok(found)
        })
    }

    /// Lists the first `most` commits whose id begins with `prefix`, sorted by id.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn commits_like(
        &self,
        volume: &VolumeName,
        prefix: &str,
        most: usize,
    ) -> Result<Vec<CommitRecord>, StoreError> {
        self.debug_assert_owner(volume);
        self.of_volume(COMMITS, volume, prefix, most)
    }

    /// Returns the record of a tag.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn tag(&self, volume: &VolumeName, name: &TagName) -> Result<Option<TagRecord>, StoreError> {
        self.debug_assert_owner(volume);
        self.get(TAGS, (volume.as_str(), name.as_str()))
    }

    /// Lists the tags of a volume, sorted by name.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn tags(&self, volume: &VolumeName) -> Result<Vec<TagRecord>, StoreError> {
        self.debug_assert_owner(volume);
        self.of_volume(TAGS, volume, "", usize::MAX)
    }

    /// Lists the live mounts of a volume.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn bindings(&self, volume: &VolumeName) -> Result<Vec<Binding>, StoreError> {
        self.of_volume(BINDINGS, volume, "", usize::MAX)
    }

    /// Returns a setting of a volume; of the whole pool if `volume` is `None`.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn setting(&self, volume: Option<&VolumeName>, key: &str) -> Result<Option<String>, StoreError> {
        let owner = volume.map_or("", VolumeName::as_str);
        with_table!(self, CONFIG, |table| {
            let row = table.get((owner, key)).map_err(|e| self.failed(e))?;
            Ok(row.map(|value| value.value().to_owned()))
        })
    }

    /// Lists the settings of a volume, or of the whole pool, sorted by key.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn settings(&self, volume: Option<&VolumeName>) -> Result<Vec<(String, String)>, StoreError> {
        let owner = volume.map_or("", VolumeName::as_str);
        with_table!(self, CONFIG, |table| {
            let mut found = Vec::new();
            let rows = table.range::<(&str, &str)>((owner, "")..).map_err(|e| self.failed(e))?;
            for row in rows {
                let (key, value) = row.map_err(|e| self.failed(e))?;
                let (whose, key) = key.value();
                if whose != owner {
                    break;
                }
                found.push((key.to_owned(), value.value().to_owned()));
            }
            Ok(found)
        })
    }

    /// Lists the operations that are not done, oldest first.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn journal(&self) -> Result<Vec<Operation>, StoreError> {
        with_table!(self, JOURNAL, |table| {
            let mut found = Vec::new();
            for row in table.iter().map_err(|e| self.failed(e))? {
                let (key, value) = row.map_err(|e| self.failed(e))?;
                found.push(decode(JOURNAL.name(), &key.value().to_string(), value.value())?);
            }
            Ok(found)
        })
    }

    /// Returns an operation that is not done.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn journalled(&self, number: u64) -> Result<Option<Operation>, StoreError> {
        self.get(JOURNAL, number)
    }

    /// Lists the newest `most` operations on a volume that are done, newest first.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn operations(&self, volume: &VolumeName, most: usize) -> Result<Vec<Operation>, StoreError> {
        with_table!(self, OPERATIONS, |table| {
            let range = (volume.as_str(), 0)..=(volume.as_str(), u64::MAX);
            let mut found = Vec::new();
            for row in table.range::<(&str, u64)>(range).map_err(|e| self.failed(e))?.rev().take(most) {
                let (key, value) = row.map_err(|e| self.failed(e))?;
                found.push(decode(OPERATIONS.name(), &key.value().1.to_string(), value.value())?);
            }
            Ok(found)
        })
    }

    /// Lists the newest `most` operations on a volume and on each worktree that it has or had,
    /// newest first.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn operations_of_worktrees(
        &self,
        owner: &VolumeName,
        most: usize,
    ) -> Result<Vec<Operation>, StoreError> {
        let mut found = self.operations(owner, most)?;
        for name in self.logged_volumes()?.into_iter().filter(|name| name != owner) {
            let is_of_owner = |last: &Operation| last.owner() == owner;
            if self.operations(&name, 1)?.first().is_some_and(is_of_owner) {
                found.extend(self.operations(&name, most)?);
            }
        }
        found.sort_by_key(|operation| std::cmp::Reverse(operation.number));
        Ok(found)
    }

    /// Returns the number of the last operation that is done on a volume or on one of its
    /// worktrees.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn last_operation(&self, owner: &VolumeName) -> Result<Option<u64>, StoreError> {
        let mut last = None;
        for record in self.worktrees(owner)? {
            let own = self.operations(&record.name, 1)?;
            last = last.max(own.first().map(|operation| operation.number));
        }
        Ok(last)
    }

    /// Returns an operation on a volume that is done.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn operation(&self, volume: &VolumeName, number: u64) -> Result<Option<Operation>, StoreError> {
        self.get(OPERATIONS, (volume.as_str(), number))
    }

    /// Lists the volumes that the operation log knows, sorted. They need not exist any more.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn logged_volumes(&self) -> Result<Vec<VolumeName>, StoreError> {
        with_table!(self, OPERATIONS, |table| {
            let mut found: Vec<VolumeName> = Vec::new();
            let mut from = String::new();
            loop {
                let after = (Bound::Excluded((from.as_str(), u64::MAX)), Bound::Unbounded);
                let mut rows = table.range::<(&str, u64)>(after).map_err(|e| self.failed(e))?;
                let Some(row) = rows.next() else { return Ok(found) };
                let (key, _) = row.map_err(|e| self.failed(e))?;
                let name = key.value().0.to_owned();
                found.extend(name.parse::<VolumeName>().ok());
                from = name;
            }
        })
    }

    /// Collects the ids of all operations, done or not.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn operation_ids(&self) -> Result<BTreeSet<String>, StoreError> {
        let mut found = BTreeSet::new();
        self.each_operation(&mut |operation| {
            found.insert(operation.id.to_string());
        })?;
        Ok(found)
    }

    /// Passes each operation to `each`, done or not.
    ///
    /// # Errors
    /// As [`Rows::volume`].
    pub fn each_operation(&self, each: &mut dyn FnMut(Operation)) -> Result<(), StoreError> {
        self.journal()?.into_iter().for_each(&mut *each);
        with_table!(self, OPERATIONS, |table| {
            for row in table.iter().map_err(|e| self.failed(e))? {
                let (key, value) = row.map_err(|e| self.failed(e))?;
                let name = key.value().1.to_string();
                each(decode(OPERATIONS.name(), &name, value.value())?);
            }
        });
        Ok(())
    }

    /// Returns a number of the whole pool; 0 if it is not set.
    pub(super) fn number(&self, key: &str) -> Result<u64, StoreError> {
        with_table!(self, META, |table| {
            let row = table.get(key).map_err(|e| self.failed(e))?;
            Ok(row.map_or(0, |value| value.value()))
        })
    }
}
