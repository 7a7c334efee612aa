//! Comparing the whole database with its second copy, and making either from the other.

use std::collections::BTreeMap;
use std::path::Path;

use redb::{ReadableDatabase as _, TableHandle as _};

use super::change::{LoggedKey, LoggedValue};
use super::records::LoggedRecords;
use crate::layout;
use crate::model::{
    Binding, BranchRecord, CommitRecord, LinkRecord, Operation, RemoteRecord, TagRecord, TrackingRecord,
    UpstreamRecord, VolumeRecord,
};
use crate::store::backend::State;
use crate::store::codec::decode;
use crate::store::error::StoreError;
use crate::store::guard::caught;
use crate::store::metadata::Store;
use crate::store::rows::{AnyTransaction, Rows};
use crate::store::schema::run_steps;
use crate::store::tables::{
    BINDINGS, BRANCHES, COMMITS, GENERATION_KEY, JOURNAL, LINKS, LOG_SCHEMA, META, NEXT_OPERATION_KEY,
    OPERATIONS, REBUILT_KEY, REMOTES, SCHEMA, STATE, TAGS, TRACKING, UPSTREAMS, VOLUMES,
};
use crate::sys::disk;

/// The state of the second copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecondCopy {
    /// Equal to the database, or older; then the next change replaces it.
    Good,
    /// Torn by a power cut, and written again.
    Mended,
    /// Not to be trusted, for this reason.
    Bad(String),
}

/// The records that a second copy can restore.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rebuildable {
    /// Number of volumes.
    pub volumes: usize,
    /// Number of commits.
    pub commits: usize,
    /// Whether the whole copy can be read.
    pub is_whole: bool,
}

impl Store {
    /// Checks the whole database: redb's own checks, each record, and the second copy.
    ///
    /// # Errors
    /// When the database cannot be read; [`StoreError::is_damage`] tells whether it must be
    /// rebuilt.
    pub fn examine(&self) -> Result<SecondCopy, StoreError> {
        if !self.is_there()? {
            return Ok(SecondCopy::Good);
        }
        let _guard = self.exclusive()?;
        let state = State::default();
        caught(|| {
            let is_read_only = disk::is_read_only(&self.path);
            let mut database = if is_read_only { self.open_copy()? } else { self.open(&state)? };
            if !database.check_integrity().map_err(|e| self.failed("check", e))? {
                return Err(self.damaged("redb had to repair it"));
            }
            let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
            let rows = Rows { transaction: AnyTransaction::Read(&transaction), path: &self.path };
            let mut records: BTreeMap<(String, LoggedKey), LoggedValue> = BTreeMap::new();
            rows.each_record(&mut |row| {
                records.extend(row.value.map(|value| ((row.table, row.key), value)));
                Ok(())
            })?;
            check_records(&records)?;
            let copy = self.log.read()?;
            if copy.rows.is_empty() {
                return Ok(SecondCopy::Bad("it is missing".to_owned()));
            }
            let generation = rows.number(GENERATION_KEY)?;
            if copy.is_torn(generation) && !is_read_only {
                self.log.replace(LOG_SCHEMA, generation, |snapshot| rows.copy_all(snapshot))?;
                return Ok(SecondCopy::Mended);
            }
            if !copy.is_whole {
                return Ok(SecondCopy::Bad("a part of it is damaged".to_owned()));
            }
            let is_same = copy.generation != generation || copy.rows == records;
            Ok(if is_same {
                SecondCopy::Good
            } else {
                SecondCopy::Bad("it differs from the database".to_owned())
            })
        })
        .unwrap_or_else(|words| Err(self.damaged(format!("redb panicked: {words}"))))
    }

    /// Counts the records that the second copy can restore.
    ///
    /// # Errors
    /// When the copy cannot be read.
    pub fn rebuildable(&self) -> Result<Rebuildable, StoreError> {
        let copy = self.log.read()?;
        let count = |name: &str| copy.rows.keys().filter(|(table, _)| table == name).count();
        Ok(Rebuildable {
            volumes: count(VOLUMES.name()),
            commits: count(COMMITS.name()),
            is_whole: copy.is_whole,
        })
    }

    /// Writes the second copy again, from the database.
    ///
    /// # Errors
    /// When the database cannot be read or the copy cannot be written.
    pub fn renew_second_copy(&self) -> Result<(), StoreError> {
        let _guard = self.exclusive()?;
        let database = self.open(&State::default())?;
        let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
        let rows = Rows { transaction: AnyTransaction::Read(&transaction), path: &self.path };
        let generation = rows.number(GENERATION_KEY)?;
        self.log.replace(LOG_SCHEMA, generation, |snapshot| rows.copy_all(snapshot))?;
        // Without the mark, every process that opens the database would check all of it.
        self.log.mark(LOG_SCHEMA, generation);
        Ok(())
    }

    /// Rebuilds the database from its second copy. Moves the old database to lost+found, and the
    /// copy too if it is damaged. Can be repeated after a crash.
    ///
    /// # Errors
    /// When the copy cannot be read or has a newer schema, or the database cannot be written.
    pub fn rebuild(&self) -> Result<Rebuildable, StoreError> {
        let _guard = self.exclusive()?;
        let found = self.rebuildable()?;
        let mut copy = self.log.read()?;
        let schema = u64::from(copy.schema);
        if schema > SCHEMA {
            return Err(StoreError::Newer {
                path: self.log.path().to_path_buf(),
                found: schema,
                known: SCHEMA,
            });
        }
        renumber(&mut copy);
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
        // Last, because a repetition needs the copy.
        if !found.is_whole && self.log.path().exists() {
            self.set_aside(self.log.path())?;
        }
        Ok(found)
    }

    /// Moves a file to lost+found; an old database under its own name.
    fn set_aside(&self, path: &Path) -> Result<(), StoreError> {
        let place = if path == self.layout.metadata_new() { &self.path } else { path };
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        disk::rename_to_free(path, &self.layout.lost_and_found(), layout::PRIVATE_MODE, &name)?;
        Ok(())
    }
}

/// Sets the numbers of the next transaction and the next operation beyond all that were used.
fn renumber(copy: &mut LoggedRecords) {
    let used = copy.rows.keys().filter_map(|(_, key)| match key {
        LoggedKey::Number(number) | LoggedKey::OwnedNumber(_, number) => Some(*number),
        _ => None,
    });
    let next = used.max().map_or(1, |number| number + 1);
    let mut set = |key: &str, least: u64| {
        let place = (META.name().to_owned(), LoggedKey::Name(key.to_owned()));
        let known = match copy.rows.get(&place) {
            Some(LoggedValue::Number(number)) => *number,
            _ => 0,
        };
        copy.rows.insert(place, LoggedValue::Number(known.max(least)));
    };
    set(NEXT_OPERATION_KEY, next);
    set(GENERATION_KEY, copy.generation + 1);
    let rebuilt = (STATE.name().to_owned(), LoggedKey::Name(REBUILT_KEY.to_owned()));
    copy.rows.insert(rebuilt, LoggedValue::Text(String::new()));
}

/// Decodes each record.
fn check_records(records: &BTreeMap<(String, LoggedKey), LoggedValue>) -> Result<(), StoreError> {
    for ((table, key), value) in records {
        let LoggedValue::Record(bytes) = value else { continue };
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
            name if name == REMOTES.name() => can_be!(RemoteRecord),
            name if name == LINKS.name() => can_be!(LinkRecord),
            name if name == TRACKING.name() => can_be!(TrackingRecord),
            name if name == UPSTREAMS.name() => can_be!(UpstreamRecord),
            name if name == JOURNAL.name() || name == OPERATIONS.name() => can_be!(Operation),
            _ => {}
        }
    }
    Ok(())
}
