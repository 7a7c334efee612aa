//! The second copy of the records: a log beside the database that the database can be rebuilt from.
//!
//! Before a transaction is committed its changes are added here; one that changes what a person can see is synced.
//! After the commit a mark says so. The first entry is the whole of all records; it is written anew when the log has
//! grown, and when the log is not where the database is (power was cut before the log reached the disk). The stat
//! index is left out: only speed depends on it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::entries::{
    FOOT, HEAD, HEAD_MAGIC, Head, Kind, begin_whole, chain, entry, head_in, last_in, parse,
};
use super::snapshot::SnapshotWriter;
use crate::store::error::StoreError;
use crate::sys::disk;
use crate::sys::error::At as _;
use crate::sys::fault;

/// Bytes that the log may have beside twice its first entry.
const SLACK: u64 = 1 << 20;

/// Bytes, stored as such.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::store) struct Bytes(pub(in crate::store) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Bytes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = items.next_element()? {
                    bytes.push(byte);
                }
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_bytes(Reader)
    }
}

/// A row's key, in any table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::store) enum Key {
    /// A name.
    Name(String),
    /// A volume, and a name of its own.
    Owned(String, String),
    /// A number.
    Number(u64),
    /// A volume, and a number of its own.
    OwnedNumber(String, u64),
}

/// A row's value, in any table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) enum Value {
    /// A record.
    Record(Bytes),
    /// A word.
    Text(String),
    /// A number.
    Number(u64),
}

/// What a row becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct Change {
    /// The table.
    pub(in crate::store) table: String,
    /// The row.
    pub(in crate::store) key: Key,
    /// Its value; none when it goes.
    pub(in crate::store) value: Option<Value>,
}

/// How the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Tail {
    /// The schema of its last entry.
    pub(in crate::store) schema: u16,
    /// The transaction that it is of.
    pub(in crate::store) generation: u64,
    /// Whether that is known to be committed.
    pub(in crate::store) committed: bool,
    first: u64,
    length: u64,
}

/// The records that a log holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Records {
    /// The schema that they are of; 0 when there are none.
    pub(in crate::store) schema: u16,
    /// The last transaction that is in them.
    pub(in crate::store) generation: u64,
    /// By table and key.
    pub(in crate::store) rows: BTreeMap<(String, Key), Value>,
    /// Whether all of the log could be read.
    pub(in crate::store) is_whole: bool,
    /// The first transaction behind a damaged place whose entry was synced, with all before it.
    synced_since: Option<u64>,
}

impl Records {
    /// Reads a log, whatever is in it: what is damaged is passed over.
    pub fn read(bytes: &[u8]) -> Self {
        let mut entries: Vec<(Head, &[u8])> = Vec::new();
        let (mut at, mut is_whole, mut synced_since) = (0, true, None);
        while at < bytes.len() {
            let Some((head, body)) = parse(&bytes[at..]) else {
                is_whole = false;
                if at == 0 {
                    // The first entry was on the disk before the log had its name.
                    synced_since = Some(0);
                }
                let next = bytes[at + 1..].windows(HEAD_MAGIC.len()).position(|window| window == HEAD_MAGIC);
                at = next.map_or(bytes.len(), |next| at + 1 + next);
                continue;
            };
            at += HEAD + body.len() + FOOT;
            if head.kind == Kind::Mark {
                continue;
            }
            is_whole &= chain(&mut entries, head, body);
            if !is_whole && head.synced {
                synced_since.get_or_insert(head.generation);
            }
        }
        is_whole &= begin_whole(&entries);
        let mut records = Records { is_whole, synced_since, ..Records::default() };
        for (head, body) in entries {
            let Ok(changes) = rmp_serde::from_slice::<Vec<Change>>(body) else {
                records.is_whole = false;
                continue;
            };
            if head.kind == Kind::SnapshotWriter {
                records.rows.clear();
            }
            (records.schema, records.generation) = (head.schema, head.generation);
            for change in changes {
                let place = (change.table, change.key);
                match change.value {
                    Some(value) => records.rows.insert(place, value),
                    None => records.rows.remove(&place),
                };
            }
        }
        records
    }

    /// Whether what is damaged is only what a power cut can have kept from the disk, in a log beside a database at
    /// transaction `generation`.
    pub(in crate::store) fn is_torn(&self, generation: u64) -> bool {
        !self.is_whole && self.synced_since.is_none_or(|synced| synced > generation)
    }
}

/// The log of one pool.
#[derive(Debug)]
pub(in crate::store) struct Backup {
    path: PathBuf,
}

impl Backup {
    pub(in crate::store) fn new(path: PathBuf) -> Self {
        Backup { path }
    }

    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }

    /// How it ends; none when there is none or its end is damaged.
    pub(in crate::store) fn tail(&self) -> Option<Tail> {
        let file = File::open(&self.path).ok()?;
        let length = file.metadata().ok()?.len();
        let Head { kind, schema, generation, first, .. } = last_in(&file, length)?;
        Some(Tail { schema, generation, committed: kind == Kind::Mark, first, length })
    }

    /// Whether all of it can be read, as [`Records::read`] finds it, with no more of it in memory than its heads.
    pub(in crate::store) fn is_whole(&self) -> bool {
        let Ok(file) = File::open(&self.path) else { return false };
        let Ok(length) = file.metadata().map(|metadata| metadata.len()) else { return false };
        let (mut entries, mut at) = (Vec::new(), 0);
        while at < length {
            let Some(head) = head_in(&file, at) else { return false };
            at += (HEAD + FOOT) as u64 + u64::from(head.length);
            if head.kind != Kind::Mark && !chain(&mut entries, head, ()) {
                return false;
            }
        }
        begin_whole(&entries)
    }

    /// What it holds; nothing when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(in crate::store) fn read(&self) -> Result<Records, StoreError> {
        match std::fs::read(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Records::default()),
            bytes => Ok(Records::read(&bytes.at("read", &self.path)?)),
        }
    }

    /// Adds what the transaction `generation` is about to change, or begins anew with `all` when the log does not
    /// lead up to it or has grown.
    pub(in crate::store) fn add(
        &self,
        schema: u16,
        generation: u64,
        changes: &[Change],
        sync: bool,
        all: impl FnOnce(&mut SnapshotWriter) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let tail = self.tail().filter(|tail| {
            let leads_up =
                tail.generation + 1 == generation || tail.generation == generation && !tail.committed;
            leads_up && tail.schema == schema && tail.length <= 2 * tail.first + SLACK
        });
        let Some(tail) = tail else { return self.write_whole(schema, generation, all) };
        let body = encode(changes)?;
        let length = size(&body)?;
        let head = Head { kind: Kind::Changes, synced: sync, schema, length, generation, first: tail.first };
        fault::point("records.add").at("write", &self.path)?;
        let mut file = OpenOptions::new().append(true).open(&self.path).at("open", &self.path)?;
        file.write_all(&entry(head, &body)).at("write", &self.path)?;
        if sync {
            fault::point("records.sync").at("sync", &self.path)?;
            file.sync_data().at("sync", &self.path)?;
        }
        Ok(())
    }

    /// Begins the log anew, with the records that `all` tells of.
    pub(in crate::store) fn write_whole(
        &self,
        schema: u16,
        generation: u64,
        all: impl FnOnce(&mut SnapshotWriter) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let fresh = self.path.with_extension("new");
        if fresh.exists() {
            disk::remove_file(&fresh)?;
        }
        let mut whole = SnapshotWriter::begin(&fresh)?;
        all(&mut whole)?;
        whole.finish(schema, generation)?;
        Ok(disk::replace(&fresh, &self.path)?)
    }

    /// Says that the transaction is committed. Only the check that the database is not an older one depends on it.
    pub(in crate::store) fn mark(&self, schema: u16, generation: u64) {
        let Some(tail) = self.tail().filter(|tail| tail.generation == generation) else { return };
        let head = Head { kind: Kind::Mark, synced: false, schema, length: 0, generation, first: tail.first };
        if let Ok(mut file) = OpenOptions::new().append(true).mode(0o600).open(&self.path) {
            let _ = file.write_all(&entry(head, &[]));
        }
    }
}

fn encode(changes: &[Change]) -> Result<Vec<u8>, StoreError> {
    rmp_serde::to_vec(changes).map_err(|error| too_large(&error.to_string()))
}

fn size(body: &[u8]) -> Result<u32, StoreError> {
    u32::try_from(body.len()).map_err(|_| too_large("it is too large"))
}

pub(in crate::store) fn too_large(reason: &str) -> StoreError {
    let (table, key) = ("records.log".to_owned(), "entry".to_owned());
    StoreError::Record { table, key, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, value: Option<u64>) -> Change {
        Change { table: "t".to_owned(), key: Key::Name(name.to_owned()), value: value.map(Value::Number) }
    }

    fn all(records: &[Change]) -> impl FnOnce(&mut SnapshotWriter) -> Result<(), StoreError> {
        |whole| records.iter().try_for_each(|record| whole.push(record))
    }

    fn number(records: &Records, name: &str) -> Option<u64> {
        match records.rows.get(&("t".to_owned(), Key::Name(name.to_owned())))? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    #[test]
    fn what_was_never_committed_is_overtaken() {
        let dir = tempfile::tempdir().unwrap();
        let backup = Backup::new(dir.path().join("log"));
        let never = |_: &mut SnapshotWriter| panic!("the log leads up to it");
        backup.add(1, 1, &[], false, all(&[change("a", Some(1))])).unwrap();
        backup.mark(1, 1);
        backup.add(1, 2, &[change("a", Some(2))], true, never).unwrap();
        backup.add(1, 2, &[change("b", Some(3))], true, never).unwrap();
        backup.mark(1, 2);
        let records = backup.read().unwrap();
        assert!(records.is_whole && records.generation == 2);
        assert_eq!((number(&records, "a"), number(&records, "b")), (Some(1), Some(3)));
        // The database is further than the log: it begins anew.
        backup.add(1, 4, &[], false, all(&[change("c", Some(4))])).unwrap();
        assert_eq!(number(&backup.read().unwrap(), "a"), None);
    }

    #[test]
    fn what_a_power_cut_tears_is_told_from_other_damage() {
        let dir = tempfile::tempdir().unwrap();
        let backup = Backup::new(dir.path().join("log"));
        let end = || usize::try_from(std::fs::metadata(backup.path()).unwrap().len()).unwrap();
        let add = |generation, sync| {
            backup.add(1, generation, &[change("a", Some(generation))], sync, all(&[])).unwrap();
            end()
        };
        let ends = [add(1, false), add(2, true), add(3, false), add(4, false), add(5, true)];
        let bytes = std::fs::read(backup.path()).unwrap();
        let damaged = |entry: usize| {
            let mut bytes = bytes.clone();
            bytes[ends[entry] - 20] ^= 1;
            Records::read(&bytes)
        };
        // The first entry and one that was synced were on the disk.
        assert!(!damaged(0).is_torn(5) && !damaged(1).is_torn(5));
        // So was what stands before one that was synced, once its transaction is committed.
        assert!(!damaged(2).is_torn(5) && damaged(2).is_torn(4));
        assert!(damaged(4).is_torn(4));
        assert!(!Records::read(&bytes).is_torn(5));
        assert!(Records::read(&bytes[..ends[3] - 20]).is_torn(4));
    }

    #[test]
    fn a_damaged_entry_is_passed_over_and_any_bytes_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let backup = Backup::new(dir.path().join("log"));
        backup.add(1, 1, &[], false, all(&[change("a", Some(1))])).unwrap();
        backup.add(1, 2, &[change("b", Some(2))], false, all(&[])).unwrap();
        let second = std::fs::metadata(backup.path()).unwrap().len();
        backup.add(1, 3, &[change("c", Some(3))], false, all(&[])).unwrap();
        let bytes = std::fs::read(backup.path()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let records = Records::read(&flipped);
            assert!(!records.is_whole, "bit {bit}");
            File::options().write(true).open(backup.path()).unwrap().write_all(&flipped).unwrap();
            assert!(!backup.is_whole(), "bit {bit}");
            assert!(records.rows.len() >= 2, "bit {bit}");
            if bit as u64 / 8 >= second {
                assert_eq!(number(&records, "b"), Some(2), "bit {bit}");
            }
        }
        for length in (0..=bytes.len()).rev() {
            File::options().write(true).open(backup.path()).unwrap().set_len(length as u64).unwrap();
            if length == bytes.len() {
                File::options().write(true).open(backup.path()).unwrap().write_all(&bytes).unwrap();
            }
            assert_eq!(backup.is_whole(), Records::read(&bytes[..length]).is_whole, "{length}");
        }
    }
}
