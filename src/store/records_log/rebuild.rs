//! Looking at the whole of the database and its second copy, and making either anew from the other.

use std::collections::BTreeMap;
use std::path::Path;

use redb::{ReadableDatabase as _, TableHandle as _};

use super::log::{Key, Records, Value};
use crate::layout;
use crate::model::{Binding, BranchRecord, CommitRecord, Operation, TagRecord, VolumeRecord};
use crate::store::backend::State;
use crate::store::codec::decode;
use crate::store::error::StoreError;
use crate::store::guard::caught;
use crate::store::open::run_steps;
use crate::store::rows::{Rows, Transaction};
use crate::store::tables::{
    BINDINGS, BRANCHES, COMMITS, GENERATION_KEY, JOURNAL, META, NEXT_OPERATION_KEY, OPERATIONS, REBUILT_KEY,
    SCHEMA, STATE, TAGS, VOLUMES,
};
use crate::store::transaction::Store;
use crate::sys::disk;

/// What the second copy is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecondCopy {
    /// It holds what the database does, or is older and will be written anew with the next change.
    Good,
    /// A power cut had torn it; it was written anew.
    Mended,
    /// It cannot be relied on.
    Bad(String),
}

/// What a second copy would bring back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rebuildable {
    /// How many volumes.
    pub volumes: usize,
    /// How many commits.
    pub commits: usize,
    /// Whether all of the copy can be read.
    pub is_whole: bool,
}

impl Store {
    /// Reads all of the database: redb's own checks, each record, and whether the second copy says the same.
    ///
    /// # Errors
    /// When the database cannot be read; [`StoreError::is_damage`] says whether it must be rebuilt.
    pub fn examine(&self) -> Result<SecondCopy, StoreError> {
        if !self.is_there()? {
            return Ok(SecondCopy::Good);
        }
        let _guard = self.exclusive()?;
        let state = State::default();
        caught(|| {
            let mut database = self.open(&state)?;
            if !database.check_integrity().map_err(|e| self.failed("check", e))? {
                return Err(self.damaged("redb had to mend it"));
            }
            let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
            let rows = Rows { transaction: Transaction::Read(&transaction), path: &self.path };
            let mut records: BTreeMap<(String, Key), Value> = BTreeMap::new();
            rows.each_record(&mut |row| {
                records.extend(row.value.map(|value| ((row.table, row.key), value)));
                Ok(())
            })?;
            check_records(&records)?;
            let copy = self.backup.read()?;
            if copy.rows.is_empty() {
                return Ok(SecondCopy::Bad("it is missing".to_owned()));
            }
            let generation = rows.number(GENERATION_KEY)?;
            if copy.is_torn(generation) {
                self.backup.write_whole(crate::store::transaction::COPIED_SCHEMA, generation, |whole| {
                    rows.copy_all(whole)
                })?;
                return Ok(SecondCopy::Mended);
            }
            if !copy.is_whole {
                return Ok(SecondCopy::Bad("a part of it is damaged".to_owned()));
            }
            let is_same = copy.generation != generation || copy.rows == records;
            Ok(if is_same { SecondCopy::Good } else { SecondCopy::Bad("it says something else".to_owned()) })
        })
        .unwrap_or_else(|words| Err(self.damaged(format!("redb gave up: {words}"))))
    }

    /// What the second copy would bring back.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn rebuildable(&self) -> Result<Rebuildable, StoreError> {
        let copy = self.backup.read()?;
        let count = |name: &str| copy.rows.keys().filter(|(table, _)| table == name).count();
        Ok(Rebuildable {
            volumes: count(VOLUMES.name()),
            commits: count(COMMITS.name()),
            is_whole: copy.is_whole,
        })
    }

    /// Writes the second copy anew.
    ///
    /// # Errors
    /// When the database cannot be read or the copy cannot be written.
    pub fn renew_second_copy(&self) -> Result<(), StoreError> {
        let _guard = self.exclusive()?;
        let database = self.open(&State::default())?;
        let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
        let rows = Rows { transaction: Transaction::Read(&transaction), path: &self.path };
        let generation = rows.number(GENERATION_KEY)?;
        let schema = crate::store::transaction::COPIED_SCHEMA;
        self.backup.write_whole(schema, generation, |whole| rows.copy_all(whole))?;
        // Else each who opens the database would look at all of it.
        self.backup.mark(schema, generation);
        Ok(())
    }

    /// Makes the database anew from its second copy. What is in its place, and a copy of which not all could be read, go to lost+found.
    /// Can be repeated from wherever it stopped.
    ///
    /// # Errors
    /// When the copy cannot be read, or is of a later schema, or the database cannot be written.
    pub fn rebuild(&self) -> Result<Rebuildable, StoreError> {
        let _guard = self.exclusive()?;
        let found = self.rebuildable()?;
        let mut copy = self.backup.read()?;
        let schema = u64::from(copy.schema);
        if schema > SCHEMA {
            return Err(StoreError::Newer {
                path: self.backup.path().to_path_buf(),
                found: schema,
                known: SCHEMA,
            });
        }
        number(&mut copy);
        let fresh = self.fresh()?;
        let database = self.open_file(&fresh, &State::default())?;
        let made = || {
            run_steps(&database, 0, schema.max(1))?;
            let mut transaction = database.begin_write()?;
            transaction.set_quick_repair(true);
            super::copies::restore(&transaction, &copy)?;
            transaction.commit()?;
            run_steps(&database, schema.max(1), SCHEMA)
        };
        made().map_err(|e: redb::Error| self.failed("rebuild", e))?;
        drop(database);
        if self.path.exists() {
            disk::exchange(&fresh, &self.path)?;
            self.set_aside(&fresh)?;
        } else {
            disk::rename(&fresh, &self.path)?;
        }
        disk::sync_directory(&self.layout.private())?;
        // Only now, as all of this may have to be done once more.
        if !found.is_whole && self.backup.path().exists() {
            self.set_aside(self.backup.path())?;
        }
        Ok(found)
    }

    /// Moves a file to lost+found.
    fn set_aside(&self, path: &Path) -> Result<(), StoreError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.replace("metadata.new", "metadata.redb");
        disk::rename_to_free(path, &self.layout.lost_and_found(), layout::PRIVATE_MODE, &name)?;
        Ok(())
    }
}

/// Sees to it that the next transaction and the next operation have numbers of their own.
fn number(copy: &mut Records) {
    let used = copy.rows.keys().filter_map(|(_, key)| match key {
        Key::Number(number) | Key::OwnedNumber(_, number) => Some(*number),
        _ => None,
    });
    let next = used.max().map_or(1, |number| number + 1);
    let mut set = |key: &str, least: u64| {
        let place = (META.name().to_owned(), Key::Name(key.to_owned()));
        let known = match copy.rows.get(&place) {
            Some(Value::Number(number)) => *number,
            _ => 0,
        };
        copy.rows.insert(place, Value::Number(known.max(least)));
    };
    set(NEXT_OPERATION_KEY, next);
    set(GENERATION_KEY, copy.generation + 1);
    let rebuilt = (STATE.name().to_owned(), Key::Name(REBUILT_KEY.to_owned()));
    copy.rows.insert(rebuilt, Value::Text(String::new()));
}

/// Whether each record can be read.
fn check_records(records: &BTreeMap<(String, Key), Value>) -> Result<(), StoreError> {
    for ((table, key), value) in records {
        let Value::Record(bytes) = value else { continue };
        let key = format!("{key:?}");
        let name = table.as_str();
        macro_rules! can_be {
            ($record:ty) => {
                decode::<$record>(name, &key, &bytes.0).map(drop)?
            };
        }
        match name {
            name if name == VOLUMES.name() => can_be!(VolumeRecord),
            name if name == BRANCHES.name() => can_be!(BranchRecord),
            name if name == COMMITS.name() => can_be!(CommitRecord),
            name if name == TAGS.name() => can_be!(TagRecord),
            name if name == BINDINGS.name() => can_be!(Binding),
            name if name == JOURNAL.name() || name == OPERATIONS.name() => can_be!(Operation),
            _ => {}
        }
    }
    Ok(())
}
