//! Choosing the volume and the branch that a command means.

use crate::error::Error;
use crate::model::{BranchRecord, VolumeName, VolumeRecord};
use crate::pool::Pool;
use crate::store::Rows;

impl Pool {
    /// Returns the named volume, or the current one if none is named.
    ///
    /// # Errors
    /// [`Error::NoVolume`] or [`Error::NoCurrentVolume`]; and when the metadata cannot be read.
    pub fn select(&self, name: Option<&VolumeName>) -> Result<VolumeName, Error> {
        self.store.read(|rows| match name {
            Some(name) => Ok(existing(&rows, name)?.name),
            None => rows.current_volume()?.ok_or(Error::NoCurrentVolume),
        })
    }
}

/// Returns the record of a volume that must exist.
pub(crate) fn existing(rows: &Rows<'_>, name: &VolumeName) -> Result<VolumeRecord, Error> {
    rows.volume(name)?.ok_or_else(|| Error::NoVolume(name.clone()))
}

/// Returns the record of a volume's current branch.
pub(crate) fn current_branch(rows: &Rows<'_>, volume: &VolumeRecord) -> Result<BranchRecord, Error> {
    let branch = rows.branch(&volume.name, &volume.branch)?;
    branch.ok_or_else(|| Error::Damaged(format!("branch {} has no record", volume.branch)))
}
