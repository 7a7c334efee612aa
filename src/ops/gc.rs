//! `gc`: delete from trash what need not be kept any longer.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::error::Error;
use crate::model::OperationId;
use crate::pool::{Pool, TrashEntry};

/// What was deleted, or would be. An operation's entry goes whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// How many operations cannot be undone any more.
    pub operations: usize,
    /// Bytes of disk that are free again.
    pub bytes: u64,
    /// How many operations are kept in trash.
    pub kept: usize,
    /// Bytes that these take.
    pub kept_bytes: u64,
    /// Whether nothing was deleted.
    pub dry_run: bool,
    /// Why something could not be deleted that should have been: a line for each operation, which is not counted as freed.
    pub failed: Vec<String>,
}

/// Deletes what `trash.keep` and `trash.max-size` do not keep, or with `all` everything in trash.
///
/// What cannot be deleted is told in the result, and the others are deleted all the same.
///
/// # Errors
/// When the metadata or trash cannot be read.
pub fn gc(pool: &Pool, all: bool, dry_run: bool) -> Result<Collected, Error> {
    // Of a pool whose metadata this dvol cannot read, trash is not its to delete.
    pool.store().read(|_| Ok::<_, Error>(()))?;
    let entries = pool.trash(true)?;
    let goes: Vec<TrashEntry> = if all { entries.clone() } else { pool.expired_trash()? };
    let mut left: BTreeSet<OperationId> = entries.iter().map(|entry| entry.operation.clone()).collect();
    let (mut freed, mut failed) = (BTreeSet::new(), Vec::new());
    for TrashEntry { operation, .. } in goes {
        let deleted = if dry_run { Ok(()) } else { pool.delete_trash(&operation) };
        match deleted {
            Ok(()) => {
                left.remove(&operation);
                freed.insert(operation);
            }
            Err(error) => failed.push(error.to_string()),
        }
    }
    if !failed.is_empty() {
        // One that was to go may have left trash and still take space: it is neither.
        let there: BTreeSet<OperationId> =
            pool.trash(false)?.into_iter().map(|entry| entry.operation).collect();
        left.retain(|operation| there.contains(operation));
    }
    let bytes = |of: &BTreeSet<OperationId>| {
        entries.iter().filter(|entry| of.contains(&entry.operation)).map(|entry| entry.bytes).sum()
    };
    Ok(Collected {
        operations: freed.len(),
        bytes: bytes(&freed),
        kept: left.len(),
        kept_bytes: bytes(&left),
        dry_run,
        failed,
    })
}
