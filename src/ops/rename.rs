//! `rename`: give a volume another name.

use serde::Serialize;

use super::remove::check_unused;
use crate::error::Error;
use crate::layout;
use crate::model::{Renaming, Row, RowChange, Verb, VolumeName, VolumeRecord};
use crate::pool::{Pool, existing};

/// A renamed volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Renamed {
    /// Its old name.
    pub from: VolumeName,
    /// Its new name.
    pub volume: VolumeName,
}

/// Renames a volume with everything that belongs to it.
///
/// # Errors
/// When the volume does not exist, the new name is taken, or a container uses the volume:
/// containers know it by its name.
pub fn rename(pool: &Pool, from: &VolumeName, to: &VolumeName) -> Result<Renamed, Error> {
    pool.select(Some(from))?;
    if pool.store().read(|rows| rows.volume(to))?.is_some() {
        return Err(Error::VolumeExists(to.clone()));
    }
    pool.refuse_elsewhere(to)?;
    let worktrees = check_all_unused(pool, from)?;
    let names = worktrees.iter().map(|record| &record.name).chain([from, to]);
    let mut sessions = pool.begin_whole(Verb::Rename, names)?;
    let session = sessions.take(from);
    let (group, ()) = session.intend(format!("rename: {from} to {to}"), |rows, draft| {
        let record = existing(rows, from)?;
        if rows.volume(to)?.is_some() {
            return Err(Error::VolumeExists(to.clone()));
        }
        let volume = to.clone();
        draft.change(RowChange::delete(Row::Volume(record.clone())));
        draft.change(RowChange::insert(Row::Volume(VolumeRecord { name: volume, ..record })));
        for worktree in rows.worktrees(from)?.into_iter().filter(|one| one.name != *from) {
            let after = VolumeRecord { worktree_of: Some(to.clone()), ..worktree.clone() };
            draft.point(layout::running_point(&worktree.name), &layout::running_point_target_of(&after))?;
            draft.change(RowChange::update(Row::Volume(worktree), Row::Volume(after)));
        }
        draft.rename_rows(Renaming { from: from.clone(), to: to.clone() });
        if rows.current_volume()?.as_ref() == Some(from) {
            let (before, after) = (Row::CurrentVolume(from.clone()), Row::CurrentVolume(to.clone()));
            draft.change(RowChange::update(before, after));
        }
        draft.relocate(layout::volume(from), layout::volume(to))
    })?;
    let group = group.shut_gates()?;
    // Once the gates are shut, no container can come.
    check_all_unused(pool, from)?;
    group.publish()?.finish();
    Ok(Renamed { from: from.clone(), volume: to.clone() })
}

/// Refuses to go on where a container uses the volume or one of its worktrees. Gives all of these.
fn check_all_unused(pool: &Pool, name: &VolumeName) -> Result<Vec<VolumeRecord>, Error> {
    let mut found = pool.store().read(|rows| rows.worktrees(name))?;
    if found.is_empty() {
        found = vec![pool.store().read(|rows| existing(&rows, name))?];
    }
    found.iter().try_for_each(|record| check_unused(pool, &record.name))?;
    Ok(found)
}
