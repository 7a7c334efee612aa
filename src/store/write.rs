//! Changing rows, in one write transaction.

use std::cell::RefCell;
use std::ops::Deref;
use std::path::Path;

use redb::{TableDefinition, TableHandle as _, WriteTransaction};
use serde::Serialize;

use super::codec::encode;
use super::error::StoreError;
use super::records_log::change::{Blob, LoggedChange, LoggedKey, LoggedValue};
use super::records_log::copies::CopiedKey;
use super::rows::{AnyTransaction, Rows};
use super::tables::{
    BINDINGS, BRANCHES, COMMITS, CONFIG, CURRENT_VOLUME_KEY, GENERATION_KEY, JOURNAL, META,
    NEXT_OPERATION_KEY, OPERATIONS, REBUILT_KEY, Record, STATE, TAGS, VOLUMES,
};
use crate::model::{Binding, BranchRecord, Operation, Row, RowChange, VolumeName};

/// A write transaction, which sees its own changes.
pub struct Writer<'t> {
    rows: Rows<'t>,
    pub(super) transaction: &'t WriteTransaction,
    /// The changes so far, for the second copy.
    changes: RefCell<Vec<LoggedChange>>,
}

impl<'t> Deref for Writer<'t> {
    type Target = Rows<'t>;

    fn deref(&self) -> &Rows<'t> {
        &self.rows
    }
}

impl<'t> Writer<'t> {
    pub(super) fn new(transaction: &'t WriteTransaction, path: &'t Path) -> Self {
        let rows = Rows { transaction: AnyTransaction::Write(transaction), path };
        Writer { rows, transaction, changes: RefCell::default() }
    }

    /// Notes a change for the second copy.
    pub(super) fn note(&self, table: &str, key: LoggedKey, value: Option<LoggedValue>) {
        self.changes.borrow_mut().push(LoggedChange { table: table.to_owned(), key, value });
    }

    /// Takes the changes noted so far.
    pub(super) fn take_changes(&self) -> Vec<LoggedChange> {
        self.changes.take()
    }

    /// Makes the error for a call of redb that failed.
    pub(super) fn failed(&self, error: impl Into<redb::Error>) -> StoreError {
        StoreError::of("write", self.rows.path, error)
    }

    /// Writes or deletes a record, and notes that for the second copy.
    pub(super) fn put<'k, K, T>(
        &self,
        definition: TableDefinition<'static, K, Record>,
        key: K::SelfType<'k>,
        record: Option<&T>,
    ) -> Result<(), StoreError>
    where
        K: CopiedKey,
        K::SelfType<'k>: std::fmt::Debug,
        T: Serialize,
    {
        let (name, copy) = (format!("{key:?}"), K::copy(&key));
        let mut table = self.transaction.open_table(definition).map_err(|e| self.failed(e))?;
        match record {
            Some(record) => {
                let bytes = encode(definition.name(), &name, record)?;
                table.insert(key, bytes.as_slice()).map_err(|e| self.failed(e))?;
                self.note(definition.name(), copy, Some(LoggedValue::Record(Blob(bytes))));
            }
            None => {
                table.remove(key).map_err(|e| self.failed(e))?;
                self.note(definition.name(), copy, None);
            }
        }
        Ok(())
    }

    /// Applies a change, after checking that the row is as it was when the change was planned. The
    /// current volume is not checked, because choosing it takes no volume's lock.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the row was changed since; and when the database fails.
    pub fn apply(&self, change: &RowChange) -> Result<(), StoreError> {
        let Some(row) = change.after.as_ref().or(change.before.as_ref()) else { return Ok(()) };
        let now = self.row_like(row)?;
        if now != change.before && !matches!(row, Row::CurrentVolume(_)) {
            return Err(StoreError::Conflict(describe(row)));
        }
        let goes = change.after.is_none();
        match row {
            Row::Volume(v) => {
                if goes {
                    self.unbind_all(&v.name)?;
                } else if change.before.is_none() {
                    // What is known of remotes is of an earlier volume of the name. A rename moves
                    // the rows only after this.
                    self.forget_remotes_of(&v.name)?;
                }
                self.put(VOLUMES, v.name.as_str(), (!goes).then_some(v))
            }
            Row::Branch(b) if goes => {
                self.set_tree_index(&b.volume, &b.name, None)?;
                if self.upstream(&b.volume, &b.name)?.is_some() {
                    self.unset_upstream(&b.volume, &b.name)?;
                }
                self.put(BRANCHES, (b.volume.as_str(), b.name.as_str()), None::<&BranchRecord>)
            }
            Row::Branch(b) => self.put(BRANCHES, (b.volume.as_str(), b.name.as_str()), (!goes).then_some(b)),
            Row::Commit(c) => self.put(COMMITS, (c.volume.as_str(), c.id.as_str()), (!goes).then_some(c)),
            Row::Tag(t) => self.put(TAGS, (t.volume.as_str(), t.name.as_str()), (!goes).then_some(t)),
            Row::CurrentVolume(name) => self.set_current_volume((!goes).then_some(name)),
            Row::Setting { volume, key, value } => {
                self.set_setting(Some(volume), key, (!goes).then_some(value.as_str()))
            }
        }
    }

    /// Chooses the current volume, or none.
    ///
    /// # Errors
    /// When the database fails; so for all methods here.
    pub fn set_current_volume(&self, name: Option<&VolumeName>) -> Result<(), StoreError> {
        self.set_word(CURRENT_VOLUME_KEY, name.map(VolumeName::as_str))
    }

    /// Notes whether the metadata was rebuilt, so that the disk may hold commits and branches that
    /// no record names.
    ///
    /// # Errors
    /// As [`Writer::set_current_volume`].
    pub fn set_rebuilt(&self, rebuilt: bool) -> Result<(), StoreError> {
        self.set_word(REBUILT_KEY, rebuilt.then_some(""))
    }

    fn set_word(&self, key: &str, word: Option<&str>) -> Result<(), StoreError> {
        let mut table = self.transaction.open_table(STATE).map_err(|e| self.failed(e))?;
        match word {
            Some(word) => table.insert(key, word).map_err(|e| self.failed(e))?,
            None => table.remove(key).map_err(|e| self.failed(e))?,
        };
        let value = word.map(|word| LoggedValue::Text(word.to_owned()));
        self.note(STATE.name(), LoggedKey::Name(key.to_owned()), value);
        Ok(())
    }

    /// Sets or unsets a setting of a volume, or of the whole pool.
    ///
    /// # Errors
    /// As [`Writer::set_current_volume`].
    pub fn set_setting(
        &self,
        volume: Option<&VolumeName>,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), StoreError> {
        let owner = volume.map_or("", VolumeName::as_str);
        let mut table = self.transaction.open_table(CONFIG).map_err(|e| self.failed(e))?;
        match value {
            Some(value) => table.insert((owner, key), value).map_err(|e| self.failed(e))?,
            None => table.remove((owner, key)).map_err(|e| self.failed(e))?,
        };
        let value = value.map(|value| LoggedValue::Text(value.to_owned()));
        self.note(CONFIG.name(), LoggedKey::Owned(owner.to_owned(), key.to_owned()), value);
        Ok(())
    }

    /// Records a mount, in place of an earlier one of the same id.
    ///
    /// # Errors
    /// As [`Writer::set_current_volume`].
    pub fn bind(&self, binding: &Binding) -> Result<(), StoreError> {
        self.put(BINDINGS, (binding.volume.as_str(), binding.id.as_str()), Some(binding))
    }

    /// Forgets a mount. Forgetting an unknown one is no error.
    ///
    /// # Errors
    /// As [`Writer::set_current_volume`].
    pub fn unbind(&self, volume: &VolumeName, id: &str) -> Result<(), StoreError> {
        self.put(BINDINGS, (volume.as_str(), id), None::<&Binding>)
    }

    /// Forgets all mounts of a volume that is removed.
    fn unbind_all(&self, volume: &VolumeName) -> Result<(), StoreError> {
        self.bindings(volume)?.iter().try_for_each(|binding| self.unbind(volume, &binding.id))
    }

    /// Hands out the number of the next operation.
    ///
    /// # Errors
    /// As [`Writer::set_current_volume`].
    pub fn next_operation(&self) -> Result<u64, StoreError> {
        let number = self.number(NEXT_OPERATION_KEY)?;
        self.set_number(NEXT_OPERATION_KEY, number + 1)?;
        Ok(number)
    }

    /// Counts this transaction, and returns its number.
    pub(super) fn next_generation(&self) -> Result<u64, StoreError> {
        let generation = self.number(GENERATION_KEY)? + 1;
        self.set_number(GENERATION_KEY, generation)?;
        Ok(generation)
    }

    fn set_number(&self, key: &str, number: u64) -> Result<(), StoreError> {
        let mut table = self.transaction.open_table(META).map_err(|e| self.failed(e))?;
        table.insert(key, number).map_err(|e| self.failed(e))?;
        self.note(META.name(), LoggedKey::Name(key.to_owned()), Some(LoggedValue::Number(number)));
        Ok(())
    }

    /// Writes an operation into the journal, in place of the entry of its number.
    ///
    /// # Errors
    /// As [`Writer::set_current_volume`].
    pub fn journal_put(&self, operation: &Operation) -> Result<(), StoreError> {
        self.put(JOURNAL, operation.number, Some(operation))
    }

    /// Removes an operation from the journal.
    ///
    /// # Errors
    /// As [`Writer::set_current_volume`].
    pub fn journal_remove(&self, number: u64) -> Result<(), StoreError> {
        self.put(JOURNAL, number, None::<&Operation>)
    }

    /// Writes a done operation into the operation log. If it renamed a volume, the volume's log
    /// moves to the new name; that of an earlier volume of the old name stays.
    ///
    /// # Errors
    /// As [`Writer::set_current_volume`].
    pub fn log_operation(&self, operation: &Operation) -> Result<(), StoreError> {
        let renamed = operation.plan.renames.as_ref().map(|renaming| renaming.to.clone());
        let leaves = operation.plan.changes.iter().any(|change| match (&change.before, &change.after) {
            (Some(Row::Volume(before)), None) => before.name == operation.volume,
            _ => false,
        });
        if let Some(name) = renamed.filter(|_| leaves) {
            self.rename_operations(&operation.volume, &name, operation.line)?;
            let operation = Operation { volume: name, ..operation.clone() };
            return self.put(OPERATIONS, (operation.volume.as_str(), operation.number), Some(&operation));
        }
        self.put(OPERATIONS, (operation.volume.as_str(), operation.number), Some(operation))
    }
}

impl Rows<'_> {
    /// Returns the row, as it is now, that `row` names.
    ///
    /// # Errors
    /// When the database or the record cannot be read.
    pub fn row_like(&self, row: &Row) -> Result<Option<Row>, StoreError> {
        Ok(match row {
            Row::Volume(v) => self.volume(&v.name)?.map(Row::Volume),
            Row::Branch(b) => self.branch(&b.volume, &b.name)?.map(Row::Branch),
            Row::Commit(c) => self.commit(&c.volume, &c.id)?.map(Row::Commit),
            Row::Tag(t) => self.tag(&t.volume, &t.name)?.map(Row::Tag),
            Row::CurrentVolume(_) => self.current_volume()?.map(Row::CurrentVolume),
            Row::Setting { volume, key, .. } => self.setting(Some(volume), key)?.map(|value| Row::Setting {
                volume: volume.clone(),
                key: key.clone(),
                value,
            }),
        })
    }
}

/// Names a row in an error.
fn describe(row: &Row) -> String {
    match row {
        Row::Volume(v) => format!("volume {}", v.name),
        Row::Branch(b) => format!("branch {}/{}", b.volume, b.name),
        Row::Commit(c) => format!("commit {} of {}", c.id, c.volume),
        Row::Tag(t) => format!("tag {}/{}", t.volume, t.name),
        Row::CurrentVolume(_) => "the current volume".to_owned(),
        Row::Setting { volume, key, .. } => format!("setting {key} of {volume}"),
    }
}
