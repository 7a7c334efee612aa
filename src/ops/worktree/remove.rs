//! `worktree remove`: remove a worktree. Its branch stays, with commits and working tree.

use serde::Serialize;

use super::super::protect::refuse_volume;
use super::super::remove::{Guard, check_unused};
use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, CodePlace, Row, RowChange, Verb, VolumeName, VolumeRecord};
use crate::pool::Pool;
use crate::store::Rows;

/// A worktree that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovedWorktree {
    /// Its name.
    pub worktree: VolumeName,
    /// The volume that it belonged to.
    pub volume: VolumeName,
    /// The branch that it showed, which stays.
    pub branch: BranchName,
    /// The worktree of git that it was made for.
    pub code: Option<CodePlace>,
}

/// Removes a worktree.
///
/// # Errors
/// When there is no such worktree, containers use it, or it is protected and `force` is not set.
pub fn remove_worktree(
    pool: &Pool,
    name: &VolumeName,
    guard: Guard,
    force: bool,
) -> Result<RemovedWorktree, Error> {
    let find = |rows: &Rows<'_>| {
        let record = worktree(rows, name)?;
        if !force {
            refuse_volume(rows, &record)?;
        }
        Ok::<_, Error>(record)
    };
    pool.store().read(|rows| find(&rows))?;
    if guard == Guard::Ask {
        check_unused(pool, name)?;
    }
    let session = pool.begin(Verb::RemoveWorktree, name)?;
    let (group, removed) = session.intend(format!("worktree: removing {name}"), |rows, draft| {
        let record = find(rows)?;
        let removed = RemovedWorktree {
            worktree: name.clone(),
            volume: record.owner().clone(),
            branch: record.branch.clone(),
            code: record.code.clone(),
        };
        draft.forget_name(rows, name)?;
        draft.change(RowChange::delete(Row::Volume(record)));
        draft.retire(layout::volume(name))?;
        Ok(removed)
    })?;
    let group = group.shut_gates()?;
    if guard == Guard::Ask {
        // Once the gate is shut, no container can come.
        check_unused(pool, name)?;
    }
    group.publish()?.finish();
    Ok(removed)
}

fn worktree(rows: &Rows<'_>, name: &VolumeName) -> Result<VolumeRecord, Error> {
    let record = rows.volume(name)?.ok_or_else(|| Error::NoWorktree(name.clone()))?;
    if record.is_worktree() { Ok(record) } else { Err(Error::NotAWorktree(name.clone())) }
}
