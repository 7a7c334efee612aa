//! The database's file: made, opened, and brought to this program's schema.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, DatabaseError, ReadOnlyDatabase, ReadableDatabase as _, StorageBackend as _};

use super::backend::{Backend, State};
use super::blocks::Blocks;
use super::error::StoreError;
use super::metadata::Store;
use super::rows::{AnyTransaction, Rows};
use super::schema::{run_steps, schema_of};
use super::tables::{GENERATION_KEY, SCHEMA};
use super::write::Writer;
use crate::layout;
use crate::sys::disk;
use crate::sys::error::At as _;

/// How much of the database one transaction may keep in memory, in bytes. Each thread of the driver
/// may come to hold that much, because an allocator returns little of many small pieces. A larger
/// cache makes nothing faster: a full scan reads each page once.
const CACHE_BYTES: usize = 1 << 20;

impl Store {
    /// Opens the database for writing; makes it if there is none. The caller holds the lock.
    pub(super) fn open(&self, state: &State) -> Result<Database, StoreError> {
        if !self.is_there()? {
            self.create()?;
        }
        let database = self.open_file(&self.path, state)?;
        self.migrate(&database)?;
        let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
        self.check_age(&Rows { transaction: AnyTransaction::Read(&transaction), path: &self.path })?;
        drop(transaction);
        Ok(database)
    }

    /// Opens the database for reading. Returns `None` if a writer has to repair it first. The
    /// caller holds the lock.
    pub(super) fn open_to_read(&self, state: &State) -> Result<Option<ReadOnlyDatabase>, StoreError> {
        let Some(blocks) = Blocks::load(&self.layout.metadata_sums()) else { return Ok(None) };
        let file = std::fs::File::open(&self.path).at("open", &self.path)?;
        if !blocks.are_of(&file).at("read", &self.path)? {
            return Ok(None);
        }
        let backend = Backend::new(file, blocks, state.clone()).map_err(|e| self.failed("open", e))?;
        match builder().open_read_only_with_backend(backend) {
            Ok(database) => Ok(Some(database)),
            Err(DatabaseError::RepairAborted) => Ok(None),
            Err(error) => Err(self.failed("open", error)),
        }
    }

    /// Opens a copy of the database in memory, and repairs that: for a read-only file system.
    pub(super) fn open_copy(&self) -> Result<Database, StoreError> {
        let bytes = std::fs::read(&self.path).at("read", &self.path)?;
        let memory = InMemoryBackend::new();
        let filled = memory.set_len(bytes.len() as u64).and_then(|()| memory.write(0, &bytes));
        filled.map_err(|e| self.failed("open", redb::Error::Io(e)))?;
        let mut builder = builder();
        builder.set_check_integrity_on_open(true);
        let database = builder.create_with_backend(memory).map_err(|e| self.failed("open", e))?;
        self.migrate(&database)?;
        Ok(database)
    }

    /// Refuses a database that is older than its second copy.
    pub(super) fn check_age(&self, rows: &Rows<'_>) -> Result<(), StoreError> {
        let Some(tail) = self.log.tail() else { return Ok(()) };
        let generation = rows.number(GENERATION_KEY)?;
        if generation + u64::from(!tail.committed) < tail.generation {
            let reason = format!("it is at transaction {generation}, its second copy at {}", tail.generation);
            return Err(self.damaged(reason));
        }
        Ok(())
    }

    /// Makes an empty database beside its place and moves it there: a crash leaves none or a whole
    /// one.
    fn create(&self) -> Result<(), StoreError> {
        let fresh = self.fresh()?;
        let database = self.open_file(&fresh, &State::default())?;
        run_steps(&database, 0, SCHEMA).map_err(|e| self.failed("migrate", e))?;
        drop(database);
        disk::rename(&fresh, &self.path)?;
        Ok(disk::sync_directory(&self.layout.private())?)
    }

    /// Makes the database with what `body` writes: a crash leaves no database or all of it. Returns
    /// `None` if there is a database already.
    ///
    /// # Errors
    /// When the metadata cannot be written, and what `body` returns; then there is no database.
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

    /// Clears the place where a new database is made, and returns it.
    pub(super) fn fresh(&self) -> Result<PathBuf, StoreError> {
        let fresh = self.layout.metadata_new();
        if fresh.exists() {
            disk::remove_file(&fresh)?;
        }
        Ok(fresh)
    }

    /// Opens the file at `path` for writing; makes it unless it is the pool's database.
    pub(super) fn open_file(&self, path: &Path, state: &State) -> Result<Database, StoreError> {
        let is_new = path != self.path;
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create(is_new).truncate(false).mode(layout::PRIVATE_FILE_MODE);
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
        // Without checksums redb checks the whole file.
        builder.set_check_integrity_on_open(known.is_none() && !is_new);
        if known.is_none() {
            state.found_unclean();
            // A dead process's last commit may be in the kernel's memory only. It must be durable
            // before the pages of the commit before it are used again.
            file.sync_data().at("sync", path)?;
        }
        let blocks = known.unwrap_or_else(|| Blocks::unknown(&sums, length));
        Backend::new(file, blocks, state.clone())
            .and_then(|backend| builder.create_with_backend(backend))
            .map_err(|e| self.failed("open", e))
    }

    /// Brings a database to this program's schema.
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

/// Makes redb's settings for one transaction.
pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}
