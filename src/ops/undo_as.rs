//! `undo NAME --as OTHER`: bring a deleted volume back under another name.

use super::deleted::find_deleted;
use super::undo::Undone;
use crate::error::Error;
use crate::layout;
use crate::model::{Row, RowChange, Verb, VolumeName};
use crate::pool::{Disruption, Pool};

/// Brings the volume `name` that was deleted last, or by the operation of that number, back as
/// `other`. A volume that has its name now stays as it is.
///
/// # Errors
/// When trash has no such volume, or a volume has the other name. Nothing is changed then.
pub fn undo_as(
    pool: &Pool,
    name: &VolumeName,
    number: Option<u64>,
    other: &VolumeName,
) -> Result<Undone, Error> {
    let check = || {
        pool.store().read(|rows| match rows.volume(other)? {
            Some(_) => Err(Error::VolumeExists(other.clone())),
            None => find_deleted(pool, &rows, name, number).map(drop),
        })
    };
    check()?;
    pool.refuse_elsewhere(other)?;
    let mut sessions = pool.begin_whole(Verb::Undo, [name, other])?;
    check()?;
    let session = sessions.take(other);
    let (group, (operation, subject, branch)) =
        session.intend(format!("undo: rm: {name} as {other}"), |rows, draft| {
            let (operation, place) = find_deleted(pool, rows, name, number)?;
            let (mut subject, mut branch) = (None, None);
            for change in operation.plan.changes.iter().rev() {
                let Some(row) = change.before.as_ref().and_then(|row| row.of_volume(name, other)) else {
                    continue;
                };
                match &row {
                    Row::Commit(commit) if Some(&commit.id) == operation.head_before.as_ref() => {
                        subject = Some(commit.subject().to_owned());
                    }
                    Row::Volume(volume) => branch = Some(volume.branch.clone()),
                    _ => {}
                }
                draft.change(RowChange::insert(row));
            }
            draft.relocate(place, layout::volume(other))?;
            draft.move_head(operation.head_before.clone());
            Ok((operation, subject, branch))
        })?;
    group.publish()?.finish();
    Ok(Undone {
        volume: other.clone(),
        operation: operation.number,
        summary: operation.summary,
        head: operation.head_before,
        branch,
        subject,
        next: None,
        redone: false,
        was: Some(name.clone()),
        disruption: Disruption::default(),
        project: None,
    })
}
