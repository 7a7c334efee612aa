//! Opening the database for one transaction.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redb::backends::InMemoryBackend;
use redb::{Builder, Database, DatabaseError, ReadableDatabase as _};

use super::backend::{Backend, Done};
use super::error::StoreError;
use super::migrations::STEPS;
use super::rows::{Rows, Transaction};
use super::tables::{GENERATION_KEY, META, SCHEMA, SCHEMA_KEY};
use super::write::Writer;
use crate::layout::Layout;
use crate::sys::disk;
use crate::sys::error::At as _;
use crate::sys::fault;
use crate::sys::locks::{LockFile, Wait};

/// Pages of the database that one transaction may keep in memory, in bytes.
const CACHE: usize = 8 << 20;

/// The metadata of one pool. Holds no file open.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    lock: LockFile,
    wait: Duration,
}

impl Store {
    /// The metadata of the pool at `layout`; `wait` is how long to wait for other transactions.
    pub fn new(layout: &Layout, wait: Duration) -> Self {
        Store { path: layout.metadata(), lock: LockFile::new(layout.metadata_lock()), wait }
    }

    fn failed(&self, action: &'static str, error: impl Into<redb::Error>) -> StoreError {
        StoreError::Database { action, path: self.path.clone(), source: Box::new(error.into()) }
    }

    fn waiting(&self) -> Wait<'_> {
        Wait { what: "the metadata", verb: "transaction", limit: self.wait, notice: &|_| () }
    }

    /// Runs `body` on a snapshot. A pool that has no metadata yet reads as an empty one.
    ///
    /// # Errors
    /// When the metadata cannot be opened, or what `body` returns.
    pub fn read<T, E: From<StoreError>>(&self, body: impl FnOnce(Rows<'_>) -> Result<T, E>) -> Result<T, E> {
        if !self.path.exists() {
            return self.read_empty(body);
        }
        let guard = self.lock.shared(&self.waiting()).map_err(StoreError::from)?;
        let database = match builder().open_read_only(&self.path) {
            Ok(database) => database,
            Err(DatabaseError::RepairAborted) => {
                drop(guard);
                return self.read_after_repair(body);
            }
            Err(error) => return Err(self.failed("open", error).into()),
        };
        let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
        let rows = Rows { transaction: Transaction::Read(&transaction), path: &self.path };
        if rows.number(SCHEMA_KEY)? == SCHEMA {
            return body(rows);
        }
        drop(transaction);
        drop(database);
        drop(guard);
        self.read_after_repair(body)
    }

    /// Opens the file for writing, which repairs it and brings it to this program's schema.
    fn read_after_repair<T, E: From<StoreError>>(
        &self,
        body: impl FnOnce(Rows<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _guard = self.lock.exclusive(&self.waiting()).map_err(StoreError::from)?;
        let database = self.open(&Done::default())?;
        let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
        body(Rows { transaction: Transaction::Read(&transaction), path: &self.path })
    }

    fn read_empty<T, E: From<StoreError>>(
        &self,
        body: impl FnOnce(Rows<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let memory = InMemoryBackend::new();
        let database = builder().create_with_backend(memory).map_err(|e| self.failed("open", e))?;
        self.migrate(&database)?;
        let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
        body(Rows { transaction: Transaction::Read(&transaction), path: &self.path })
    }

    /// Runs `body` in one durable transaction: when this returns Ok, all of it is on disk; when it
    /// returns an error, nothing of it is.
    ///
    /// # Errors
    /// When the metadata cannot be opened or written, or what `body` returns.
    pub fn write<T, E: From<StoreError>>(
        &self,
        body: impl FnOnce(&Writer<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _guard = self.lock.exclusive(&self.waiting()).map_err(StoreError::from)?;
        let done = Done::default();
        let database = self.open(&done)?;
        let mut transaction = database.begin_write().map_err(|e| self.failed("write", e))?;
        transaction.set_quick_repair(true);
        let writer = Writer::new(&transaction, &self.path);
        let value = body(&writer)?;
        let generation = writer.next_generation()?;
        fault::point("metadata.commit").at("write", &self.path).map_err(StoreError::from)?;
        let committed = transaction.commit().map_err(|e| self.failed("commit", e));
        if committed.is_ok() {
            done.set();
        }
        drop(database);
        if let Err(error) = committed {
            // A sync that failed does not say whether the transaction holds: the file does.
            if self.generation().ok() != Some(generation) {
                return Err(error.into());
            }
        }
        // A kill here is a kill after the commit point that its process never heard of.
        fault::point("metadata.committed").ok();
        Ok(value)
    }

    /// How many transactions were committed; the caller holds the lock.
    fn generation(&self) -> Result<u64, StoreError> {
        let database = self.open(&Done::default())?;
        let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
        Rows { transaction: Transaction::Read(&transaction), path: &self.path }.number(GENERATION_KEY)
    }

    fn open(&self, done: &Done) -> Result<Database, StoreError> {
        if !self.path.exists() {
            self.create()?;
        }
        let database = self.open_file(&self.path, done)?;
        self.migrate(&database)?;
        Ok(database)
    }

    /// Makes the database beside its place and moves it there: a crash leaves none or a whole one.
    fn create(&self) -> Result<(), StoreError> {
        let fresh = self.path.with_extension("new");
        if fresh.exists() {
            disk::remove_file(&fresh)?;
        }
        let database = self.open_file(&fresh, &Done::default())?;
        self.migrate(&database)?;
        drop(database);
        disk::rename(&fresh, &self.path)?;
        Ok(disk::sync_directory(self.path.parent().unwrap_or(Path::new(".")))?)
    }

    fn open_file(&self, path: &Path, done: &Done) -> Result<Database, StoreError> {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).at("open", path)?;
        Backend::new(file, done.clone())
            .and_then(|backend| builder().create_with_backend(backend))
            .map_err(|e| self.failed("open", e))
    }

    fn migrate(&self, database: &Database) -> Result<(), StoreError> {
        let found = schema_of(database).map_err(|e| self.failed("read", e))?;
        if found == SCHEMA {
            return Ok(());
        }
        if found > SCHEMA {
            return Err(StoreError::Newer { path: self.path.clone(), found, known: SCHEMA });
        }
        run_steps(database, found).map_err(|e| self.failed("migrate", e))
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn builder() -> Builder {
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

fn run_steps(database: &Database, found: u64) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    for step in STEPS.iter().skip(done) {
        step(&transaction)?;
    }
    transaction.open_table(META)?.insert(SCHEMA_KEY, SCHEMA)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Instant, Row, RowChange, VolumeRecord};

    fn store(dir: &Path) -> Store {
        let layout = Layout::new(dir);
        disk::ensure_directory(&layout.locks(), 0o700).unwrap();
        Store::new(&layout, Duration::from_secs(5))
    }

    fn volume(name: &str) -> VolumeRecord {
        VolumeRecord {
            name: name.parse().unwrap(),
            created: Instant { micros: 0, offset: 0 },
            branch: crate::model::BranchName::master(),
            options: std::collections::BTreeMap::new(),
        }
    }

    fn put(store: &Store, name: &str) -> Result<(), StoreError> {
        store.write(|w| w.apply(&RowChange::insert(Row::Volume(volume(name)))))
    }

    fn names(store: &Store) -> Vec<String> {
        store
            .read(|rows| Ok::<_, StoreError>(rows.volumes()?.iter().map(|v| v.name.to_string()).collect()))
            .unwrap()
    }

    #[test]
    fn a_pool_without_metadata_reads_as_empty_and_stays_without() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        assert!(names(&store).is_empty());
        assert!(!store.path().exists());
    }

    #[test]
    fn what_a_transaction_wrote_is_there_and_what_a_failed_one_wrote_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        put(&store, "one").unwrap();
        let failed = store.write(|w| {
            w.apply(&RowChange::insert(Row::Volume(volume("two"))))?;
            Err::<(), _>(StoreError::Conflict("stop".into()))
        });
        assert!(failed.is_err());
        assert_eq!(names(&store), ["one"]);
    }

    #[test]
    fn a_change_planned_on_another_row_is_a_conflict() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        put(&store, "one").unwrap();
        assert!(matches!(put(&store, "one"), Err(StoreError::Conflict(_))));
    }

    #[test]
    fn a_newer_schema_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        put(&store, "one").unwrap();
        {
            let database = Database::open(store.path()).unwrap();
            let transaction = database.begin_write().unwrap();
            transaction.open_table(META).unwrap().insert(SCHEMA_KEY, SCHEMA + 1).unwrap();
            transaction.commit().unwrap();
        }
        let error = put(&store, "two").unwrap_err().to_string();
        assert!(error.contains("newer dvol"), "{error}");
        assert!(store.read(|rows| rows.volumes()).is_err());
    }

    #[test]
    fn a_file_is_left_as_redb_itself_would_leave_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let mut sizes = Vec::new();
        for n in 0..300 {
            put(&store, &format!("v{n}")).unwrap();
            // Marked as in use, it would be refused here.
            drop(builder().open_read_only(store.path()).unwrap());
            sizes.push(std::fs::metadata(store.path()).unwrap().len());
        }
        assert!(Database::open(store.path()).unwrap().check_integrity().unwrap());
        assert_eq!(names(&store).len(), 300);
        assert!(sizes[299] < 1 << 20, "pages that are free are used again: {sizes:?}");
    }

    #[test]
    fn many_writers_and_readers_take_turns() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        std::thread::scope(|scope| {
            for n in 0..8 {
                scope.spawn(move || {
                    let store = store(path);
                    put(&store, &format!("v{n}")).unwrap();
                    assert!(!names(&store).is_empty());
                });
            }
        });
        assert_eq!(names(&store(path)).len(), 8);
    }
}
