//! Choosing the volume and the branch that a command means.

use std::sync::atomic::Ordering;

use crate::error::Error;
use crate::model::{BranchRecord, NameError, VolumeName, VolumeRecord};
use crate::pool::{Notice, Pool};
use crate::store::Rows;

/// The volumes that the surroundings of a command mean where the command names none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VolumeCandidates {
    /// The names that the caller's choice may have in full, the likeliest first; none if there is
    /// no choice.
    pub chosen: Vec<VolumeName>,
    /// The volumes of the project of the current directory. They mean one only if one exists.
    pub of_directory: Vec<VolumeName>,
}

/// Says why a volume is the one that a command means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// The caller's surroundings choose it.
    Chosen,
    /// The current directory's project has no other volume.
    OfDirectory,
    /// The pool has it as its current volume.
    Current,
}

/// Finds out which volumes the surroundings of a command mean.
pub type FindVolumes = dyn Fn() -> Result<VolumeCandidates, NameError> + Send + Sync;

impl Pool {
    /// Returns the named volume, or the one that a command means if none is named. Tells which one
    /// that is, unless the pool has no other.
    ///
    /// # Errors
    /// [`Error::NoVolume`] or [`Error::NoCurrentVolume`]; and when the metadata cannot be read.
    pub fn select(&self, name: Option<&VolumeName>) -> Result<VolumeName, Error> {
        if let Some(name) = name {
            return self.store.read(|rows| Ok(existing(&rows, name)?.name));
        }
        let candidates = (self.options.candidates)()?;
        let (volume, why, is_clear) = self.store.read(|rows| {
            let (volume, why) = meant(&rows, candidates)?.ok_or(Error::NoCurrentVolume)?;
            let is_clear = why == Meant::Current && rows.volumes()?.len() == 1;
            Ok::<_, Error>((volume, why, is_clear))
        })?;
        if !is_clear && !self.has_told_volume.swap(true, Ordering::Relaxed) {
            self.tell(&Notice::Meant { volume: volume.clone(), why });
        }
        Ok(volume)
    }

    /// Returns the volume that a command means if it names none: the one that its surroundings
    /// choose, the only one of the directory's project, or the current one.
    ///
    /// # Errors
    /// [`Error::NoVolume`] if the one that is chosen does not exist; and when the metadata cannot
    /// be read.
    pub fn meant(&self) -> Result<Option<(VolumeName, Meant)>, Error> {
        let candidates = (self.options.candidates)()?;
        self.store.read(|rows| meant(&rows, candidates))
    }
}

fn meant(rows: &Rows<'_>, candidates: VolumeCandidates) -> Result<Option<(VolumeName, Meant)>, Error> {
    let VolumeCandidates { chosen, of_directory } = candidates;
    for name in &chosen {
        if let Some(found) = rows.volume(name)? {
            return Ok(Some((found.name, Meant::Chosen)));
        }
    }
    if let Some(name) = chosen.into_iter().next() {
        return Err(Error::NoVolume(name));
    }
    let mut found = Vec::new();
    for name in &of_directory {
        found.extend(rows.volume(name)?.map(|record| record.name));
    }
    if let [only] = found.as_slice() {
        return Ok(Some((only.clone(), Meant::OfDirectory)));
    }
    Ok(rows.current_volume()?.map(|name| (name, Meant::Current)))
}

/// Returns the record of a volume or worktree that must exist.
pub(crate) fn existing(rows: &Rows<'_>, name: &VolumeName) -> Result<VolumeRecord, Error> {
    rows.volume(name)?.ok_or_else(|| Error::NoVolume(name.clone()))
}

/// Returns the record of a volume's current branch.
pub(crate) fn current_branch(rows: &Rows<'_>, volume: &VolumeRecord) -> Result<BranchRecord, Error> {
    let branch = rows.branch(volume.owner(), &volume.branch)?;
    branch.ok_or_else(|| Error::Damaged(format!("branch {} has no record", volume.branch)))
}
