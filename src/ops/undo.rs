//! `undo` and `redo`: walk back over the operations on a volume, and forward again. Each step is an
//! operation as well, so that a crash leaves it done or not begun.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::remove::check_unused;
use super::rollback::owed;
use super::undo_project::{joint_redo, joint_undo};
use crate::error::Error;
use crate::model::{
    BranchName, CommitId, Operation, ProjectName, Reach, Row, RowChange, Verb, VolumeName, VolumeRecord,
};
use crate::pool::{Disruption, Group, PlanBuilder, Pool, Purpose, Step, UndoPlan, UndoStack, plan_undo};
use crate::store::Rows;

/// An operation that was undone or redone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The volume, by the name that it has afterwards.
    pub volume: VolumeName,
    /// The number of the operation.
    pub operation: u64,
    /// What that operation had done.
    pub summary: String,
    /// HEAD afterwards.
    pub head: Option<CommitId>,
    /// The current branch afterwards; `None` if the volume is gone.
    pub branch: Option<BranchName>,
    /// The first line of the message of the commit at HEAD.
    pub subject: Option<String>,
    /// What the next undo or redo would be about; `None` if nothing is left.
    pub next: Option<NextStep>,
    /// Whether it was redone instead of undone.
    pub redone: bool,
    /// The name of the deleted volume, if it came back under another name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<VolumeName>,
    /// What became of the containers, for all volumes that were undone together.
    #[serde(flatten)]
    pub disruption: Disruption,
    /// The compose project, if the operation was made on one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
}

/// What the next undo or redo is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextStep {
    /// The number of the operation.
    pub operation: u64,
    /// One line that says what it did.
    pub summary: String,
}

/// Undoes the last operation on `volume` that is not undone yet, or the one with that number.
/// Without a volume, on the current one; `volume` need not exist any more. Of an operation on a
/// compose project, only this volume's part is undone.
///
/// # Errors
/// When there is none, what it needs was changed since or is gone from trash, or containers cannot
/// be held. Nothing is changed then.
pub fn undo(pool: &Pool, volume: Option<&VolumeName>, number: Option<u64>) -> Result<Undone, Error> {
    let volume = chosen_volume(pool, volume)?;
    let choose = |rows: &Rows<'_>| Ok(vec![find(rows, &volume, number)?]);
    Ok(walk(pool, Verb::Undo, None, &choose)?.swap_remove(0))
}

/// Redoes the operation on `volume` that was undone last.
///
/// # Errors
/// When nothing is undone, or another operation came after the undo; and as [`undo`].
pub fn redo(pool: &Pool, volume: Option<&VolumeName>) -> Result<Undone, Error> {
    let volume = chosen_volume(pool, volume)?;
    let choose = |rows: &Rows<'_>| {
        let stack = UndoStack::read(rows, &volume)?;
        let nothing = || Error::NothingToRedo { what: format!("volume {volume}"), cut: stack.cut().cloned() };
        Ok(vec![stack.next_redo().cloned().ok_or_else(nothing)?])
    };
    Ok(walk(pool, Verb::Redo, None, &choose)?.swap_remove(0))
}

/// Undoes the last operation on a compose project: its part on each volume. If the volumes of the
/// project were made or deleted one by one since, as compose does, undoes that for all of them.
///
/// # Errors
/// As [`undo`]; also when one of the volumes was changed alone since, and when there is none.
pub fn undo_project(pool: &Pool, project: &ProjectName) -> Result<Vec<Undone>, Error> {
    let volumes = pool.past_volumes_of_project(project)?;
    let choose = |rows: &Rows<'_>| {
        let last = joint_undo(rows, &volumes)?;
        let none = || Error::NothingToUndo(format!("compose project {project}"));
        if last.is_empty() { Err(none()) } else { Ok(last) }
    };
    walk(pool, Verb::Undo, Some(project), &choose)
}

/// Redoes what was undone last on a compose project.
///
/// # Errors
/// As [`redo`]; also when one of the volumes was changed alone since.
pub fn redo_project(pool: &Pool, project: &ProjectName) -> Result<Vec<Undone>, Error> {
    let volumes = pool.past_volumes_of_project(project)?;
    let choose = |rows: &Rows<'_>| {
        let last = joint_redo(rows, &volumes)?;
        let what = || format!("compose project {project}");
        if last.is_empty() { Err(Error::NothingToRedo { what: what(), cut: None }) } else { Ok(last) }
    };
    walk(pool, Verb::Redo, Some(project), &choose)
}

/// Returns the volume that is named, which need not exist any more, or the current one.
fn chosen_volume(pool: &Pool, volume: Option<&VolumeName>) -> Result<VolumeName, Error> {
    match volume {
        Some(volume) => Ok(volume.clone()),
        None => pool.select(None),
    }
}

/// Chooses the steps to take, on different volumes.
type Choice<'c> = dyn Fn(&Rows<'_>) -> Result<Vec<Step>, Error> + 'c;

/// Takes the steps that `choose` names once their volumes are locked: until then other commands may
/// add operations.
fn walk(
    pool: &Pool,
    verb: Verb,
    project: Option<&ProjectName>,
    choose: &Choice<'_>,
) -> Result<Vec<Undone>, Error> {
    loop {
        let chosen = pool.store().read(|rows| choose(&rows))?;
        if let Some(done) = reverse_all(pool, verb, &chosen, project, choose)? {
            return Ok(done);
        }
    }
}

/// Reverses the operations of these steps together. Gives `None` if `choose` names others once the
/// volumes are locked.
fn reverse_all(
    pool: &Pool,
    verb: Verb,
    chosen: &[Step],
    project: Option<&ProjectName>,
    choose: &Choice<'_>,
) -> Result<Option<Vec<Undone>>, Error> {
    // All volumes that the operations touch are locked, in the order of their names as everywhere.
    let names: BTreeSet<VolumeName> = chosen.iter().flat_map(|step| touched(&step.operation)).collect();
    let names: Vec<VolumeName> = names.into_iter().collect();
    let mut sessions = pool.begin_all(Reach::Volume, verb, &names, project)?;
    if pool.store().read(|rows| choose(&rows))? != chosen {
        return Ok(None);
    }
    let mut group = Group::new(pool);
    for step in chosen {
        let session = sessions.take(&step.operation.volume);
        group.intend(session, format!("{verb}: {}", step.summary), |rows, draft| {
            let undo_plan = draft_undo(pool, rows, draft, &step.operation)?;
            Ok(Undoing { step, undo_plan })
        })?;
    }
    let removes = group.each().any(|undoing| undoing.undo_plan.removes_volume);
    let swaps = group.each().any(|undoing| undoing.undo_plan.swaps) && !removes;
    let discards = |undoing: &Undoing<'_>| undoing.undo_plan.discards || !undoing.undo_plan.swaps;
    let purpose = if group.each().all(discards) { Purpose::Discard } else { Purpose::Swap };
    if swaps {
        group.preview(purpose)?;
    }
    group.each().try_for_each(|undoing| pool.remake(&undoing.step.operation, &undoing.undo_plan.remade))?;
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
    let done = outcome.volumes.iter().map(|undoing| told(pool, verb, undoing.step, &outcome.disruption));
    Ok(Some(done.collect()))
}

/// Lists the volumes and worktrees that undoing an operation touches: also the volume of a worktree
/// that does not exist any more.
fn touched(operation: &Operation) -> BTreeSet<VolumeName> {
    let mut names = operation.names();
    names.insert(operation.owner().clone());
    names
}

/// Tells of a step that was taken, and of the next one.
fn told(pool: &Pool, verb: Verb, step: &Step, disruption: &Disruption) -> Undone {
    let Step { operation, number, summary, .. } = step;
    let volume = name_before(operation);
    let around = pool.store().read(|rows| {
        let stack = UndoStack::read(&rows, &volume)?;
        let next = if verb == Verb::Redo { stack.next_redo() } else { stack.next_undo() };
        let next = next.map(|step| NextStep { operation: step.number, summary: step.summary.clone() });
        let record = rows.volume(&volume)?;
        let owner = record.as_ref().map_or(&volume, |record| record.owner());
        let head = operation.head_before.as_ref();
        let commit = head.map(|id| rows.commit(owner, id)).transpose()?.flatten();
        let branch = record.map(|record| record.branch);
        let subject = commit.map(|commit| commit.subject().to_owned());
        Ok::<_, Error>((next, branch, subject))
    });
    // The step is taken, whatever cannot be read now.
    let (next, branch, subject) = around.unwrap_or_default();
    Undone {
        volume,
        operation: *number,
        summary: summary.clone(),
        head: operation.head_before.clone(),
        branch,
        subject,
        next,
        redone: verb == Verb::Redo,
        was: None,
        disruption: disruption.clone(),
        project: operation.joint.as_ref().map(|joint| joint.project.clone()),
    }
}

/// Returns the name that the volume had before an operation, which may have renamed it.
fn name_before(operation: &Operation) -> VolumeName {
    let renamed = operation.plan.changes.iter().find_map(|change| match (&change.before, &change.after) {
        (Some(Row::Volume(before)), None) if before.name != operation.volume => Some(before.name.clone()),
        _ => None,
    });
    renamed.unwrap_or_else(|| operation.volume.clone())
}

/// A step that is being taken.
struct Undoing<'u> {
    step: &'u Step,
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
    match dangling(rows, &owners_of(wanted), draft.changes())? {
        Some(reason) => Err(cannot(reason)),
        None => Ok(undo_plan),
    }
}

/// Refuses to undo if a container uses a volume that would go or change its name.
fn check_all_unused(pool: &Pool, group: &Group<'_, Undoing<'_>>) -> Result<(), Error> {
    let removing = group.each().filter(|undoing| undoing.undo_plan.removes_volume);
    removing.map(|undoing| undoing.step).try_for_each(|step| {
        check_unused(pool, &step.operation.volume).map_err(|error| match error {
            Error::InUse { volume, containers } => {
                let (number, summary) = (step.number, step.summary.clone());
                Error::UndoInUse { volume, number, summary, containers }
            }
            other => other,
        })
    })
}

/// Lists the volumes whose branches, commits and tags an operation may have changed.
fn owners_of(operation: &Operation) -> BTreeSet<VolumeName> {
    operation.plan.volumes().map(VolumeRecord::owner).chain([operation.owner()]).cloned().collect()
}

/// Returns a branch, tag or commit that these changes would leave with a commit that does not
/// exist.
fn dangling(
    rows: &Rows<'_>,
    volumes: &BTreeSet<VolumeName>,
    changes: &[RowChange],
) -> Result<Option<String>, Error> {
    for volume in volumes {
        let commits = rows.commits(volume)?.into_iter().map(Row::Commit);
        let branches = rows.branches(volume)?.into_iter().map(Row::Branch);
        let tags = rows.tags(volume)?.into_iter().map(Row::Tag);
        let (mut there, mut with_data, mut named) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        let mut set = |row: &Row, is_there: bool| {
            let (name, commit) = match row {
                Row::Commit(commit) if commit.volume == *volume => {
                    let put = |set: &mut BTreeSet<CommitId>, is_in: bool| {
                        if is_in { set.insert(commit.id.clone()) } else { set.remove(&commit.id) }
                    };
                    put(&mut there, is_there);
                    put(&mut with_data, is_there && !commit.forgotten);
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
            let is_child = matches!(row, Row::Commit(_));
            named.insert(name, commit.filter(|_| is_there).map(|id| (id, is_child)));
        };
        commits.chain(branches).chain(tags).for_each(|row| set(&row, true));
        for change in changes {
            change.before.iter().for_each(|row| set(row, false));
            change.after.iter().for_each(|row| set(row, true));
        }
        // A child needs the record of its parent, a branch or a tag needs the data.
        let lost = |commit: &Option<(CommitId, bool)>| {
            let (id, is_child) = commit.as_ref()?;
            let is_there = if *is_child { there.contains(id) } else { with_data.contains(id) };
            (!is_there).then(|| id.clone())
        };
        if let Some((name, id)) = named.iter().find_map(|(name, commit)| Some((name, lost(commit)?))) {
            return Ok(Some(format!("{name} needs commit {}, which would not be there", id.short())));
        }
    }
    Ok(None)
}

/// Finds the step that undoes the operation of this number, or the last one.
fn find(rows: &Rows<'_>, volume: &VolumeName, number: Option<u64>) -> Result<Step, Error> {
    let none = || Error::NothingToUndo(format!("volume {volume}"));
    let stack = UndoStack::read(rows, volume)?;
    let Some(number) = number else { return stack.next_undo().cloned().ok_or_else(none) };
    if let Some(step) = stack.done(number) {
        return Ok(step.clone());
    }
    let operation = rows.operation(volume, number)?.ok_or_else(none)?;
    if stack.is_undone(number) {
        let (volume, summary) = (volume.clone(), operation.summary);
        return Err(Error::AlreadyUndone { volume, number, summary });
    }
    Ok(Step::own(operation))
}
