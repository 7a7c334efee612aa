//! `gc`: delete expired trash.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::error::Error;
use crate::model::{OperationId, VolumeName};
use crate::pool::{Pool, TrashEntry, existing};
use crate::store::Rows;
use crate::sys::tree::LeftBehind;

/// What `gc` deleted or would delete. The trash of an operation goes as a whole or not at all.
#[derive(Debug, Serialize)]
pub struct Collected {
    /// How many operations can no longer be undone.
    pub operations: usize,
    /// Bytes of disk that were freed.
    pub bytes: u64,
    /// How many operations still have trash.
    pub kept: usize,
    /// Bytes that their trash takes.
    pub kept_bytes: u64,
    /// Whether nothing was deleted.
    pub dry_run: bool,
    /// One line for each operation whose trash could not be deleted.
    pub failed: Vec<String>,
    /// How many entries the kernel keeps from being deleted, of this trash and of earlier trash.
    pub left: u64,
    /// Why, for each place.
    #[serde(skip)]
    pub reasons: Vec<LeftBehind>,
}

/// Deletes the trash that `trash.keep` and `trash.max-size` do not keep, or with `all` everything
/// in trash. With a volume, which need not exist any more, only the trash of its operations.
///
/// What cannot be deleted is reported in the result and does not stop the rest. What the kernel
/// keeps is no failure: each recovery tries again to delete it.
///
/// # Errors
/// When the metadata or trash cannot be read.
pub fn gc(pool: &Pool, volume: Option<&VolumeName>, all: bool, dry_run: bool) -> Result<Collected, Error> {
    // Without readable metadata, trash may be needed.
    let own = pool.store().read(|rows| operations_of(&rows, volume))?;
    let is_own = |entry: &TrashEntry| own.as_ref().is_none_or(|own| own.contains(&entry.operation));
    let mut entries = pool.trash(true)?;
    entries.retain(is_own);
    let mut goes: Vec<TrashEntry> = if all { entries.clone() } else { pool.expired_trash()? };
    goes.retain(is_own);
    collect(pool, &entries, goes, dry_run)
}

/// Collects the operations on `volume`; `None` if no volume is named.
fn operations_of(
    rows: &Rows<'_>,
    volume: Option<&VolumeName>,
) -> Result<Option<BTreeSet<OperationId>>, Error> {
    let Some(volume) = volume else { return Ok(None) };
    let operations = rows.operations(volume, usize::MAX)?;
    if operations.is_empty() {
        existing(rows, volume)?;
    }
    Ok(Some(operations.into_iter().map(|operation| operation.id).collect()))
}

/// Deletes the entries `goes` of `entries`, unless it is a dry run.
pub(super) fn collect(
    pool: &Pool,
    entries: &[TrashEntry],
    goes: Vec<TrashEntry>,
    dry_run: bool,
) -> Result<Collected, Error> {
    let mut left: BTreeSet<OperationId> = entries.iter().map(|entry| entry.operation.clone()).collect();
    let (mut freed, mut failed) = (BTreeSet::new(), Vec::new());
    if !goes.is_empty() && !dry_run {
        // This may need the space that trash takes; what stays, fsck finds.
        let _ = pool.forget_stale_index(&goes);
    }
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
        // Trash that could not be deleted may have left half: it counts as neither freed nor kept.
        let there: BTreeSet<OperationId> =
            pool.trash(false)?.into_iter().map(|entry| entry.operation).collect();
        left.retain(|operation| there.contains(operation));
    }
    let bytes = |of: &BTreeSet<OperationId>| {
        entries.iter().filter(|entry| of.contains(&entry.operation)).map(|entry| entry.bytes).sum()
    };
    let reasons = if dry_run { Vec::new() } else { pool.delete_leftovers()? };
    Ok(Collected {
        operations: freed.len(),
        bytes: bytes(&freed),
        kept: left.len(),
        kept_bytes: bytes(&left),
        dry_run,
        failed,
        left: reasons.iter().map(|left| left.entries).sum(),
        reasons,
    })
}
