//! Records on their way to the second copy and back. The way back knows no table of this schema: it makes those of the
//! schema that the copy is of, so that the later steps of `migrations/` find what they expect.

use redb::{ReadableTable as _, TableDefinition, TableHandle as _, WriteTransaction};

use super::log::{Bytes, Change, Key, Records, Value};
use super::snapshot::SnapshotWriter;
use crate::store::error::StoreError;
use crate::store::rows::{Rows, Transaction, with_table};
use crate::store::tables::{
    BINDINGS, BRANCHES, COMMITS, CONFIG, JOURNAL, META, OPERATIONS, STATE, TAGS, VOLUMES,
};

/// A key that is copied.
pub(in crate::store) trait Copied: redb::Key + 'static {
    fn copy(key: &Self::SelfType<'_>) -> Key;
}

impl Copied for &'static str {
    fn copy(key: &Self::SelfType<'_>) -> Key {
        Key::Name((*key).to_owned())
    }
}

impl Copied for (&'static str, &'static str) {
    fn copy((owner, name): &Self::SelfType<'_>) -> Key {
        Key::Owned((*owner).to_owned(), (*name).to_owned())
    }
}

impl Copied for u64 {
    fn copy(key: &Self::SelfType<'_>) -> Key {
        Key::Number(*key)
    }
}

impl Copied for (&'static str, u64) {
    fn copy((owner, number): &Self::SelfType<'_>) -> Key {
        Key::OwnedNumber((*owner).to_owned(), *number)
    }
}

/// A value that is copied.
trait CopiedValue: redb::Value + 'static {
    fn copy(value: &Self::SelfType<'_>) -> Value;
}

impl CopiedValue for &'static [u8] {
    fn copy(value: &Self::SelfType<'_>) -> Value {
        Value::Record(Bytes(value.to_vec()))
    }
}

impl CopiedValue for &'static str {
    fn copy(value: &Self::SelfType<'_>) -> Value {
        Value::Text((*value).to_owned())
    }
}

impl CopiedValue for u64 {
    fn copy(value: &Self::SelfType<'_>) -> Value {
        Value::Number(*value)
    }
}

fn dump<K: Copied, V: CopiedValue>(
    rows: &Rows<'_>,
    definition: TableDefinition<'static, K, V>,
    found: &mut dyn FnMut(Change) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    with_table!(rows, definition, |table| {
        for row in table.iter().map_err(|e| rows.failed(e))? {
            let (key, value) = row.map_err(|e| rows.failed(e))?;
            let (key, value) = (K::copy(&key.value()), Some(V::copy(&value.value())));
            found(Change { table: definition.name().to_owned(), key, value })?;
        }
    });
    Ok(())
}

impl Rows<'_> {
    /// Writes all records that are copied into the copy.
    pub(in crate::store) fn copy_all(&self, whole: &mut SnapshotWriter) -> Result<(), StoreError> {
        self.each_record(&mut |record| whole.push(&record))
    }

    /// Tells `found` of each of them.
    pub(in crate::store) fn each_record(
        &self,
        found: &mut dyn FnMut(Change) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        dump(self, META, found)?;
        dump(self, STATE, found)?;
        dump(self, VOLUMES, found)?;
        dump(self, BRANCHES, found)?;
        dump(self, COMMITS, found)?;
        dump(self, TAGS, found)?;
        dump(self, BINDINGS, found)?;
        dump(self, CONFIG, found)?;
        dump(self, JOURNAL, found)?;
        dump(self, OPERATIONS, found)
    }
}

/// Whether these changes are ones that a person can see, beside the journal, the operation log and the bindings.
pub(in crate::store) fn are_visible(changes: &[Change]) -> bool {
    let names = [STATE.name(), VOLUMES.name(), BRANCHES.name(), COMMITS.name(), TAGS.name(), CONFIG.name()];
    changes.iter().any(|change| names.contains(&change.table.as_str()))
}

/// Puts the records into their tables.
pub(in crate::store) fn restore(
    transaction: &WriteTransaction,
    records: &Records,
) -> Result<(), redb::Error> {
    for ((table, key), value) in &records.rows {
        match (key, value) {
            (Key::Name(key), Value::Record(value)) => {
                let definition = TableDefinition::<&str, &[u8]>::new(table);
                transaction.open_table(definition)?.insert(key.as_str(), value.0.as_slice())?;
            }
            (Key::Name(key), Value::Text(value)) => {
                let definition = TableDefinition::<&str, &str>::new(table);
                transaction.open_table(definition)?.insert(key.as_str(), value.as_str())?;
            }
            (Key::Name(key), Value::Number(value)) => {
                let definition = TableDefinition::<&str, u64>::new(table);
                transaction.open_table(definition)?.insert(key.as_str(), *value)?;
            }
            (Key::Owned(owner, key), Value::Record(value)) => {
                let definition = TableDefinition::<(&str, &str), &[u8]>::new(table);
                transaction
                    .open_table(definition)?
                    .insert((owner.as_str(), key.as_str()), value.0.as_slice())?;
            }
            (Key::Owned(owner, key), Value::Text(value)) => {
                let definition = TableDefinition::<(&str, &str), &str>::new(table);
                transaction.open_table(definition)?.insert((owner.as_str(), key.as_str()), value.as_str())?;
            }
            (Key::Number(key), Value::Record(value)) => {
                let definition = TableDefinition::<u64, &[u8]>::new(table);
                transaction.open_table(definition)?.insert(*key, value.0.as_slice())?;
            }
            (Key::OwnedNumber(owner, key), Value::Record(value)) => {
                let definition = TableDefinition::<(&str, u64), &[u8]>::new(table);
                transaction.open_table(definition)?.insert((owner.as_str(), *key), value.0.as_slice())?;
            }
            // No table has such rows: what wrote this was no dvol.
            _ => {}
        }
    }
    Ok(())
}
