//! `reflog`: what was done to a volume, newest first.

use serde::{Serialize, Serializer};

use crate::error::Error;
use crate::model::{CommitId, Instant, Verb, VolumeName};
use crate::pool::Pool;

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReflogEntry {
    /// The volume.
    pub volume: VolumeName,
    /// Its number, for `dvol undo --operation`.
    pub operation: u64,
    /// What it did.
    pub verb: Verb,
    /// That in words.
    pub summary: String,
    /// When it began; in JSON as RFC 3339 has it.
    #[serde(serialize_with = "rfc3339")]
    pub date: Instant,
    /// HEAD before it.
    pub before: Option<CommitId>,
    /// HEAD after it.
    pub after: Option<CommitId>,
    /// N of the `HEAD@{N}` that names HEAD after it, where it moved HEAD.
    pub head: Option<usize>,
}

fn rfc3339<S: Serializer>(date: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&date.to_rfc3339())
}

/// The operations on `volume`, which need not exist any more; `most` of them.
///
/// # Errors
/// When nothing was ever done to such a volume, or the metadata cannot be read.
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
        ReflogEntry {
            volume: operation.volume,
            operation: operation.number,
            verb: operation.verb,
            summary: operation.summary,
            date: operation.started,
            before: operation.head_before,
            after: operation.head_after,
            head,
        }
    });
    Ok(entries.collect())
}
