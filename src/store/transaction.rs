//! Opening the database for one transaction.

use std::path::{Path, PathBuf};
use std::time::Duration;

use redb::backends::InMemoryBackend;
use redb::{DatabaseError, ReadOnlyDatabase, ReadableDatabase as _};

use super::backend::{Backend, State};
use super::blocks::Blocks;
use super::error::StoreError;
use super::guard::caught;
use super::legacy::is_legacy_volume;
use super::open::{builder, run_steps};
use super::records_log::copies::are_visible;
use super::records_log::log::Backup;
use super::rows::{Rows, Transaction};
use super::tables::{GENERATION_KEY, SCHEMA, SCHEMA_KEY};
use super::write::Writer;
use crate::layout::{self, Layout};
use crate::sys::disk;
use crate::sys::error::At as _;
use crate::sys::fault;
use crate::sys::locks::{LockFile, LockGuard, Wait};

/// The schema, as entries of the second copy say it.
pub(super) const COPIED_SCHEMA: u16 = SCHEMA as u16;
/// What is wrong where a block has another checksum.
const BLOCK: &str = "a block is not what was written there";

/// The metadata of one pool. Holds no file open.
#[derive(Debug)]
pub struct Store {
    pub(super) layout: Layout,
    pub(super) path: PathBuf,
    pub(super) backup: Backup,
    lock: LockFile,
    wait: Duration,
}

impl Store {
    /// The metadata of the pool at `layout`; `wait` is how long to wait for other transactions.
    pub fn new(layout: &Layout, wait: Duration) -> Self {
        Store {
            layout: layout.clone(),
            path: layout.metadata(),
            backup: Backup::new(layout.records()),
            lock: LockFile::new(layout.metadata_lock()),
            wait,
        }
    }

    pub(super) fn failed(&self, action: &'static str, error: impl Into<redb::Error>) -> StoreError {
        StoreError::of(action, &self.path, error)
    }

    pub(super) fn damaged(&self, reason: impl Into<String>) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), reason: reason.into() }
    }

    fn waiting(&self) -> Wait<'_> {
        Wait { what: "the metadata", verb: "transaction", limit: self.wait, notice: &|_| () }
    }

    pub(super) fn exclusive(&self) -> Result<LockGuard, StoreError> {
        Ok(self.lock.exclusive(&self.waiting())?)
    }

    /// Runs `body`, and tells damage that it met from everything else that can go wrong in it.
    fn watched<T, E: From<StoreError>>(
        &self,
        state: &State,
        body: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        match caught(body) {
            Ok(Err(_)) if state.is_damaged() => Err(self.damaged(BLOCK).into()),
            Ok(result) => result,
            Err(words) => Err(self.damaged(format!("redb gave up: {words}")).into()),
        }
    }

    /// Whether there is a database. None where the pool shows that there must have been one is an error.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub fn is_there(&self) -> Result<bool, StoreError> {
        if self.path.exists() {
            return Ok(true);
        }
        match self.trace()? {
            None => Ok(false),
            // Somebody may have made both meanwhile, the database first.
            Some(_) if self.path.exists() => Ok(true),
            Some(trace) => Err(StoreError::Missing { path: self.path.clone(), trace }),
        }
    }

    /// What there is only beside a database.
    fn trace(&self) -> Result<Option<PathBuf>, StoreError> {
        let log = self.backup.path();
        if log.exists() {
            return Ok(Some(log.to_path_buf()));
        }
        for name in disk::names_in(self.layout.root())? {
            let directory = self.layout.root().join(&name);
            let point = directory.join(layout::RUNNING_POINT);
            // What an older tool laid out has its own metadata beside, until it was taken over.
            let is_older = is_legacy_volume(&directory) && !self.layout.adopted().exists();
            if name != layout::PRIVATE && point.is_symlink() && !is_older {
                return Ok(Some(point));
            }
        }
        Ok(None)
    }

    /// Runs `body` on a snapshot. A pool that has no metadata yet reads as an empty one.
    ///
    /// # Errors
    /// When the metadata cannot be opened, or what `body` returns.
    pub fn read<T, E: From<StoreError>>(&self, body: impl FnOnce(Rows<'_>) -> Result<T, E>) -> Result<T, E> {
        if !self.is_there()? {
            return self.read_empty(body);
        }
        let state = State::default();
        self.watched(&state, || {
            let guard = self.lock.shared(&self.waiting()).map_err(StoreError::from)?;
            let Some(database) = self.open_to_read(&state)? else {
                drop(guard);
                return self.read_after_repair(&state, body);
            };
            let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
            let rows = Rows { transaction: Transaction::Read(&transaction), path: &self.path };
            if rows.number(SCHEMA_KEY)? == SCHEMA {
                self.check_age(&rows)?;
                return body(rows);
            }
            drop(transaction);
            drop(database);
            drop(guard);
            self.read_after_repair(&state, body)
        })
    }

    /// The database as it lies there; none when a writer must look at it first.
    fn open_to_read(&self, state: &State) -> Result<Option<ReadOnlyDatabase>, StoreError> {
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

    /// Opens the file for writing, which repairs it and brings it to this program's schema.
    fn read_after_repair<T, E: From<StoreError>>(
        &self,
        state: &State,
        body: impl FnOnce(Rows<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _guard = self.exclusive()?;
        let database = self.open(state)?;
        let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
        body(Rows { transaction: Transaction::Read(&transaction), path: &self.path })
    }

    fn read_empty<T, E: From<StoreError>>(
        &self,
        body: impl FnOnce(Rows<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let memory = InMemoryBackend::new();
        let database = builder().create_with_backend(memory).map_err(|e| self.failed("open", e))?;
        run_steps(&database, 0, SCHEMA).map_err(|e| self.failed("migrate", e))?;
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
        let _guard = self.exclusive()?;
        let state = State::default();
        self.watched(&state, || {
            let database = self.open(&state)?;
            let mut transaction = database.begin_write().map_err(|e| self.failed("write", e))?;
            transaction.set_quick_repair(true);
            let writer = Writer::new(&transaction, &self.path);
            let value = body(&writer)?;
            let generation = writer.next_generation()?;
            if state.is_damaged() {
                return Err(self.damaged(BLOCK).into());
            }
            let changes = writer.take_changes();
            let visible = are_visible(&changes);
            // After a power cut there may be a hole in the second copy; nothing is added behind one.
            if state.is_unclean() && !self.backup.is_whole() {
                self.backup.write_whole(COPIED_SCHEMA, generation, |whole| writer.copy_all(whole))?;
            } else {
                self.backup
                    .add(COPIED_SCHEMA, generation, &changes, visible, |whole| writer.copy_all(whole))?;
            }
            fault::point("metadata.commit").at("write", &self.path).map_err(StoreError::from)?;
            state.committing();
            let committed = transaction.commit().map_err(|e| self.failed("commit", e));
            if committed.is_ok() {
                state.done();
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
            self.backup.mark(COPIED_SCHEMA, generation);
            Ok(value)
        })
    }

    /// How many transactions were committed; the caller holds the lock.
    fn generation(&self) -> Result<u64, StoreError> {
        let database = self.open(&State::default())?;
        let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
        Rows { transaction: Transaction::Read(&transaction), path: &self.path }.number(GENERATION_KEY)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use redb::Database;

    use super::super::tables::META;
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
    fn a_reader_never_fails_while_the_database_is_made() {
        for _ in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let store = store(dir.path());
            std::thread::scope(|scope| {
                // So many that some have to wait for a processor in the middle of their look.
                for _ in 0..40 {
                    scope.spawn(|| while !store.is_there().unwrap() {});
                }
                scope.spawn(|| put(&store, "one").unwrap());
            });
        }
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
