//! `gc`: delete from trash what need not be kept any longer.

use serde::Serialize;

use crate::pool::{Error, Pool, TrashEntry};

/// What was deleted, or would be.
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
}

/// Deletes what `trash.keep` and `trash.max-size` do not keep, or with `all` everything in trash.
///
/// # Errors
/// When trash cannot be read or deleted.
pub fn gc(pool: &Pool, all: bool, dry_run: bool) -> Result<Collected, Error> {
    let entries = pool.trash(true)?;
    let goes: Vec<TrashEntry> = if all { entries.clone() } else { pool.expired_trash()? };
    let is_going = |entry: &&TrashEntry| goes.iter().any(|other| other.operation == entry.operation);
    let bytes = entries.iter().filter(is_going).map(|entry| entry.bytes).sum();
    let total: u64 = entries.iter().map(|entry| entry.bytes).sum();
    if !dry_run {
        pool.delete_trash(&goes)?;
    }
    Ok(Collected {
        operations: goes.len(),
        bytes,
        kept: entries.len() - goes.len(),
        kept_bytes: total - bytes,
        dry_run,
    })
}
