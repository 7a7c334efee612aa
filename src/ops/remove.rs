//! `rm`: delete a volume.

use std::collections::BTreeSet;

use serde::Serialize;

use super::gc::{Collected, collect};
use super::protect::refuse_volume;
use super::worktree::remove_worktree;
use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, OperationId, Row, RowChange, Verb, VolumeName, VolumeRecord};
use crate::pool::Pool;
use crate::store::Rows;

/// Says how it is certain that no container uses the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// dvol asks the engine.
    Ask,
    /// The engine itself asks for the removal, and has made sure.
    Engine,
}

/// A volume that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Its name.
    pub volume: VolumeName,
    /// Whether trash keeps it for a while.
    pub kept: bool,
    /// The volume that it was a worktree of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worktree_of: Option<VolumeName>,
    /// The branch that a worktree showed, which stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchName>,
}

/// Deletes a volume with its branches and commits: moves it to trash. An anonymous volume without a
/// commit is not kept. Of a worktree, the branch stays.
///
/// # Errors
/// When the volume does not exist or has worktrees, containers use it, or something in it is
/// protected and `force` is not set.
pub fn remove(pool: &Pool, volume: &VolumeName, guard: Guard, force: bool) -> Result<Removed, Error> {
    remove_volume(pool, volume, guard, force, true)
}

/// Deletes a volume; moves it to trash if `keep` is set.
fn remove_volume(
    pool: &Pool,
    volume: &VolumeName,
    guard: Guard,
    force: bool,
    keep: bool,
) -> Result<Removed, Error> {
    let missing = || Error::NoVolumeToRemove(volume.clone());
    let record = pool.store().read(|rows| rows.volume(volume))?.ok_or_else(missing)?;
    if record.is_worktree() {
        let removed = remove_worktree(pool, volume, guard, force)?;
        let (worktree_of, branch) = (Some(removed.volume), Some(removed.branch));
        return Ok(Removed { volume: removed.worktree, kept: true, worktree_of, branch });
    }
    check_protection(pool, volume, force)?;
    pool.store().read(|rows| refuse_worktrees(&rows, volume))?;
    if guard == Guard::Ask {
        check_unused(pool, volume)?;
    }
    let session = pool.begin(Verb::Remove, volume)?;
    let (group, kept) = session.intend(format!("rm: {volume}"), |rows, draft| {
        let record = rows.volume(volume)?.ok_or_else(missing)?;
        if !force {
            refuse_volume(rows, &record)?;
        }
        refuse_worktrees(rows, volume)?;
        let commits = rows.commits(volume)?;
        let kept = keep && !(volume.is_anonymous() && commits.is_empty());
        draft.forget_name(rows, volume)?;
        for branch in rows.branches(volume)? {
            draft.change(RowChange::delete(Row::Branch(branch)));
        }
        for commit in commits {
            draft.change(RowChange::delete(Row::Commit(commit)));
        }
        for tag in rows.tags(volume)? {
            draft.change(RowChange::delete(Row::Tag(tag)));
        }
        draft.change(RowChange::delete(Row::Volume(record)));
        draft.move_head(None);
        if kept {
            draft.retire(layout::volume(volume))?;
        } else {
            draft.delete(layout::volume(volume))?;
        }
        Ok(kept)
    })?;
    let group = group.shut_gates()?;
    if guard == Guard::Ask {
        // Once the gate is shut, no container can come.
        check_unused(pool, volume)?;
    }
    group.publish()?.finish();
    Ok(Removed { volume: volume.clone(), kept, worktree_of: None, branch: None })
}

/// Refuses a volume that has worktrees: their branches would go with it.
fn refuse_worktrees(rows: &Rows<'_>, volume: &VolumeName) -> Result<(), Error> {
    let worktrees = rows.worktrees(volume)?.into_iter().filter(VolumeRecord::is_worktree);
    let worktrees: Vec<VolumeName> = worktrees.map(|record| record.name).collect();
    match worktrees.is_empty() {
        true => Ok(()),
        false => Err(Error::HasWorktrees { volume: volume.clone(), worktrees }),
    }
}

/// Deletes a volume with its branches and commits for good, and the trash of all operations on it.
/// An earlier volume of its name stays in trash.
///
/// # Errors
/// As [`remove`]. Trash that cannot be deleted is in the result.
pub fn purge(pool: &Pool, volume: &VolumeName, force: bool) -> Result<(Removed, Collected), Error> {
    let removed = remove_volume(pool, volume, Guard::Ask, force, false)?;
    let own: BTreeSet<OperationId> = pool.store().read(|rows| {
        let operations = rows.operations(volume, usize::MAX)?;
        let line = operations.first().map(|last| last.line);
        Ok::<_, Error>(
            operations.into_iter().filter(|one| Some(one.line) == line).map(|one| one.id).collect(),
        )
    })?;
    let mut entries = pool.trash(true)?;
    entries.retain(|entry| own.contains(&entry.operation));
    let collected = collect(pool, &entries, entries.clone(), false)?;
    Ok((removed, collected))
}

/// Refuses what [`remove`] would refuse, before a person is asked.
///
/// # Errors
/// As [`remove`].
pub fn check_removable(pool: &Pool, volume: &VolumeName, force: bool) -> Result<(), Error> {
    check_protection(pool, volume, force)?;
    check_unused(pool, volume)
}

fn check_protection(pool: &Pool, volume: &VolumeName, force: bool) -> Result<(), Error> {
    pool.store().read(|rows| {
        let record = rows.volume(volume)?.ok_or_else(|| Error::NoVolumeToRemove(volume.clone()))?;
        if force { Ok(()) } else { refuse_volume(&rows, &record) }
    })
}

/// Refuses to go on where a container uses the volume, running or not.
///
/// # Errors
/// [`Error::InUse`]; and when the engine does not answer.
pub fn check_unused(pool: &Pool, volume: &VolumeName) -> Result<(), Error> {
    let users = pool.containers().users_of(volume)?;
    let mut containers: Vec<String> = users.into_iter().map(|container| container.name).collect();
    containers.extend(pool.unmanaged_containers(&[volume], false)?);
    if containers.is_empty() {
        return Ok(());
    }
    Err(Error::InUse { volume: volume.clone(), containers })
}
