//! `undo`: undo the last operation on a volume. An undo is an operation as well, so undoing an undo
//! brings back what it undid.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::remove::check_unused;
use super::rollback::owed;
use crate::error::Error;
use crate::model::{CommitId, Operation, ProjectName, Row, RowChange, Verb, VolumeName};
use crate::pool::{Disruption, Group, PlanBuilder, Pool, Purpose, UndoPlan, plan_undo, volumes_of};
use crate::store::Rows;

/// An operation that was undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The volume.
    pub volume: VolumeName,
    /// The number of the operation that was undone.
    pub operation: u64,
    /// What that operation had done.
    pub summary: String,
    /// HEAD after the undo.
    pub head: Option<CommitId>,
    /// What became of the containers, for all volumes that were undone together.
    #[serde(flatten)]
    pub disruption: Disruption,
    /// The compose project, if the operation was made on one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
}

/// Undoes the last operation on `volume`, or the one with that number. Without a volume, on the
/// current one; `volume` need not exist any more. Of an operation on a compose project, only this
/// volume's part is undone.
///
/// # Errors
/// When there is none, what it needs was changed since or is gone from trash, or containers cannot
/// be held. Nothing is changed then.
pub fn undo(pool: &Pool, volume: Option<&VolumeName>, number: Option<u64>) -> Result<Undone, Error> {
    let volume = match volume {
        Some(volume) => volume.clone(),
        None => pool.select(None)?,
    };
    let choose = |rows: &Rows<'_>| Ok(vec![find(rows, &volume, number)?]);
    Ok(undo_chosen(pool, None, &choose)?.swap_remove(0))
}

/// Undoes the last operation on a compose project: its part on each volume.
///
/// # Errors
/// As [`undo`]; also when one of the volumes was changed alone since, and when there is none.
pub fn undo_project(pool: &Pool, project: &ProjectName) -> Result<Vec<Undone>, Error> {
    let volumes = pool.volumes_of_project(project)?;
    let choose = |rows: &Rows<'_>| {
        let last = last_joint(rows, &volumes)?;
        let none = || Error::NothingToUndo(format!("compose project {project}"));
        if last.is_empty() { Err(none()) } else { Ok(last) }
    };
    undo_chosen(pool, Some(project), &choose)
}

/// Chooses the operations to undo, on different volumes.
type Choice<'c> = dyn Fn(&Rows<'_>) -> Result<Vec<Operation>, Error> + 'c;

/// Undoes the operations that `choose` names once their volumes are locked: until then other
/// commands may add operations.
fn undo_chosen(
    pool: &Pool,
    project: Option<&ProjectName>,
    choose: &Choice<'_>,
) -> Result<Vec<Undone>, Error> {
    loop {
        let chosen = pool.store().read(|rows| choose(&rows))?;
        if let Some(done) = undo_all(pool, &chosen, project, choose)? {
            return Ok(done);
        }
    }
}

/// Undoes these operations together. Gives `None` if `choose` names others once the volumes are
/// locked.
fn undo_all(
    pool: &Pool,
    chosen: &[Operation],
    project: Option<&ProjectName>,
    choose: &Choice<'_>,
) -> Result<Option<Vec<Undone>>, Error> {
    // All volumes that the operations touch are locked, in the order of their names as everywhere.
    let names: BTreeSet<VolumeName> = chosen.iter().flat_map(volumes_of).collect();
    let names: Vec<VolumeName> = names.into_iter().collect();
    let mut sessions = pool.begin_all(Verb::Undo, &names, project)?;
    if pool.store().read(|rows| choose(&rows))? != chosen {
        return Ok(None);
    }
    let mut group = Group::new(pool);
    for wanted in chosen {
        let session = sessions.take(&wanted.volume);
        group.intend(session, format!("undo: {}", wanted.summary), |rows, draft| {
            let undo_plan = draft_undo(pool, rows, draft, wanted)?;
            Ok(Undoing { operation: wanted, undo_plan })
        })?;
    }
    let removes = group.each().any(|undoing| undoing.undo_plan.removes_volume);
    let swaps = group.each().any(|undoing| undoing.undo_plan.swaps) && !removes;
    let discards = |undoing: &Undoing<'_>| undoing.undo_plan.discards || !undoing.undo_plan.swaps;
    let purpose = if group.each().all(discards) { Purpose::Discard } else { Purpose::Swap };
    if swaps {
        group.preview(purpose)?;
    }
    group.each().try_for_each(|undoing| pool.remake(undoing.operation, &undoing.undo_plan.remade))?;
    let published = if removes {
        check_all_unused(pool, &group)?;
        let quiesced = group.shut_gates()?;
        check_all_unused(pool, &quiesced)?;
        quiesced.publish()?
    } else if swaps {
        group.quiesce(purpose)?.publish()?
    } else {
        group.publish()?
    };
    let outcome = published.finish();
    let done = outcome.volumes.iter().map(|Undoing { operation, .. }| Undone {
        volume: operation.volume.clone(),
        operation: operation.number,
        summary: operation.summary.clone(),
        head: operation.head_before.clone(),
        disruption: outcome.disruption.clone(),
        project: operation.joint.as_ref().map(|joint| joint.project.clone()),
    });
    Ok(Some(done.collect()))
}

/// An operation that is being undone.
struct Undoing<'u> {
    operation: &'u Operation,
    undo_plan: UndoPlan,
}

/// Plans to undo `wanted`, unless a branch, a tag or a rollback still needs what it made.
fn draft_undo(
    pool: &Pool,
    rows: &Rows<'_>,
    draft: &mut PlanBuilder<'_>,
    wanted: &Operation,
) -> Result<UndoPlan, Error> {
    let cannot = |reason| Error::CannotUndo {
        volume: wanted.volume.clone(),
        number: wanted.number,
        summary: wanted.summary.clone(),
        reason,
    };
    if let Some(tag) = owed(rows, wanted)? {
        let (volume, summary) = (wanted.volume.clone(), wanted.summary.clone());
        return Err(Error::StillTagged { volume, number: wanted.number, summary, tag });
    }
    let undo_plan = plan_undo(pool, rows, draft, wanted)?;
    match dangling(rows, &volumes_of(wanted), draft.changes())? {
        Some(reason) => Err(cannot(reason)),
        None => Ok(undo_plan),
    }
}

/// Refuses to undo if a container uses a volume that would go or change its name.
fn check_all_unused(pool: &Pool, group: &Group<'_, Undoing<'_>>) -> Result<(), Error> {
    let removing = group.each().filter(|undoing| undoing.undo_plan.removes_volume);
    removing.map(|undoing| &undoing.operation.volume).try_for_each(|volume| check_unused(pool, volume))
}

/// Returns a branch, tag or commit that these changes would leave with a commit that does not
/// exist.
fn dangling(rows: &Rows<'_>, volumes: &[VolumeName], changes: &[RowChange]) -> Result<Option<String>, Error> {
    for volume in volumes {
        let commits = rows.commits(volume)?.into_iter().map(Row::Commit);
        let branches = rows.branches(volume)?.into_iter().map(Row::Branch);
        let tags = rows.tags(volume)?.into_iter().map(Row::Tag);
        let (mut there, mut named) = (BTreeSet::new(), BTreeMap::new());
        let mut set = |row: &Row, is_there: bool| {
            let (name, commit) = match row {
                Row::Commit(commit) if commit.volume == *volume => {
                    if is_there {
                        there.insert(commit.id.clone())
                    } else {
                        there.remove(&commit.id)
                    };
                    (format!("commit {}", commit.id.short()), commit.parent.clone())
                }
                Row::Branch(branch) if branch.volume == *volume => {
                    (format!("branch {}", branch.name), branch.head.clone())
                }
                Row::Tag(tag) if tag.volume == *volume => {
                    (format!("tag {}", tag.name), Some(tag.commit.clone()))
                }
                _ => return,
            };
            named.insert(name, commit.filter(|_| is_there));
        };
        commits.chain(branches).chain(tags).for_each(|row| set(&row, true));
        for change in changes {
            change.before.iter().for_each(|row| set(row, false));
            change.after.iter().for_each(|row| set(row, true));
        }
        let lost = |commit: &Option<CommitId>| commit.as_ref().filter(|id| !there.contains(*id)).cloned();
        if let Some((name, id)) = named.iter().find_map(|(name, commit)| Some((name, lost(commit)?))) {
            return Ok(Some(format!("{name} needs commit {}, which would not be there", id.short())));
        }
    }
    Ok(None)
}

/// Finds the newest operation that was made on several of these volumes together: its part on each,
/// sorted by volume.
fn last_joint(rows: &Rows<'_>, volumes: &[VolumeName]) -> Result<Vec<Operation>, Error> {
    let mut newest: Option<Operation> = None;
    for volume in volumes {
        let found = rows.operations(volume, usize::MAX)?.into_iter().find(|one| one.joint.is_some());
        newest = [newest, found].into_iter().flatten().max_by_key(|operation| operation.number);
    }
    let Some(joint) = newest.and_then(|operation| operation.joint) else { return Ok(Vec::new()) };
    let mut parts = Vec::new();
    for volume in &joint.volumes {
        let mut all = rows.operations(volume, usize::MAX)?;
        all.retain(|operation| operation.joint.as_ref().is_some_and(|other| other.id == joint.id));
        parts.append(&mut all);
    }
    Ok(parts)
}

fn find(rows: &Rows<'_>, volume: &VolumeName, number: Option<u64>) -> Result<Operation, Error> {
    let none = || Error::NothingToUndo(format!("volume {volume}"));
    match number {
        None => rows.operations(volume, 1)?.pop().ok_or_else(none),
        Some(number) => rows.operation(volume, number)?.ok_or_else(none),
    }
}
