//! The entries of the second copy's log.
//!
//! Each has a head of [`HEAD`] bytes, a body (MessagePack) and a foot of [`FOOT`] bytes, by which the last one is
//! found. All numbers are little-endian.
//!
//! ```text
//! magic 4 · kind 1 · synced 1 · schema 2 · length of the body 4 · generation 8 · length of the first entry 8 · hash 12
//! body
//! length of the body 4 · magic 4
//! ```

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

pub(in crate::store) const HEAD_MAGIC: &[u8; 4] = b"dvlE";
const FOOT_MAGIC: &[u8; 4] = b"Elvd";
/// Bytes of an entry's head and foot.
pub(in crate::store) const HEAD: usize = 40;
pub(in crate::store) const FOOT: usize = 8;
/// What of the head the hash is of, with the body.
const HASHED: usize = 28;
/// Bytes of a body that are in memory at once, where it is only looked at.
const PART: usize = 64 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    /// All records there are.
    SnapshotWriter = 1,
    /// What one transaction changes.
    Changes = 2,
    /// The transaction of this generation is committed.
    Mark = 3,
}

#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Head {
    pub(in crate::store) kind: Kind,
    /// Whether it is on the disk, with all before it, when its transaction is committed.
    pub(in crate::store) synced: bool,
    pub(in crate::store) schema: u16,
    pub(in crate::store) length: u32,
    pub(in crate::store) generation: u64,
    pub(in crate::store) first: u64,
}

impl Head {
    /// What is at the beginning of the entry but its hash.
    fn hashed(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD);
        bytes.extend_from_slice(HEAD_MAGIC);
        bytes.extend_from_slice(&[self.kind as u8, u8::from(self.synced)]);
        bytes.extend_from_slice(&self.schema.to_le_bytes());
        bytes.extend_from_slice(&self.length.to_le_bytes());
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&self.first.to_le_bytes());
        bytes
    }

    /// Reads the first [`HASHED`] bytes of an entry.
    fn parse(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(HEAD_MAGIC) || bytes.len() < HASHED {
            return None;
        }
        let kind = match bytes[4] {
            1 => Kind::SnapshotWriter,
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

/// Adds an entry, with what is known of it, to those before it; whether it follows them. What was written before and never
/// committed is overtaken by what has its number. The first is to be a whole one.
pub(in crate::store) fn chain<T>(entries: &mut Vec<(Head, T)>, head: Head, of_it: T) -> bool {
    while entries.last().is_some_and(|(last, _)| last.generation >= head.generation) {
        entries.pop();
    }
    let follows = entries.last().is_none_or(|(last, _)| last.generation + 1 == head.generation);
    entries.push((head, of_it));
    follows || head.kind == Kind::SnapshotWriter
}

/// Whether there is a first entry, and it is a whole one.
pub(in crate::store) fn begin_whole<T>(entries: &[(Head, T)]) -> bool {
    entries.first().is_some_and(|(first, _)| first.kind == Kind::SnapshotWriter)
}

/// The hash of what has gone through a hasher, as entries have it.
fn short(hasher: &blake3::Hasher) -> [u8; HEAD - HASHED] {
    let mut short = [0; HEAD - HASHED];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..HEAD - HASHED]);
    short
}

fn hash(head: &[u8], body: &[u8]) -> [u8; HEAD - HASHED] {
    short(blake3::Hasher::new().update(head).update(body))
}

/// What an entry ends in.
pub(in crate::store) fn foot(length: u32) -> Vec<u8> {
    [&length.to_le_bytes()[..], FOOT_MAGIC].concat()
}

/// A whole entry.
pub(in crate::store) fn entry(head: Head, body: &[u8]) -> Vec<u8> {
    let bytes = head.hashed();
    let hash = hash(&bytes, body);
    [&bytes, &hash[..], body, &foot(head.length)].concat()
}

/// The entry that begins with `bytes`, with its body; none if none that is whole does.
pub(in crate::store) fn parse(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let (start, rest) = bytes.split_at_checked(HEAD)?;
    let head = Head::parse(start)?;
    let (body, end) = rest.split_at_checked(head.length as usize)?;
    if end.get(..FOOT)? != foot(head.length) || start[HASHED..] != hash(&start[..HASHED], body) {
        return None;
    }
    Some((head, body))
}

/// The head of the entry at `start` whose body stands in `file` already, in full.
pub(in crate::store) fn head_over(file: &File, start: u64, head: Head) -> io::Result<Vec<u8>> {
    let mut bytes = head.hashed();
    let hash = hash_in(file, start, &bytes, head.length)?;
    bytes.extend_from_slice(&hash);
    Ok(bytes)
}

fn hash_in(file: &File, start: u64, head: &[u8], length: u32) -> io::Result<[u8; HEAD - HASHED]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(head);
    let (mut part, mut done) = (vec![0; PART.min(length as usize)], 0);
    while done < length as usize {
        let size = part.len().min(length as usize - done);
        file.read_exact_at(&mut part[..size], start + (HEAD + done) as u64)?;
        hasher.update(&part[..size]);
        done += size;
    }
    Ok(short(&hasher))
}

/// The head of the entry at `start`, whose body is looked at as well; none if none that is whole is there.
pub(in crate::store) fn head_in(file: &File, start: u64) -> Option<Head> {
    let mut bytes = [0; HEAD];
    file.read_exact_at(&mut bytes, start).ok()?;
    let head = Head::parse(&bytes)?;
    let mut end = [0; FOOT];
    file.read_exact_at(&mut end, start + HEAD as u64 + u64::from(head.length)).ok()?;
    let is_whole = end[..] == foot(head.length)
        && hash_in(file, start, &bytes[..HASHED], head.length).ok()? == bytes[HASHED..];
    is_whole.then_some(head)
}

/// The head of the last entry of a file of `length` bytes; none if its end is damaged.
pub(in crate::store) fn last_in(file: &File, length: u64) -> Option<Head> {
    let mut end = [0; FOOT];
    file.read_exact_at(&mut end, length.checked_sub(FOOT as u64)?).ok()?;
    let body = u32::from_le_bytes(end[..4].try_into().ok()?);
    let start = length.checked_sub(HEAD as u64 + u64::from(body) + FOOT as u64)?;
    head_in(file, start).filter(|head| head.length == body)
}
