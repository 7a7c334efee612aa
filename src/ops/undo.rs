//! `undo`: take the last operation on a volume back. An undo is an operation too, so undoing that
//! brings back what it took.

use serde::Serialize;

use super::remove::check_unused;
use crate::model::{CommitId, Operation, Verb, VolumeName};
use crate::pool::{Error, Pool, Purpose, take_back, volumes_of};
use crate::store::Rows;

/// An operation that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The volume.
    pub volume: VolumeName,
    /// The number of the operation that was taken back.
    pub operation: u64,
    /// What that one had done.
    pub summary: String,
    /// HEAD now.
    pub head: Option<CommitId>,
    /// The containers that were restarted.
    pub containers: Vec<String>,
}

/// Takes back the last operation on `volume` (the current one when none is named, which need not
/// exist any more), or the one of that number.
///
/// # Errors
/// When there is none, what it needs was changed since or is gone from trash, or containers cannot
/// be held; nothing is changed then.
pub fn undo(pool: &Pool, volume: Option<&VolumeName>, number: Option<u64>) -> Result<Undone, Error> {
    let volume = match volume {
        Some(volume) => volume.clone(),
        None => pool.select(None)?,
    };
    let chosen = pool.store().read(|rows| find(&rows, &volume, number))?;
    // All volumes that it touches are locked, in the order of their names, as everybody does.
    let mut others = Vec::new();
    let mut session = None;
    for name in volumes_of(&chosen) {
        let lock = pool.begin(Verb::Undo, &name)?;
        if name == chosen.volume { session = Some(lock) } else { others.push(lock) }
    }
    let session = session.ok_or_else(|| Error::NothingToUndo(volume.clone()))?;
    let (mut pending, (operation, touched)) =
        session.intend(format!("undo: {}", chosen.summary), |rows, draft| {
            let operation = find(rows, &volume, number)?;
            let touched = take_back(pool, rows, draft, &operation)?;
            Ok((operation, touched))
        })?;
    if touched.swaps && !touched.removes_volume {
        pool.will_hold(&operation.volume, Purpose::Swap)?;
    }
    pool.refill_replaced(&operation)?;
    if touched.removes_volume {
        check_unused(pool, &operation.volume)?;
        pending.shut_gate()?;
        check_unused(pool, &operation.volume)?;
    } else if touched.swaps {
        pending.quiesce(Purpose::Swap)?;
    }
    let outcome = pending.publish()?.finish()?;
    Ok(Undone {
        volume,
        operation: operation.number,
        summary: operation.summary,
        head: operation.head_before,
        containers: outcome.containers,
    })
}

fn find(rows: &Rows<'_>, volume: &VolumeName, number: Option<u64>) -> Result<Operation, Error> {
    let none = || Error::NothingToUndo(volume.clone());
    match number {
        None => rows.operations(volume, 1)?.pop().ok_or_else(none),
        Some(number) => {
            let mut all = rows.operations(volume, usize::MAX)?;
            let at = all.iter().position(|operation| operation.number == number).ok_or_else(none)?;
            Ok(all.swap_remove(at))
        }
    }
}
