//! Copying records into the log and back. The way back names no table of this program's schema: it
//! makes the tables of the log's schema, so that the later steps of `migrations/` find what they
//! expect.

use redb::{ReadableTable as _, TableDefinition, TableHandle as _, WriteTransaction};

use super::change::{Blob, LoggedChange, LoggedKey, LoggedValue};
use super::records::LoggedRecords;
use super::snapshot::SnapshotWriter;
use crate::store::error::StoreError;
use crate::store::rename;
use crate::store::rows::{Rows, with_table};
use crate::store::tables::{
    BINDINGS, BRANCHES, COMMITS, CONFIG, JOURNAL, LINKS, META, OPERATIONS, REMOTES, STATE, TAGS, TRACKING,
    UPSTREAMS, VOLUMES,
};

/// A key that can be copied into the log.
pub(in crate::store) trait CopiedKey: redb::Key + 'static {
    /// Copies a key.
    fn copy(key: &Self::SelfType<'_>) -> LoggedKey;
}

impl CopiedKey for &'static str {
    fn copy(key: &Self::SelfType<'_>) -> LoggedKey {
        LoggedKey::Name((*key).to_owned())
    }
}

impl CopiedKey for (&'static str, &'static str) {
    fn copy((owner, name): &Self::SelfType<'_>) -> LoggedKey {
        LoggedKey::Owned((*owner).to_owned(), (*name).to_owned())
    }
}

impl CopiedKey for u64 {
    fn copy(key: &Self::SelfType<'_>) -> LoggedKey {
        LoggedKey::Number(*key)
    }
}

impl CopiedKey for (&'static str, u64) {
    fn copy((owner, number): &Self::SelfType<'_>) -> LoggedKey {
        LoggedKey::OwnedNumber((*owner).to_owned(), *number)
    }
}

/// A value that can be copied into the log.
trait CopiedValue: redb::Value + 'static {
    /// Copies a value.
    fn copy(value: &Self::SelfType<'_>) -> LoggedValue;
}

impl CopiedValue for &'static [u8] {
    fn copy(value: &Self::SelfType<'_>) -> LoggedValue {
        LoggedValue::Record(Blob(value.to_vec()))
    }
}

impl CopiedValue for &'static str {
    fn copy(value: &Self::SelfType<'_>) -> LoggedValue {
        LoggedValue::Text((*value).to_owned())
    }
}

impl CopiedValue for u64 {
    fn copy(value: &Self::SelfType<'_>) -> LoggedValue {
        LoggedValue::Number(*value)
    }
}

/// Passes each row of a table to `found`.
fn dump<K: CopiedKey, V: CopiedValue>(
    rows: &Rows<'_>,
    definition: TableDefinition<'static, K, V>,
    found: &mut dyn FnMut(LoggedChange) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    with_table!(rows, definition, |table| {
        for row in table.iter().map_err(|e| rows.failed(e))? {
            let (key, value) = row.map_err(|e| rows.failed(e))?;
            let (key, value) = (K::copy(&key.value()), Some(V::copy(&value.value())));
            found(LoggedChange { table: definition.name().to_owned(), key, value })?;
        }
    });
    Ok(())
}

impl Rows<'_> {
    /// Writes all copied rows into a snapshot.
    pub(in crate::store) fn copy_all(&self, snapshot: &mut SnapshotWriter) -> Result<(), StoreError> {
        self.each_record(&mut |record| snapshot.push(&record))
    }

    /// Passes each copied row to `found`.
    pub(in crate::store) fn each_record(
        &self,
        found: &mut dyn FnMut(LoggedChange) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        dump(self, META, found)?;
        dump(self, STATE, found)?;
        dump(self, VOLUMES, found)?;
        dump(self, BRANCHES, found)?;
        dump(self, COMMITS, found)?;
        dump(self, TAGS, found)?;
        dump(self, BINDINGS, found)?;
        dump(self, CONFIG, found)?;
        dump(self, REMOTES, found)?;
        dump(self, LINKS, found)?;
        dump(self, TRACKING, found)?;
        dump(self, UPSTREAMS, found)?;
        dump(self, JOURNAL, found)?;
        dump(self, OPERATIONS, found)
    }
}

/// Returns whether a person can see one of these changes: those of the pool's numbers, the journal,
/// the operation log and the mounts do not count.
pub(in crate::store) fn are_visible(changes: &[LoggedChange]) -> bool {
    let hidden = [META.name(), BINDINGS.name(), JOURNAL.name(), OPERATIONS.name()];
    let is_visible = |table: &str| !hidden.contains(&table) && !rename::moves_operations(table);
    changes.iter().any(|change| is_visible(&change.table))
}

/// Inserts the records into their tables.
pub(in crate::store) fn restore(
    transaction: &WriteTransaction,
    records: &LoggedRecords,
) -> Result<(), redb::Error> {
    for ((table, key), value) in &records.rows {
        match (key, value) {
            (LoggedKey::Name(key), LoggedValue::Record(value)) => {
                let definition = TableDefinition::<&str, &[u8]>::new(table);
                transaction.open_table(definition)?.insert(key.as_str(), value.0.as_slice())?;
            }
            (LoggedKey::Name(key), LoggedValue::Text(value)) => {
                let definition = TableDefinition::<&str, &str>::new(table);
                transaction.open_table(definition)?.insert(key.as_str(), value.as_str())?;
            }
            (LoggedKey::Name(key), LoggedValue::Number(value)) => {
                let definition = TableDefinition::<&str, u64>::new(table);
                transaction.open_table(definition)?.insert(key.as_str(), *value)?;
            }
            (LoggedKey::Owned(owner, key), LoggedValue::Record(value)) => {
                let definition = TableDefinition::<(&str, &str), &[u8]>::new(table);
                transaction
                    .open_table(definition)?
                    .insert((owner.as_str(), key.as_str()), value.0.as_slice())?;
            }
            (LoggedKey::Owned(owner, key), LoggedValue::Text(value)) => {
                let definition = TableDefinition::<(&str, &str), &str>::new(table);
                transaction.open_table(definition)?.insert((owner.as_str(), key.as_str()), value.as_str())?;
            }
            (LoggedKey::Number(key), LoggedValue::Record(value)) => {
                let definition = TableDefinition::<u64, &[u8]>::new(table);
                transaction.open_table(definition)?.insert(*key, value.0.as_slice())?;
            }
            (LoggedKey::OwnedNumber(owner, key), LoggedValue::Record(value)) => {
                let definition = TableDefinition::<(&str, u64), &[u8]>::new(table);
                transaction.open_table(definition)?.insert((owner.as_str(), *key), value.0.as_slice())?;
            }
            // No table has such rows, so no dvol wrote this.
            _ => {}
        }
    }
    Ok(())
}
