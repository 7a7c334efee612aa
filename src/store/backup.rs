//! The second copy of the records: a log beside the database that the database can be rebuilt from.
//!
//! Before a transaction is committed its changes are added here; one that changes what a person can see is synced.
//! After the commit a mark says so. The first entry is the whole of all records; it is written anew when the log has
//! grown, and when the log is not where the database is (power was cut before the log reached the disk). The stat
//! index is left out: only speed depends on it.
//!
//! Each entry has a head of [`HEAD`] bytes, a body (MessagePack) and a foot of [`FOOT`] bytes, by which the last one is
//! found. All numbers are little-endian.
//!
//! ```text
//! magic 4 · kind 1 · synced 1 · schema 2 · length of the body 4 · generation 8 · length of the first entry 8 · hash 12
//! body
//! length of the body 4 · magic 4
//! ```

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::StoreError;
use crate::sys::disk;
use crate::sys::error::At as _;
use crate::sys::fault;

const HEAD_MAGIC: &[u8; 4] = b"dvlE";
const FOOT_MAGIC: &[u8; 4] = b"Elvd";
/// Bytes of an entry's head and foot.
const HEAD: usize = 40;
const FOOT: usize = 8;
/// What of the head the hash is of, with the body.
const HASHED: usize = 28;
/// What an array of MessagePack with a length of four bytes begins with.
const ARRAY_32: u8 = 0xdd;
/// Bytes that the log may have beside twice its first entry.
const SLACK: u64 = 1 << 20;

/// Bytes, stored as such.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Bytes(pub(super) Vec<u8>);

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
pub(super) enum Key {
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
pub(super) enum Value {
    /// A record.
    Record(Bytes),
    /// A word.
    Text(String),
    /// A number.
    Number(u64),
}

/// What a row becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    /// The table.
    pub(super) table: String,
    /// The row.
    pub(super) key: Key,
    /// Its value; none when it goes.
    pub(super) value: Option<Value>,
}

/// All records, encoded one by one as they are met: there may be as many as operations were ever made.
#[derive(Debug)]
pub(super) struct Whole {
    /// A MessagePack array of changes, whose length is written at last.
    body: Vec<u8>,
    count: u32,
}

impl Whole {
    pub(super) fn new() -> Self {
        Whole { body: vec![ARRAY_32, 0, 0, 0, 0], count: 0 }
    }

    pub(super) fn push(&mut self, record: &Change) -> Result<(), StoreError> {
        self.count += 1;
        rmp_serde::encode::write(&mut self.body, record).map_err(|error| too_large(&error.to_string()))
    }

    fn into_body(mut self) -> Vec<u8> {
        self.body[1..5].copy_from_slice(&self.count.to_be_bytes());
        self.body
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// All records there are.
    Whole = 1,
    /// What one transaction changes.
    Changes = 2,
    /// The transaction of this generation is committed.
    Mark = 3,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    kind: Kind,
    /// Whether it is on the disk, with all before it, when its transaction is committed.
    synced: bool,
    schema: u16,
    length: u32,
    generation: u64,
    first: u64,
}

/// How the log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    /// The schema of its last entry.
    pub(super) schema: u16,
    /// The transaction that it is of.
    pub(super) generation: u64,
    /// Whether that is known to be committed.
    pub(super) committed: bool,
    first: u64,
    length: u64,
}

/// The records that a log holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Records {
    /// The schema that they are of; 0 when there are none.
    pub(super) schema: u16,
    /// The last transaction that is in them.
    pub(super) generation: u64,
    /// By table and key.
    pub(super) rows: BTreeMap<(String, Key), Value>,
    /// Whether all of the log could be read.
    pub(super) is_whole: bool,
    /// The first transaction behind a damaged place whose entry was synced, with all before it.
    synced_since: Option<u64>,
}

fn hash(head: &[u8], body: &[u8]) -> [u8; 12] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(head).update(body);
    let mut short = [0; 12];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..12]);
    short
}

fn entry(head: Head, body: &[u8]) -> Vec<u8> {
    let (head, foot) = around(head, body);
    [&head, body, &foot].concat()
}

/// The head and the foot of an entry.
fn around(head: Head, body: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut bytes = Vec::with_capacity(HEAD);
    bytes.extend_from_slice(HEAD_MAGIC);
    bytes.extend_from_slice(&[head.kind as u8, u8::from(head.synced)]);
    bytes.extend_from_slice(&head.schema.to_le_bytes());
    bytes.extend_from_slice(&head.length.to_le_bytes());
    bytes.extend_from_slice(&head.generation.to_le_bytes());
    bytes.extend_from_slice(&head.first.to_le_bytes());
    let hash = hash(&bytes, body);
    bytes.extend_from_slice(&hash);
    (bytes, [&head.length.to_le_bytes()[..], FOOT_MAGIC].concat())
}

/// The entry that begins with `bytes`, with its body; none if none that is whole does.
fn parse(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    if !head.starts_with(HEAD_MAGIC) || head[5] > 1 {
        return None;
    }
    let length = u32::from_le_bytes(head[8..12].try_into().ok()?);
    let (body, foot) = rest.split_at_checked(length as usize)?;
    let foot = foot.get(..FOOT)?;
    if foot[..4] != head[8..12] || foot[4..] != *FOOT_MAGIC || head[HASHED..] != hash(&head[..HASHED], body) {
        return None;
    }
    let kind = match head[4] {
        1 => Kind::Whole,
        2 => Kind::Changes,
        3 => Kind::Mark,
        _ => return None,
    };
    let word = |at: usize| Some(u64::from_le_bytes(head[at..at + 8].try_into().ok()?));
    let schema = u16::from_le_bytes(head[6..8].try_into().ok()?);
    let (synced, generation, first) = (head[5] == 1, word(12)?, word(20)?);
    Some((Head { kind, synced, schema, length, generation, first }, body))
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
            // What was written before and never committed is overtaken by what has its number.
            while entries.last().is_some_and(|(last, _)| last.generation >= head.generation) {
                entries.pop();
            }
            let follows = entries.last().is_none_or(|(last, _)| last.generation + 1 == head.generation);
            is_whole &= follows || head.kind == Kind::Whole;
            if !is_whole && head.synced {
                synced_since.get_or_insert(head.generation);
            }
            entries.push((head, body));
        }
        is_whole &= entries.first().is_some_and(|(first, _)| first.kind == Kind::Whole);
        let mut records = Records { is_whole, synced_since, ..Records::default() };
        for (head, body) in entries {
            let Ok(changes) = rmp_serde::from_slice::<Vec<Change>>(body) else {
                records.is_whole = false;
                continue;
            };
            if head.kind == Kind::Whole {
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
    pub(super) fn is_torn(&self, generation: u64) -> bool {
        !self.is_whole && self.synced_since.is_none_or(|synced| synced > generation)
    }
}

/// The log of one pool.
#[derive(Debug)]
pub(super) struct Backup {
    path: PathBuf,
}

impl Backup {
    pub(super) fn new(path: PathBuf) -> Self {
        Backup { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How it ends; none when there is none or its end is damaged.
    pub(super) fn tail(&self) -> Option<Tail> {
        let file = File::open(&self.path).ok()?;
        let length = file.metadata().ok()?.len();
        let mut foot = [0; FOOT];
        file.read_exact_at(&mut foot, length.checked_sub(FOOT as u64)?).ok()?;
        let body = u32::from_le_bytes(foot[..4].try_into().ok()?);
        let size = HEAD + body as usize + FOOT;
        let start = length.checked_sub(size as u64)?;
        let mut bytes = vec![0; size];
        file.read_exact_at(&mut bytes, start).ok()?;
        let (head, _) = parse(&bytes)?;
        let Head { kind, schema, generation, first, .. } = head;
        Some(Tail { schema, generation, committed: kind == Kind::Mark, first, length })
    }

    /// What it holds; nothing when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read(&self) -> Result<Records, StoreError> {
        match std::fs::read(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Records::default()),
            bytes => Ok(Records::read(&bytes.at("read", &self.path)?)),
        }
    }

    /// Adds what the transaction `generation` is about to change, or writes `whole` when the log does not
    /// lead up to it or has grown.
    pub(super) fn add(
        &self,
        schema: u16,
        generation: u64,
        changes: &[Change],
        sync: bool,
        whole: impl FnOnce() -> Result<Whole, StoreError>,
    ) -> Result<(), StoreError> {
        let tail = self.tail().filter(|tail| {
            let leads_up =
                tail.generation + 1 == generation || tail.generation == generation && !tail.committed;
            leads_up && tail.schema == schema && tail.length <= 2 * tail.first + SLACK
        });
        let Some(tail) = tail else { return self.write_whole(schema, generation, whole()?) };
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

    /// Begins the log anew.
    pub(super) fn write_whole(&self, schema: u16, generation: u64, records: Whole) -> Result<(), StoreError> {
        let body = records.into_body();
        let length = size(&body)?;
        let first = (HEAD + body.len() + FOOT) as u64;
        let head = Head { kind: Kind::Whole, synced: true, schema, length, generation, first };
        let fresh = self.path.with_extension("new");
        if fresh.exists() {
            disk::remove_file(&fresh)?;
        }
        let mut file = disk::create_new(&fresh)?;
        let (head, foot) = around(head, &body);
        for part in [&head, &body, &foot] {
            file.write_all(part).at("write", &fresh)?;
        }
        fault::point("records.sync").at("sync", &fresh)?;
        file.sync_data().at("sync", &fresh)?;
        Ok(disk::replace(&fresh, &self.path)?)
    }

    /// Says that the transaction is committed. Only the check that the database is not an older one depends on it.
    pub(super) fn mark(&self, schema: u16, generation: u64) {
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

fn too_large(reason: &str) -> StoreError {
    let (table, key) = ("records.log".to_owned(), "entry".to_owned());
    StoreError::Record { table, key, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, value: Option<u64>) -> Change {
        Change { table: "t".to_owned(), key: Key::Name(name.to_owned()), value: value.map(Value::Number) }
    }

    fn whole(records: &[Change]) -> Result<Whole, StoreError> {
        let mut whole = Whole::new();
        records.iter().try_for_each(|record| whole.push(record))?;
        Ok(whole)
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
        let never = || panic!("the log leads up to it");
        backup.add(1, 1, &[], false, || whole(&[change("a", Some(1))])).unwrap();
        backup.mark(1, 1);
        backup.add(1, 2, &[change("a", Some(2))], true, never).unwrap();
        backup.add(1, 2, &[change("b", Some(3))], true, never).unwrap();
        backup.mark(1, 2);
        let records = backup.read().unwrap();
        assert!(records.is_whole && records.generation == 2);
        assert_eq!((number(&records, "a"), number(&records, "b")), (Some(1), Some(3)));
        // The database is further than the log: it begins anew.
        backup.add(1, 4, &[], false, || whole(&[change("c", Some(4))])).unwrap();
        assert_eq!(number(&backup.read().unwrap(), "a"), None);
    }

    #[test]
    fn what_a_power_cut_tears_is_told_from_other_damage() {
        let dir = tempfile::tempdir().unwrap();
        let backup = Backup::new(dir.path().join("log"));
        let end = || usize::try_from(std::fs::metadata(backup.path()).unwrap().len()).unwrap();
        let add = |generation, sync| {
            backup.add(1, generation, &[change("a", Some(generation))], sync, || whole(&[])).unwrap();
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
        backup.add(1, 1, &[], false, || whole(&[change("a", Some(1))])).unwrap();
        backup.add(1, 2, &[change("b", Some(2))], false, || whole(&[])).unwrap();
        let second = std::fs::metadata(backup.path()).unwrap().len();
        backup.add(1, 3, &[change("c", Some(3))], false, || whole(&[])).unwrap();
        let bytes = std::fs::read(backup.path()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let records = Records::read(&flipped);
            assert!(!records.is_whole, "bit {bit}");
            assert!(records.rows.len() >= 2, "bit {bit}");
            if bit as u64 / 8 >= second {
                assert_eq!(number(&records, "b"), Some(2), "bit {bit}");
            }
        }
        for length in 0..bytes.len() {
            Records::read(&bytes[..length]);
        }
    }
}
