//! `reflog`: list the operations on a volume, newest first.

use serde::Serialize;

use super::log::rfc3339;
use crate::error::Error;
use crate::model::{CommitId, Instant, Operation, Verb, VolumeName};
use crate::pool::Pool;

/// An operation on a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReflogEntry {
    /// The volume.
    pub volume: VolumeName,
    /// Its number, for `dvol undo --operation`.
    pub operation: u64,
    /// Its verb.
    pub verb: Verb,
    /// One line that says what it did.
    pub summary: String,
    /// When it began; an RFC 3339 date in JSON.
    #[serde(serialize_with = "rfc3339")]
    pub date: Instant,
    /// HEAD before it.
    pub before: Option<CommitId>,
    /// HEAD after it.
    pub after: Option<CommitId>,
    /// The N of `HEAD@{N}` that names HEAD after it, if it moved HEAD.
    pub head: Option<usize>,
}

/// Lists the newest `most` operations on `volume`, which need not exist any more.
///
/// # Errors
/// When there was no operation on such a volume, or the metadata cannot be read.
pub fn reflog(pool: &Pool, volume: Option<&VolumeName>, most: usize) -> Result<Vec<ReflogEntry>, Error> {
    let volume = match volume {
        Some(volume) => volume.clone(),
        None => pool.select(None)?,
    };
    let operations = pool.store().read(|rows| rows.operations(&volume, most))?;
    if operations.is_empty() {
        pool.select(Some(&volume))?;
    }
    let mut moves = 0;
    let entries = operations.into_iter().map(|operation| {
        let head = (operation.head_before != operation.head_after).then_some(moves);
        moves += usize::from(head.is_some());
        ReflogEntry { head, ..ReflogEntry::from(operation) }
    });
    Ok(entries.collect())
}

/// Lists the newest `most` operations on all volumes. Which `HEAD@{N}` is meant is not told.
///
/// # Errors
/// When the metadata cannot be read.
pub fn reflog_of_all(pool: &Pool, most: usize) -> Result<Vec<ReflogEntry>, Error> {
    let operations = pool.store().read(|rows| rows.newest_operations(most))?;
    Ok(operations.into_iter().map(ReflogEntry::from).collect())
}

impl From<Operation> for ReflogEntry {
    fn from(operation: Operation) -> Self {
        ReflogEntry {
            volume: operation.volume,
            operation: operation.number,
            verb: operation.verb,
            summary: operation.summary,
            date: operation.started,
            before: operation.head_before,
            after: operation.head_after,
            head: None,
        }
    }
}
