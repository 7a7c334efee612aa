//! Head, body and foot of an entry of the log, as the folder's essay draws them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

pub(in crate::store) const HEAD_MAGIC: &[u8; 4] = b"dvlE";
const FOOT_MAGIC: &[u8; 4] = b"Elvd";
/// Length of an entry's head, in bytes.
pub(in crate::store) const HEAD_BYTES: usize = 40;
/// Length of an entry's foot, in bytes.
pub(in crate::store) const FOOT_BYTES: usize = 8;
/// How much of the head the hash covers, in bytes.
const HASHED_BYTES: usize = 28;
/// How much of a body is in memory at once while its hash is checked, in bytes.
const PART_BYTES: usize = 64 << 10;

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    /// All records.
    Snapshot = 1,
    /// The changes of one transaction.
    Changes = 2,
    /// The transaction of this generation is committed.
    Mark = 3,
}

/// The head of an entry.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Head {
    pub(in crate::store) kind: Kind,
    /// Whether the entry, with all before it, is on the disk when its transaction commits.
    pub(in crate::store) synced: bool,
    /// The schema of the records.
    pub(in crate::store) schema: u16,
    /// Length of the body, in bytes.
    pub(in crate::store) length: u32,
    /// The number of the transaction.
    pub(in crate::store) generation: u64,
    /// Length of the log's first entry, in bytes.
    pub(in crate::store) first: u64,
}

impl Head {
    /// Encodes the head without its hash.
    fn hashed(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        bytes.extend_from_slice(HEAD_MAGIC);
        bytes.extend_from_slice(&[self.kind as u8, u8::from(self.synced)]);
        bytes.extend_from_slice(&self.schema.to_le_bytes());
        bytes.extend_from_slice(&self.length.to_le_bytes());
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&self.first.to_le_bytes());
        bytes
    }

    /// Decodes the first [`HASHED_BYTES`] bytes of an entry.
    fn parse(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(HEAD_MAGIC) || bytes.len() < HASHED_BYTES {
            return None;
        }
        let kind = match bytes[4] {
            1 => Kind::Snapshot,
            2 => Kind::Changes,
            3 => Kind::Mark,
            _ => return None,
        };
        let synced = match bytes[5] {
            0 => false,
            1 => true,
            _ => return None,
        };
        let word = |at: usize| Some(u64::from_le_bytes(bytes[at..at + 8].try_into().ok()?));
        let schema = u16::from_le_bytes(bytes[6..8].try_into().ok()?);
        let length = u32::from_le_bytes(bytes[8..12].try_into().ok()?);
        Some(Head { kind, synced, schema, length, generation: word(12)?, first: word(20)? })
    }
}

/// Adds an entry to those before it, and returns whether it follows them. An entry that was written
/// and never committed is overtaken by the next one of its generation.
pub(in crate::store) fn chain<T>(entries: &mut Vec<(Head, T)>, head: Head, body: T) -> bool {
    while entries.last().is_some_and(|(last, _)| last.generation >= head.generation) {
        entries.pop();
    }
    let follows = entries.last().is_none_or(|(last, _)| last.generation + 1 == head.generation);
    entries.push((head, body));
    follows || head.kind == Kind::Snapshot
}

/// Returns whether the first entry is a snapshot.
pub(in crate::store) fn begin_with_snapshot<T>(entries: &[(Head, T)]) -> bool {
    entries.first().is_some_and(|(first, _)| first.kind == Kind::Snapshot)
}

/// Shortens a hash to the length that heads have room for.
fn shortened(hasher: &blake3::Hasher) -> [u8; HEAD_BYTES - HASHED_BYTES] {
    let mut short = [0; HEAD_BYTES - HASHED_BYTES];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..HEAD_BYTES - HASHED_BYTES]);
    short
}

fn hash(head: &[u8], body: &[u8]) -> [u8; HEAD_BYTES - HASHED_BYTES] {
    shortened(blake3::Hasher::new().update(head).update(body))
}

/// Encodes the foot of an entry.
pub(in crate::store) fn foot(length: u32) -> Vec<u8> {
    [&length.to_le_bytes()[..], FOOT_MAGIC].concat()
}

/// Encodes an entry.
pub(in crate::store) fn entry(head: Head, body: &[u8]) -> Vec<u8> {
    let bytes = head.hashed();
    let hash = hash(&bytes, body);
    [&bytes, &hash[..], body, &foot(head.length)].concat()
}

/// Decodes the entry that `bytes` begins with; returns `None` if it is damaged.
pub(in crate::store) fn parse(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let (start, rest) = bytes.split_at_checked(HEAD_BYTES)?;
    let head = Head::parse(start)?;
    let (body, end) = rest.split_at_checked(head.length as usize)?;
    if end.get(..FOOT_BYTES)? != foot(head.length)
        || start[HASHED_BYTES..] != hash(&start[..HASHED_BYTES], body)
    {
        return None;
    }
    Some((head, body))
}

/// Encodes the head, with its hash, of an entry at `start` whose body `file` already holds.
pub(in crate::store) fn head_over(file: &File, start: u64, head: Head) -> io::Result<Vec<u8>> {
    let mut bytes = head.hashed();
    let hash = hash_in(file, start, &bytes, head.length)?;
    bytes.extend_from_slice(&hash);
    Ok(bytes)
}

fn hash_in(file: &File, start: u64, head: &[u8], length: u32) -> io::Result<[u8; HEAD_BYTES - HASHED_BYTES]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(head);
    let (mut part, mut done) = (vec![0; PART_BYTES.min(length as usize)], 0);
    while done < length as usize {
        let size = part.len().min(length as usize - done);
        file.read_exact_at(&mut part[..size], start + (HEAD_BYTES + done) as u64)?;
        hasher.update(&part[..size]);
        done += size;
    }
    Ok(shortened(&hasher))
}

/// Reads the head of the entry at `start` and checks its body; returns `None` if it is damaged.
pub(in crate::store) fn head_in(file: &File, start: u64) -> Option<Head> {
    let mut bytes = [0; HEAD_BYTES];
    file.read_exact_at(&mut bytes, start).ok()?;
    let head = Head::parse(&bytes)?;
    let mut end = [0; FOOT_BYTES];
    file.read_exact_at(&mut end, start + HEAD_BYTES as u64 + u64::from(head.length)).ok()?;
    let is_whole = end[..] == foot(head.length)
        && hash_in(file, start, &bytes[..HASHED_BYTES], head.length).ok()? == bytes[HASHED_BYTES..];
    is_whole.then_some(head)
}

/// Reads the head of the last entry of a file of `length` bytes; returns `None` if it is damaged.
pub(in crate::store) fn last_in(file: &File, length: u64) -> Option<Head> {
    let mut end = [0; FOOT_BYTES];
    file.read_exact_at(&mut end, length.checked_sub(FOOT_BYTES as u64)?).ok()?;
    let body = u32::from_le_bytes(end[..4].try_into().ok()?);
    let start = length.checked_sub(HEAD_BYTES as u64 + u64::from(body) + FOOT_BYTES as u64)?;
    head_in(file, start).filter(|head| head.length == body)
}
