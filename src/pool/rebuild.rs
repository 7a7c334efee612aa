//! Metadata made anew from its second copy, and what of that the disk knows better.

use std::path::{Path, PathBuf};

use super::Pool;
use super::operation::moves;
use crate::error::Error;
use crate::layout;
use crate::model::{Operation, Phase, VolumeName};
use crate::store::Rebuildable;
use crate::sys::disk;
use crate::sys::locks::{LockFile, LockGuard};

impl Pool {
    /// Makes the metadata anew from its second copy. What was lost with the end of that copy is on disk still: fsck
    /// makes records for it.
    ///
    /// # Errors
    /// When the copy cannot be read or the metadata not be written; it can be repeated.
    pub fn rebuild_metadata(&self) -> Result<Rebuildable, Error> {
        self.prepare_directories()?;
        let rebuilt = self.store.rebuild()?;
        // The copy may say of an operation that it holds although its transaction never was: then its process took it
        // back, and it is to be undone.
        for operation in self.store.read(|rows| rows.journal())? {
            if operation.phase == Phase::Published
                && moves::are_reverted(&self.layout, &operation.plan.install)?
            {
                self.take_back_publication(&operation)?;
            }
        }
        self.store.renew_second_copy()?;
        Ok(rebuilt)
    }

    /// The lock of a volume that no operation works on.
    ///
    /// # Errors
    /// When the lock's file cannot be opened.
    pub fn try_lock(&self, volume: &VolumeName) -> Result<Option<LockGuard>, Error> {
        self.prepare_directories()?;
        Ok(LockFile::new(self.layout.volume_lock(volume)).try_exclusive("fsck")?)
    }

    /// Moves `path`, which is in the pool and which no record names, to lost+found; gives where it is then.
    ///
    /// # Errors
    /// When a record names it meanwhile, or it cannot be moved.
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

    fn take_back_publication(&self, operation: &Operation) -> Result<(), Error> {
        self.store.write(|writer| {
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
