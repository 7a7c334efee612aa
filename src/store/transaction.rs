//! One transaction, for reading or writing: lock, open, run, close.

use redb::ReadableDatabase as _;
use redb::backends::InMemoryBackend;

use super::backend::State;
use super::error::StoreError;
use super::guard::caught;
use super::metadata::Store;
use super::open::builder;
use super::records_log::copies::are_visible;
use super::rows::{AnyTransaction, Rows};
use super::schema::run_steps;
use super::tables::{GENERATION_KEY, LOG_SCHEMA, SCHEMA, SCHEMA_KEY};
use super::write::Writer;
use crate::sys::disk;
use crate::sys::error::At as _;
use crate::sys::fault;

/// The reason for a damaged database where a block has another checksum.
const DAMAGED_BLOCK: &str = "a block differs from its checksum";

impl Store {
    /// Runs `body`, and turns any failure of it into [`StoreError::Damaged`] if it met damage.
    fn watched<T, E: From<StoreError>>(
        &self,
        state: &State,
        body: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        match caught(body) {
            Ok(Err(_)) if state.is_damaged() => Err(self.damaged(DAMAGED_BLOCK).into()),
            Ok(result) => result,
            Err(words) => Err(self.damaged(format!("redb panicked: {words}")).into()),
        }
    }

    /// Runs `body` on a snapshot. A pool without metadata reads as an empty one.
    ///
    /// # Errors
    /// When the metadata cannot be opened, and what `body` returns.
    pub fn read<T, E: From<StoreError>>(&self, body: impl FnOnce(Rows<'_>) -> Result<T, E>) -> Result<T, E> {
        if !self.is_there()? {
            return self.read_empty(body);
        }
        let state = State::default();
        self.watched(&state, || {
            let guard = self.shared()?;
            let Some(database) = self.open_to_read(&state)? else {
                drop(guard);
                return self.read_after_repair(&state, body);
            };
            let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
            let rows = Rows { transaction: AnyTransaction::Read(&transaction), path: &self.path };
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

    /// Runs `body` after opening the database for writing, which repairs it and brings it to this
    /// program's schema.
    fn read_after_repair<T, E: From<StoreError>>(
        &self,
        state: &State,
        body: impl FnOnce(Rows<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _guard = self.exclusive()?;
        let database = if disk::is_read_only(&self.path) { self.open_copy()? } else { self.open(state)? };
        let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
        body(Rows { transaction: AnyTransaction::Read(&transaction), path: &self.path })
    }

    /// Runs `body` on an empty database in memory.
    fn read_empty<T, E: From<StoreError>>(
        &self,
        body: impl FnOnce(Rows<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let memory = InMemoryBackend::new();
        let database = builder().create_with_backend(memory).map_err(|e| self.failed("open", e))?;
        run_steps(&database, 0, SCHEMA).map_err(|e| self.failed("migrate", e))?;
        let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
        body(Rows { transaction: AnyTransaction::Read(&transaction), path: &self.path })
    }

    /// Runs `body` in one durable transaction: all of its changes are on disk when this returns
    /// `Ok`, and none when it returns an error.
    ///
    /// # Errors
    /// When the metadata cannot be opened or written, and what `body` returns.
    pub fn write<T, E: From<StoreError>>(
        &self,
        body: impl FnOnce(&Writer<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _guards = self.exclusive_in_place()?;
        let state = State::default();
        self.watched(&state, || {
            let database = self.open(&state)?;
            let mut transaction = database.begin_write().map_err(|e| self.failed("write", e))?;
            transaction.set_quick_repair(true);
            let writer = Writer::new(&transaction, &self.path);
            let value = body(&writer)?;
            let generation = writer.next_generation()?;
            if state.is_damaged() {
                return Err(self.damaged(DAMAGED_BLOCK).into());
            }
            let changes = writer.take_changes();
            let visible = are_visible(&changes);
            // A power cut may have torn a hole into the second copy: nothing is appended after one.
            if state.is_unclean() && !self.log.is_whole() {
                self.log.replace(LOG_SCHEMA, generation, |snapshot| writer.copy_all(snapshot))?;
            } else {
                self.log
                    .add(LOG_SCHEMA, generation, &changes, visible, |snapshot| writer.copy_all(snapshot))?;
            }
            fault::point("metadata.commit").at("write", &self.path).map_err(StoreError::from)?;
            state.committing();
            let committed = transaction.commit().map_err(|e| self.failed("commit", e));
            if committed.is_ok() {
                state.done();
            }
            drop(database);
            if let Err(error) = committed {
                // After a failed sync only the file tells whether the transaction was committed.
                if self.generation().ok() != Some(generation) {
                    return Err(error.into());
                }
            }
            // A process that is killed here has committed without knowing it.
            fault::point("metadata.committed").ok();
            self.log.mark(LOG_SCHEMA, generation);
            Ok(value)
        })
    }

    /// Returns the number of the last committed transaction. The caller holds the lock.
    fn generation(&self) -> Result<u64, StoreError> {
        let database = self.open(&State::default())?;
        let transaction = database.begin_read().map_err(|e| self.failed("read", e))?;
        Rows { transaction: AnyTransaction::Read(&transaction), path: &self.path }.number(GENERATION_KEY)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use redb::Database;

    use super::super::tables::META;
    use super::*;
    use crate::layout::Layout;
    use crate::model::{Instant, Row, RowChange, VolumeRecord};

    fn store(dir: &Path) -> Store {
        let layout = Layout::new(dir);
        disk::ensure_directory(&layout.locks(), 0o700).unwrap();
        Store::new(&layout, Duration::from_secs(5))
    }

    fn volume(name: &str) -> VolumeRecord {
        let created = Instant { micros: 0, offset: 0 };
        VolumeRecord::new(name.parse().unwrap(), created, crate::model::BranchName::master())
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
