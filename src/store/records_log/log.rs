//! The log's file: appended to before and after each commit, and replaced when it has grown.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::change::{LoggedChange, bad_entry, encode_changes};
use super::entries::{
    FOOT_BYTES, HEAD_BYTES, Head, Kind, begin_with_snapshot, chain, entry, head_in, last_in,
};
use super::records::LoggedRecords;
use super::snapshot::SnapshotWriter;
use crate::layout::Layout;
use crate::store::error::StoreError;
use crate::sys::disk;
use crate::sys::error::At as _;
use crate::sys::fault;

/// How much longer than twice its first entry the log may be, in bytes.
const SLACK_BYTES: u64 = 1 << 20;

/// The end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Tail {
    /// The schema of its last entry.
    pub(in crate::store) schema: u16,
    /// The transaction of its last entry.
    pub(in crate::store) generation: u64,
    /// Whether that transaction is known to be committed.
    pub(in crate::store) committed: bool,
    /// Length of the first entry, in bytes.
    first: u64,
    /// Length of the log, in bytes.
    length: u64,
}

/// The log of one pool.
#[derive(Debug)]
pub(in crate::store) struct RecordsLog {
    path: PathBuf,
    /// The place where a new log is made before it replaces the old one.
    fresh: PathBuf,
}

impl RecordsLog {
    /// Names the log of a pool. Touches nothing on disk.
    pub(in crate::store) fn new(layout: &Layout) -> Self {
        RecordsLog { path: layout.records(), fresh: layout.records_new() }
    }

    /// Returns the path of the log.
    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the end of the log; returns `None` if there is no log or its end is damaged.
    pub(in crate::store) fn tail(&self) -> Option<Tail> {
        let file = File::open(&self.path).ok()?;
        let length = file.metadata().ok()?.len();
        let Head { kind, schema, generation, first, .. } = last_in(&file, length)?;
        Some(Tail { schema, generation, committed: kind == Kind::Mark, first, length })
    }

    /// Returns whether the whole log can be read, as [`LoggedRecords::read`] would find. Only the
    /// heads of its entries are in memory.
    pub(in crate::store) fn is_whole(&self) -> bool {
        let Ok(file) = File::open(&self.path) else { return false };
        let Ok(length) = file.metadata().map(|metadata| metadata.len()) else { return false };
        let (mut entries, mut at) = (Vec::new(), 0);
        while at < length {
            let Some(head) = head_in(&file, at) else { return false };
            at += (HEAD_BYTES + FOOT_BYTES) as u64 + u64::from(head.length);
            if head.kind != Kind::Mark && !chain(&mut entries, head, ()) {
                return false;
            }
        }
        begin_with_snapshot(&entries)
    }

    /// Reads all records of the log; returns none if there is no log.
    ///
    /// # Errors
    /// When the file cannot be read. Damage is no error: what is damaged is left out.
    pub(in crate::store) fn read(&self) -> Result<LoggedRecords, StoreError> {
        match std::fs::read(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(LoggedRecords::default()),
            bytes => Ok(LoggedRecords::read(&bytes.at("read", &self.path)?)),
        }
    }

    /// Appends the changes of the transaction `generation`, which is about to commit. Begins a new
    /// log, with the records that `all` writes, if the old one has grown or does not lead up to it.
    pub(in crate::store) fn add(
        &self,
        schema: u16,
        generation: u64,
        changes: &[LoggedChange],
        sync: bool,
        all: impl FnOnce(&mut SnapshotWriter) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let tail = self.tail().filter(|tail| {
            let leads_up =
                tail.generation + 1 == generation || tail.generation == generation && !tail.committed;
            leads_up && tail.schema == schema && tail.length <= 2 * tail.first + SLACK_BYTES
        });
        let Some(tail) = tail else { return self.replace(schema, generation, all) };
        let body = encode_changes(changes)?;
        let length = u32::try_from(body.len()).map_err(|_| bad_entry("it is too large"))?;
        let head = Head { kind: Kind::Changes, synced: sync, schema, length, generation, first: tail.first };
        fault::point("records.add").at("write", &self.path)?;
        let mut file = OpenOptions::new().append(true).open(&self.path).at("open", &self.path)?;
        append(&mut file, tail, &entry(head, &body)).at("write", &self.path)?;
        if sync {
            fault::point("records.sync").at("sync", &self.path)?;
            file.sync_data().at("sync", &self.path)?;
        }
        Ok(())
    }

    /// Replaces the log by a new one with the records that `all` writes.
    pub(in crate::store) fn replace(
        &self,
        schema: u16,
        generation: u64,
        all: impl FnOnce(&mut SnapshotWriter) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if self.fresh.exists() {
            disk::remove_file(&self.fresh)?;
        }
        let mut snapshot = SnapshotWriter::begin(&self.fresh)?;
        all(&mut snapshot)?;
        snapshot.finish(schema, generation)?;
        Ok(disk::replace(&self.fresh, &self.path)?)
    }

    /// Marks the transaction as committed. A missing mark does no harm: only the check that the
    /// database is not an older one is less sharp without it.
    pub(in crate::store) fn mark(&self, schema: u16, generation: u64) {
        let Some(tail) = self.tail().filter(|tail| tail.generation == generation) else { return };
        let head = Head { kind: Kind::Mark, synced: false, schema, length: 0, generation, first: tail.first };
        if let Ok(mut file) = OpenOptions::new().append(true).mode(0o600).open(&self.path) {
            let _ = append(&mut file, tail, &entry(head, &[]));
        }
    }
}

/// Appends an entry as a whole or not at all: where the disk is full, a part of it would end the
/// log.
fn append(file: &mut File, tail: Tail, entry: &[u8]) -> io::Result<()> {
    let written = file.write_all(entry);
    if written.is_err() {
        file.set_len(tail.length)?;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::super::change::{LoggedKey, LoggedValue};
    use super::*;

    fn log(dir: &tempfile::TempDir) -> RecordsLog {
        RecordsLog { path: dir.path().join("log"), fresh: dir.path().join("fresh") }
    }

    fn change(name: &str, value: u64) -> LoggedChange {
        let (key, value) = (LoggedKey::Name(name.to_owned()), Some(LoggedValue::Number(value)));
        LoggedChange { table: "t".to_owned(), key, value }
    }

    fn all(records: &[LoggedChange]) -> impl FnOnce(&mut SnapshotWriter) -> Result<(), StoreError> {
        |snapshot| records.iter().try_for_each(|record| snapshot.push(record))
    }

    fn number(records: &LoggedRecords, name: &str) -> Option<u64> {
        match records.rows.get(&("t".to_owned(), LoggedKey::Name(name.to_owned())))? {
            LoggedValue::Number(number) => Some(*number),
            _ => None,
        }
    }

    #[test]
    fn an_entry_that_was_never_committed_is_overtaken() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(&dir);
        let never = |_: &mut SnapshotWriter| panic!("the log leads up to it");
        log.add(1, 1, &[], false, all(&[change("a", 1)])).unwrap();
        log.mark(1, 1);
        log.add(1, 2, &[change("a", 2)], true, never).unwrap();
        log.add(1, 2, &[change("b", 3)], true, never).unwrap();
        log.mark(1, 2);
        let records = log.read().unwrap();
        assert!(records.is_whole && records.generation == 2);
        assert_eq!((number(&records, "a"), number(&records, "b")), (Some(1), Some(3)));
        // The database is further than the log: it begins anew.
        log.add(1, 4, &[], false, all(&[change("c", 4)])).unwrap();
        assert_eq!(number(&log.read().unwrap(), "a"), None);
    }

    #[test]
    fn what_a_power_cut_tears_is_told_from_other_damage() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(&dir);
        let end = || usize::try_from(std::fs::metadata(log.path()).unwrap().len()).unwrap();
        let add = |generation, sync| {
            log.add(1, generation, &[change("a", generation)], sync, all(&[])).unwrap();
            end()
        };
        let ends = [add(1, false), add(2, true), add(3, false), add(4, false), add(5, true)];
        let bytes = std::fs::read(log.path()).unwrap();
        let damaged = |entry: usize| {
            let mut bytes = bytes.clone();
            bytes[ends[entry] - 20] ^= 1;
            LoggedRecords::read(&bytes)
        };
        // The first entry and one that was synced were on the disk.
        assert!(!damaged(0).is_torn(5) && !damaged(1).is_torn(5));
        // So was what stands before one that was synced, once its transaction is committed.
        assert!(!damaged(2).is_torn(5) && damaged(2).is_torn(4));
        assert!(damaged(4).is_torn(4));
        assert!(!LoggedRecords::read(&bytes).is_torn(5));
        assert!(LoggedRecords::read(&bytes[..ends[3] - 20]).is_torn(4));
    }

    #[test]
    fn a_damaged_entry_is_passed_over_and_any_bytes_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(&dir);
        log.add(1, 1, &[], false, all(&[change("a", 1)])).unwrap();
        log.add(1, 2, &[change("b", 2)], false, all(&[])).unwrap();
        let second = std::fs::metadata(log.path()).unwrap().len();
        log.add(1, 3, &[change("c", 3)], false, all(&[])).unwrap();
        let bytes = std::fs::read(log.path()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let records = LoggedRecords::read(&flipped);
            assert!(!records.is_whole, "bit {bit}");
            File::options().write(true).open(log.path()).unwrap().write_all(&flipped).unwrap();
            assert!(!log.is_whole(), "bit {bit}");
            assert!(records.rows.len() >= 2, "bit {bit}");
            if bit as u64 / 8 >= second {
                assert_eq!(number(&records, "b"), Some(2), "bit {bit}");
            }
        }
        for length in (0..=bytes.len()).rev() {
            File::options().write(true).open(log.path()).unwrap().set_len(length as u64).unwrap();
            if length == bytes.len() {
                File::options().write(true).open(log.path()).unwrap().write_all(&bytes).unwrap();
            }
            assert_eq!(log.is_whole(), LoggedRecords::read(&bytes[..length]).is_whole, "{length}");
        }
    }
}
