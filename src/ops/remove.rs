//! `rm`: delete a volume.

use serde::Serialize;

use crate::error::Error;
use crate::layout;
use crate::model::{Row, RowChange, Verb, VolumeName};
use crate::pool::Pool;

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
}

/// Deletes a volume with its branches and commits: moves it to trash. An anonymous volume without a
/// commit is not kept.
///
/// # Errors
/// When the volume does not exist, or containers use it.
pub fn remove(pool: &Pool, volume: &VolumeName, guard: Guard) -> Result<Removed, Error> {
    let missing = || Error::NoVolumeToRemove(volume.clone());
    if pool.store().read(|rows| rows.volume(volume))?.is_none() {
        return Err(missing());
    }
    if guard == Guard::Ask {
        check_unused(pool, volume)?;
    }
    let session = pool.begin(Verb::Remove, volume)?;
    let (group, kept) = session.intend(format!("rm: {volume}"), |rows, draft| {
        let record = rows.volume(volume)?.ok_or_else(missing)?;
        let commits = rows.commits(volume)?;
        let kept = !(volume.is_anonymous() && commits.is_empty());
        if rows.current_volume()?.as_ref() == Some(volume) {
            draft.change(RowChange::delete(Row::CurrentVolume(volume.clone())));
        }
        for branch in rows.branches(volume)? {
            draft.change(RowChange::delete(Row::Branch(branch)));
        }
        for commit in commits {
            draft.change(RowChange::delete(Row::Commit(commit)));
        }
        for tag in rows.tags(volume)? {
            draft.change(RowChange::delete(Row::Tag(tag)));
        }
        for (key, value) in rows.settings(Some(volume))? {
            draft.change(RowChange::delete(Row::Setting { volume: volume.clone(), key, value }));
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
    Ok(Removed { volume: volume.clone(), kept })
}

pub(super) fn check_unused(pool: &Pool, volume: &VolumeName) -> Result<(), Error> {
    let users = pool.containers().users_of(volume)?;
    let mut containers: Vec<String> = users.into_iter().map(|container| container.name).collect();
    containers.extend(pool.unmanaged_containers(&[volume], false)?);
    if containers.is_empty() {
        return Ok(());
    }
    Err(Error::InUse { volume: volume.clone(), containers })
}
