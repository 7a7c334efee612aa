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
    check_unused(pool, from)?;
    // Both names are locked, in the order of their names as everywhere.
    let (session, _other) = if from < to {
        let session = pool.begin(Verb::Rename, from)?;
        (session, pool.begin(Verb::Rename, to)?)
    } else {
        let other = pool.begin(Verb::Rename, to)?;
        (pool.begin(Verb::Rename, from)?, other)
    };
    let (group, ()) = session.intend(format!("rename: {from} to {to}"), |rows, draft| {
        let record = existing(rows, from)?;
        if rows.volume(to)?.is_some() {
            return Err(Error::VolumeExists(to.clone()));
        }
        let volume = to.clone();
        draft.change(RowChange::delete(Row::Volume(record.clone())));
        draft.change(RowChange::insert(Row::Volume(VolumeRecord { name: volume, ..record })));
        draft.rename_rows(Renaming { from: from.clone(), to: to.clone() });
        if rows.current_volume()?.as_ref() == Some(from) {
            let (before, after) = (Row::CurrentVolume(from.clone()), Row::CurrentVolume(to.clone()));
            draft.change(RowChange::update(before, after));
        }
        draft.relocate(layout::volume(from), layout::volume(to))
    })?;
    let group = group.shut_gates()?;
    // Once the gate is shut, no container can come.
    check_unused(pool, from)?;
    group.publish()?.finish();
    Ok(Renamed { from: from.clone(), volume: to.clone() })
}
