//! Repairs that concern the whole pool: rebuilding the metadata, and moving things to lost+found.

use std::path::{Path, PathBuf};

use super::Pool;
use super::operation::locks::Locks;
use super::operation::moves;
use crate::error::Error;
use crate::layout;
use crate::model::{Operation, Phase, Reach, Renaming, VolumeName};
use crate::store::Rebuildable;
use crate::sys::disk;

/// Keeps operations off a volume and its worktrees.
#[must_use = "dropping it lets operations go on"]
#[derive(Debug)]
pub struct FreeVolume(#[expect(dead_code, reason = "it is held, not read")] Locks);

impl Pool {
    /// Rebuilds the metadata from its second copy. Commits whose records are missing there are
    /// still on disk; fsck makes records for them. Can be repeated after a crash.
    ///
    /// # Errors
    /// When the copy cannot be read or the metadata cannot be written.
    pub fn rebuild_metadata(&self) -> Result<Rebuildable, Error> {
        self.prepare_directories()?;
        let rebuilt = self.store.rebuild()?;
        // The copy may say that an operation was published although its transaction never
        // committed: then its process reverted the moves, and its rows must be reverted too.
        for operation in self.store.read(|rows| rows.journal())? {
            if operation.phase == Phase::Published
                && moves::are_reverted(&self.layout, &operation.plan.install)?
            {
                self.unpublish(&operation)?;
            }
        }
        self.store.renew_second_copy()?;
        Ok(rebuilt)
    }

    /// Takes the locks of a volume and its worktrees, unless an operation holds one.
    ///
    /// # Errors
    /// When a lock file cannot be opened.
    pub fn try_lock(&self, volume: &VolumeName) -> Result<Option<FreeVolume>, Error> {
        self.prepare_directories()?;
        Ok(self.try_lock_one(Reach::Volume, "fsck", volume)?.map(FreeVolume))
    }

    /// Moves `path`, which lies in the pool and which no record names, to lost+found. Returns its
    /// new place.
    ///
    /// # Errors
    /// [`Error::Changed`] when a record names it meanwhile; and when it cannot be moved.
    pub fn set_aside(&self, path: &Path) -> Result<PathBuf, Error> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let _lock = match name.parse::<VolumeName>() {
            Ok(volume) if path.parent() == Some(self.layout.root()) => {
                let lock = self.try_lock(&volume)?;
                let is_known = self.store.read(|rows| rows.volume(&volume))?.is_some();
                if lock.is_none() || is_known {
                    return Err(Error::Changed(name));
                }
                lock
            }
            _ => None,
        };
        let folder = self.layout.lost_and_found();
        let place = disk::rename_to_free(path, &folder, layout::PRIVATE_MODE, &name)?;
        disk::sync_directory(&folder)?;
        Ok(place)
    }

    /// Reverts the rows of an operation that only the second copy says was published.
    fn unpublish(&self, operation: &Operation) -> Result<(), Error> {
        self.store.write(|writer| {
            if let Some(renaming) = operation.plan.renames.as_ref().map(Renaming::reversed)
                && writer.volume(&renaming.from)?.is_some()
                && writer.volume(&renaming.to)?.is_none()
            {
                writer.rename_volume(&renaming)?;
            }
            for change in operation.plan.changes.iter().rev() {
                let back = change.reversed();
                let now = match back.before.as_ref().or(back.after.as_ref()) {
                    Some(row) => writer.row_like(row)?,
                    None => None,
                };
                if now == back.before {
                    writer.apply(&back)?;
                }
            }
            writer.journal_put(&Operation { phase: Phase::Intended, ..operation.clone() })
        })?;
        Ok(())
    }
}
