//! `list --deleted`: list the deleted volumes that trash still holds.

use std::path::PathBuf;

use serde::Serialize;

use super::log::rfc3339;
use crate::error::Error;
use crate::model::{CommitId, Instant, Operation, VolumeName};
use crate::pool::{Pool, deleted_volume, taken_from_trash};
use crate::store::Rows;

/// A deleted volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeletedVolume {
    /// The name that it had.
    pub volume: VolumeName,
    /// The number of the operation that deleted it.
    pub operation: u64,
    /// One line that says what that operation did.
    pub summary: String,
    /// When it was deleted; an RFC 3339 date in JSON.
    #[serde(serialize_with = "rfc3339")]
    pub date: Instant,
    /// The head of its current branch.
    pub head: Option<CommitId>,
    /// How much trash keeps of it, in bytes of disk.
    pub bytes: u64,
    /// Whether a volume has its name now.
    pub taken: bool,
}

/// Lists the deleted volumes that can be brought back, the one that was deleted last first.
///
/// # Errors
/// When the metadata or trash cannot be read.
pub fn deleted_volumes(pool: &Pool) -> Result<Vec<DeletedVolume>, Error> {
    let sizes = pool.trash_sizes()?;
    if sizes.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = pool.store().read(|rows| {
        let mut in_trash = Vec::new();
        rows.each_done_operation(&mut |operation| {
            let bytes = sizes.get(&operation.id);
            in_trash.extend(bytes.map(|bytes| (operation.volume, operation.number, *bytes)));
        })?;
        let mut found = Vec::new();
        for (name, number, bytes) in in_trash {
            let Some(operation) = rows.operation(&name, number)? else { continue };
            if deleted_volume(pool.layout(), &operation)?.is_none() {
                continue;
            }
            found.push(DeletedVolume {
                taken: rows.volume(&name)?.is_some(),
                volume: name,
                operation: number,
                summary: operation.summary,
                date: operation.started,
                head: operation.head_before,
                bytes,
            });
        }
        Ok::<_, Error>(found)
    })?;
    found.sort_by_key(|one| std::cmp::Reverse(one.operation));
    Ok(found)
}

/// Finds the operation that deleted a volume of this name, the last one or that of this number, and
/// the place where trash has the volume.
pub(super) fn find_deleted(
    pool: &Pool,
    rows: &Rows<'_>,
    name: &VolumeName,
    number: Option<u64>,
) -> Result<(Operation, PathBuf), Error> {
    for operation in rows.operations(name, usize::MAX)? {
        if number.is_none_or(|number| number == operation.number)
            && let Some(place) = deleted_volume(pool.layout(), &operation)?
        {
            if let Some(id) = taken_from_trash(pool.layout(), &operation)? {
                return Err(Error::CannotUndo {
                    volume: name.clone(),
                    number: operation.number,
                    summary: operation.summary,
                    reason: format!("commit {} was brought back since", id.short()),
                });
            }
            return Ok((operation, place));
        }
    }
    Err(Error::NotDeleted(name.clone()))
}
