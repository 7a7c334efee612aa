//! What the next undo and redo of a compose project are about.

use std::cmp::Reverse;

use crate::error::Error;
use crate::model::{Verb, VolumeName};
use crate::pool::{Step, UndoStack};
use crate::store::Rows;

/// Finds what the next undo of a project takes back, sorted by volume: the last operation on all of
/// it. If its volumes were made or deleted one by one since, that: compose does so, and means all.
pub(super) fn joint_undo(rows: &Rows<'_>, volumes: &[VolumeName]) -> Result<Vec<Step>, Error> {
    let stacks = stacks(rows, volumes)?;
    match one_by_one(stacks.iter().filter_map(UndoStack::next_undo_of_project).collect()) {
        Some(steps) => Ok(steps),
        None => parts(rows, &stacks, &UndoStack::newest_joint),
    }
}

/// Finds what the next redo of a project makes again, sorted by volume.
pub(super) fn joint_redo(rows: &Rows<'_>, volumes: &[VolumeName]) -> Result<Vec<Step>, Error> {
    let stacks = stacks(rows, volumes)?;
    match one_by_one(stacks.iter().filter_map(UndoStack::next_redo).collect()) {
        Some(steps) => Ok(steps),
        None => parts(rows, &stacks, &|stack| stack.next_redo().filter(|step| step.joint.is_some())),
    }
}

/// Takes the newest steps if they are about volumes that were made, or deleted, one by one.
fn one_by_one(mut next: Vec<&Step>) -> Option<Vec<Step>> {
    next.sort_by_key(|step| Reverse(step.operation.number));
    let verb = next.first()?.verb;
    let is_alike = |step: &&&Step| step.joint.is_none() && step.verb == verb;
    let steps: Vec<Step> = next.iter().take_while(|step| is_alike(step)).copied().cloned().collect();
    (matches!(verb, Verb::Init | Verb::Remove) && !steps.is_empty()).then(|| sorted(steps))
}

fn stacks(rows: &Rows<'_>, volumes: &[VolumeName]) -> Result<Vec<UndoStack>, Error> {
    volumes.iter().map(|volume| Ok(UndoStack::read(rows, volume)?)).collect()
}

/// Takes the newest of the operations that `of` finds, and its parts on the other volumes.
fn parts(
    rows: &Rows<'_>,
    stacks: &[UndoStack],
    of: &dyn Fn(&UndoStack) -> Option<&Step>,
) -> Result<Vec<Step>, Error> {
    let found: Vec<&Step> = stacks.iter().filter_map(of).collect();
    let newest = found.iter().max_by_key(|step| step.operation.number);
    let Some((newest, joint)) = newest.and_then(|step| Some((step, step.joint.as_ref()?))) else {
        return Ok(Vec::new());
    };
    let is_part = |other: &Option<_>| other.as_ref().is_some_and(|other| other == joint);
    let steps: Vec<Step> = found.iter().filter(|step| is_part(&step.joint)).copied().cloned().collect();
    for volume in &joint.volumes {
        let has_part =
            || Ok::<_, Error>(rows.operations(volume, usize::MAX)?.iter().any(|one| is_part(&one.joint)));
        if !steps.iter().any(|step| step.operation.volume == *volume) && has_part()? {
            return Err(Error::CannotUndo {
                volume: newest.operation.volume.clone(),
                number: newest.number,
                summary: newest.summary.clone(),
                reason: format!("volume {volume} alone was undone or changed since"),
            });
        }
    }
    Ok(sorted(steps))
}

fn sorted(mut steps: Vec<Step>) -> Vec<Step> {
    steps.sort_by(|a, b| a.operation.volume.cmp(&b.operation.volume));
    steps
}
