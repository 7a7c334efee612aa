//! Reading all records of a log, whatever is in it.

use super::change::{LoggedRows, decode_changes};
use super::entries::{FOOT_BYTES, HEAD_BYTES, HEAD_MAGIC, Head, Kind, begin_with_snapshot, chain, parse};
use crate::store::rename;

/// The records that a log holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoggedRecords {
    /// The schema of the records; 0 if there are none.
    pub(in crate::store) schema: u16,
    /// The last transaction that the records include.
    pub(in crate::store) generation: u64,
    /// The values, by table and key.
    pub(in crate::store) rows: LoggedRows,
    /// Whether the whole log could be read.
    pub(in crate::store) is_whole: bool,
    /// The first transaction after a damaged place whose entry was synced, with all before it.
    synced_since: Option<u64>,
}

impl LoggedRecords {
    /// Reads a log, and skips what is damaged.
    pub fn read(bytes: &[u8]) -> Self {
        let mut entries: Vec<(Head, &[u8])> = Vec::new();
        let (mut at, mut is_whole, mut synced_since) = (0, true, None);
        while at < bytes.len() {
            let Some((head, body)) = parse(&bytes[at..]) else {
                is_whole = false;
                if at == 0 {
                    // The first entry was durable before the log got its name.
                    synced_since = Some(0);
                }
                let next = bytes[at + 1..].windows(HEAD_MAGIC.len()).position(|window| window == HEAD_MAGIC);
                at = next.map_or(bytes.len(), |next| at + 1 + next);
                continue;
            };
            at += HEAD_BYTES + body.len() + FOOT_BYTES;
            if head.kind == Kind::Mark {
                continue;
            }
            is_whole &= chain(&mut entries, head, body);
            if !is_whole && head.synced {
                synced_since.get_or_insert(head.generation);
            }
        }
        is_whole &= begin_with_snapshot(&entries);
        let mut records = LoggedRecords { is_whole, synced_since, ..LoggedRecords::default() };
        for (head, body) in entries {
            let Some(changes) = decode_changes(body) else {
                records.is_whole = false;
                continue;
            };
            if head.kind == Kind::Snapshot {
                records.rows.clear();
            }
            (records.schema, records.generation) = (head.schema, head.generation);
            for change in changes {
                if rename::replay(&mut records.rows, &change.table, &change.key, change.value.as_ref()) {
                    continue;
                }
                let place = (change.table, change.key);
                match change.value {
                    Some(value) => records.rows.insert(place, value),
                    None => records.rows.remove(&place),
                };
            }
        }
        records
    }

    /// Returns whether only a power cut can have done the damage: every damaged entry may have been
    /// on its way to the disk while the database was at transaction `generation`.
    pub(in crate::store) fn is_torn(&self, generation: u64) -> bool {
        !self.is_whole && self.synced_since.is_none_or(|synced| synced > generation)
    }
}
