//! Which volume a command means.

use crate::error::Error;
use crate::model::{BranchRecord, VolumeName, VolumeRecord};
use crate::pool::Pool;
use crate::store::Rows;

impl Pool {
    /// The volume that is named, or the current one.
    ///
    /// # Errors
    /// When none is named and none current, or there is no such volume.
    pub fn select(&self, name: Option<&VolumeName>) -> Result<VolumeName, Error> {
        self.store.read(|rows| match name {
            Some(name) => Ok(existing(&rows, name)?.name),
            None => rows.current_volume()?.ok_or(Error::NoCurrentVolume),
        })
    }
}

/// The record of a volume that must be there.
pub(crate) fn existing(rows: &Rows<'_>, name: &VolumeName) -> Result<VolumeRecord, Error> {
    rows.volume(name)?.ok_or_else(|| Error::NoVolume(name.clone()))
}

/// The record of a volume's current branch.
pub(crate) fn current_branch(rows: &Rows<'_>, volume: &VolumeRecord) -> Result<BranchRecord, Error> {
    let branch = rows.branch(&volume.name, &volume.branch)?;
    branch.ok_or_else(|| Error::Damaged(format!("branch {} has no record", volume.branch)))
}
