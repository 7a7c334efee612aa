//! Opening the database's file, making it, and bringing it to the schema that this program knows.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use redb::{Builder, Database, ReadableDatabase as _};

use super::backend::{Backend, State};
use super::blocks::Blocks;
use super::error::StoreError;
use super::migrations::STEPS;
use super::rows::{Rows, Transaction};
use super::tables::{GENERATION_KEY, META, SCHEMA, SCHEMA_KEY};
use super::transaction::Store;
use super::write::Writer;
use crate::sys::disk;
use crate::sys::error::At as _;

/// Pages of the database that one transaction may keep in memory, in bytes. Each thread of the driver may come to hold so
/// much, as an allocator gives little back of what was many small pieces. More makes nothing faster: who reads all reads
/// each page once.
const CACHE: usize = 1 << 20;

impl Store {
    pub(super) fn open(&self, state: &State) -> Result<Database, StoreError> {
        if !self.is_there()? {
            self.create()?;
        }
        let database = self.open_file(&self.path, state)?;
        self.migrate(&database)?;
        let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
        self.check_age(&Rows { transaction: Transaction::Read(&transaction), path: &self.path })?;
        drop(transaction);
        Ok(database)
    }

    /// Refuses a database that is older than its second copy says.
    pub(super) fn check_age(&self, rows: &Rows<'_>) -> Result<(), StoreError> {
        let Some(tail) = self.backup.tail() else { return Ok(()) };
        let generation = rows.number(GENERATION_KEY)?;
        if generation + u64::from(!tail.committed) < tail.generation {
            let reason = format!("it is of transaction {generation}, its second copy of {}", tail.generation);
            return Err(self.damaged(reason));
        }
        Ok(())
    }

    /// Makes the database beside its place and moves it there: a crash leaves none or a whole one.
    fn create(&self) -> Result<(), StoreError> {
        let fresh = self.fresh()?;
        let database = self.open_file(&fresh, &State::default())?;
        run_steps(&database, 0, SCHEMA).map_err(|e| self.failed("migrate", e))?;
        drop(database);
        disk::rename(&fresh, &self.path)?;
        Ok(disk::sync_directory(&self.layout.private())?)
    }

    /// Makes the database with what `body` writes, if there is none yet: a crash leaves none or all of it. Gives
    /// nothing where somebody was faster.
    ///
    /// # Errors
    /// When the metadata cannot be written, or what `body` returns; there is no database then.
    pub fn create_with<T, E: From<StoreError>>(
        &self,
        body: impl FnOnce(&Writer<'_>) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let guard = self.exclusive()?;
        if self.is_there()? {
            return Ok(None);
        }
        let fresh = self.fresh()?;
        let database = self.open_file(&fresh, &State::default())?;
        run_steps(&database, 0, SCHEMA).map_err(|e| self.failed("migrate", e))?;
        let mut transaction = database.begin_write().map_err(|e| self.failed("write", e))?;
        transaction.set_quick_repair(true);
        let writer = Writer::new(&transaction, &fresh);
        let value = body(&writer)?;
        writer.next_generation()?;
        transaction.commit().map_err(|e| self.failed("commit", e))?;
        drop(database);
        disk::rename(&fresh, &self.path).map_err(StoreError::from)?;
        disk::sync_directory(&self.layout.private()).map_err(StoreError::from)?;
        drop(guard);
        self.renew_second_copy()?;
        Ok(Some(value))
    }

    /// Where a new database is made; nothing is there.
    pub(super) fn fresh(&self) -> Result<PathBuf, StoreError> {
        let fresh = self.path.with_extension("new");
        if fresh.exists() {
            disk::remove_file(&fresh)?;
        }
        Ok(fresh)
    }

    pub(super) fn open_file(&self, path: &Path, state: &State) -> Result<Database, StoreError> {
        let is_new = path != self.path;
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create(is_new).truncate(false).mode(0o600);
        let file = options.open(path).at("open", path)?;
        let length = file.metadata().at("look at", path)?.len();
        if length == 0 && !is_new {
            return Err(self.damaged("the file is empty"));
        }
        let sums = self.layout.metadata_sums();
        let known = match Blocks::load(&sums).filter(|_| !is_new) {
            Some(blocks) if blocks.are_of(&file).at("read", path)? => Some(blocks),
            _ => None,
        };
        let mut builder = builder();
        // What no checksum vouches for is checked by redb as a whole.
        builder.set_check_integrity_on_open(known.is_none() && !is_new);
        if known.is_none() {
            state.found_unclean();
            // What a dead process has committed may be in memory alone, and is the one before whose pages are used again.
            file.sync_data().at("sync", path)?;
        }
        let blocks = known.unwrap_or_else(|| Blocks::unknown(&sums, length));
        Backend::new(file, blocks, state.clone())
            .and_then(|backend| builder.create_with_backend(backend))
            .map_err(|e| self.failed("open", e))
    }

    fn migrate(&self, database: &Database) -> Result<(), StoreError> {
        let found = schema_of(database).map_err(|e| self.failed("read", e))?;
        match found {
            0 => Err(self.damaged("it holds no schema")),
            found if found > SCHEMA => {
                Err(StoreError::Newer { path: self.path.clone(), found, known: SCHEMA })
            }
            SCHEMA => Ok(()),
            found => run_steps(database, found, SCHEMA).map_err(|e| self.failed("migrate", e)),
        }
    }
}

pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    builder
}

/// The schema of a database; 0 of an empty one.
fn schema_of(database: &Database) -> Result<u64, redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(META) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    Ok(redb::ReadableTable::get(&table, SCHEMA_KEY)?.map_or(0, |value| value.value()))
}

/// Runs the steps that lead from schema `found` to `wanted`.
pub(super) fn run_steps(database: &Database, found: u64, wanted: u64) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    let number = |schema| usize::try_from(schema).unwrap_or(usize::MAX);
    for step in STEPS.iter().take(number(wanted)).skip(number(found)) {
        step(&transaction)?;
    }
    transaction.open_table(META)?.insert(SCHEMA_KEY, wanted)?;
    transaction.commit()?;
    Ok(())
}
