//! `undo`: take the last operation on a volume back. An undo is an operation too, so undoing that
//! brings back what it took.

use std::cell::Cell;
use std::collections::BTreeSet;

use serde::Serialize;

use super::remove::check_unused;
use crate::model::{CommitId, Operation, ProjectName, Verb, VolumeName};
use crate::pool::{Error, Group, Pool, Purpose, finish_all, take_back, volumes_of};
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
    /// The containers that were restarted for it, and for all that was taken back with it.
    pub containers: Vec<String>,
    /// The compose project that it was made on, where it was one of several made as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
}

/// Takes back the last operation on `volume` (the current one when none is named, which need not
/// exist any more), or the one of that number. Of an operation on a whole compose project only this volume's part.
///
/// # Errors
/// When there is none, what it needs was changed since or is gone from trash, or containers cannot
/// be held; nothing is changed then.
pub fn undo(pool: &Pool, volume: Option<&VolumeName>, number: Option<u64>) -> Result<Undone, Error> {
    let volume = match volume {
        Some(volume) => volume.clone(),
        None => pool.select(None)?,
    };
    loop {
        let chosen = pool.store().read(|rows| find(&rows, &volume, number))?;
        // Which operation is the last one may change until the volume is locked.
        let overtaken = Cell::new(false);
        match undo_all(pool, &[chosen], None, number.is_none().then_some(&overtaken)) {
            Err(_) if overtaken.get() => {}
            done => return Ok(done?.swap_remove(0)),
        }
    }
}

/// Takes back the last operation that was made on a compose project: its part on each volume.
///
/// # Errors
/// As [`undo`], also when one of its volumes was changed alone since; and when there is none.
pub fn undo_project(pool: &Pool, project: &ProjectName) -> Result<Vec<Undone>, Error> {
    let volumes = pool.volumes_of_project(project)?;
    let last = pool.store().read(|rows| last_joint(&rows, &volumes))?;
    if last.is_empty() {
        return Err(Error::NothingToUndo(format!("compose project {project}")));
    }
    undo_all(pool, &last, Some(project), None)
}

/// Takes these operations back as one, which are on different volumes. With `overtaken`, refuses one that is not
/// the last on its volume any more, and says so there.
fn undo_all(
    pool: &Pool,
    chosen: &[Operation],
    project: Option<&ProjectName>,
    overtaken: Option<&Cell<bool>>,
) -> Result<Vec<Undone>, Error> {
    // All volumes that they touch are locked, in the order of their names, as everybody does.
    let names: BTreeSet<VolumeName> = chosen.iter().flat_map(volumes_of).collect();
    let names: Vec<VolumeName> = names.into_iter().collect();
    let mut sessions = pool.begin_all(Verb::Undo, &names, project)?;
    let (mut all, mut taken) = (Vec::new(), Vec::new());
    for wanted in chosen {
        let at = sessions.iter().position(|session| *session.volume() == wanted.volume);
        let session = sessions.remove(at.expect("the volume of an operation is one that it touches"));
        let (pending, touched) = session.intend(format!("undo: {}", wanted.summary), |rows, draft| {
            if let Some(overtaken) = overtaken {
                overtaken
                    .set(find(rows, &wanted.volume, None).is_ok_and(|last| last.number != wanted.number));
            }
            if overtaken.is_some_and(Cell::get) {
                return Err(Error::NothingToUndo(format!("volume {}", wanted.volume)));
            }
            let operation = find(rows, &wanted.volume, Some(wanted.number))?;
            take_back(pool, rows, draft, &operation)
        })?;
        all.push(pending);
        taken.push(touched);
    }
    let mut group = Group::from(all);
    let each = || chosen.iter().zip(&taken);
    let removes = taken.iter().any(|touched| touched.removes_volume);
    let swaps = taken.iter().any(|touched| touched.swaps) && !removes;
    if swaps {
        pool.will_hold(chosen.iter().map(|operation| &operation.volume), Purpose::Swap)?;
    }
    chosen.iter().try_for_each(|operation| pool.refill_replaced(operation))?;
    for ((operation, _), pending) in each().zip(group.iter_mut()).filter(|((_, it), _)| it.removes_volume) {
        check_unused(pool, &operation.volume)?;
        pending.shut_gate()?;
        check_unused(pool, &operation.volume)?;
    }
    if swaps {
        group.quiesce(Purpose::Swap)?;
    }
    let outcome = finish_all(group.publish()?)?;
    let done = chosen.iter().map(|operation| Undone {
        volume: operation.volume.clone(),
        operation: operation.number,
        summary: operation.summary.clone(),
        head: operation.head_before.clone(),
        containers: outcome.containers.clone(),
        project: operation.joint.as_ref().map(|joint| joint.project.clone()),
    });
    Ok(done.collect())
}

/// The parts of the newest operation that was made on several of these volumes at once, sorted by volume.
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
        Some(number) => {
            let mut all = rows.operations(volume, usize::MAX)?;
            let at = all.iter().position(|operation| operation.number == number).ok_or_else(none)?;
            Ok(all.swap_remove(at))
        }
    }
}
