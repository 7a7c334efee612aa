//! Holding a whole pool still, to move it: no operation runs, no container starts, no row changes.
//! Readers go on.
//!
//! Each operation locks its volume first, and each of its transactions waits for the lock of the
//! move. So a move locks all volumes first, and then its own lock: an operation that holds a volume
//! never waits for a move that waits for that volume. A volume that was made meanwhile ends the
//! move before it has begun.

use super::Pool;
use crate::error::Error;
use crate::model::{Reach, VolumeName};
use crate::sys::locks::LockGuard;

/// A pool that is held still until this is dropped.
#[must_use = "dropping it lets operations go on"]
pub struct Held {
    volumes: Vec<VolumeName>,
    /// Files in the pool.
    inside: Vec<LockGuard>,
    /// Beside the pool.
    _moving: LockGuard,
}

impl Held {
    /// Returns the volumes, sorted.
    pub fn volumes(&self) -> &[VolumeName] {
        &self.volumes
    }

    /// Closes the lock files that lie in the pool, once no path leads to it any more.
    pub fn leave(&mut self) {
        self.inside.clear();
    }
}

impl Pool {
    /// Takes the lock of the process that makes or mounts the image, or moves the pool.
    ///
    /// # Errors
    /// When the wait exceeds its limit, or the file cannot be made.
    pub fn lock_image(&self, verb: &str) -> Result<LockGuard, Error> {
        self.lock_exclusively(self.layout.image_lock(), "the pool", verb, Some(&self.options.interrupted))
    }

    /// Finishes or undoes what dead operations left, and holds the pool still.
    ///
    /// # Errors
    /// When the wait for a lock exceeds its limit, an operation cannot be recovered, or a volume
    /// was made meanwhile.
    pub fn hold(&self, verb: &str) -> Result<Held, Error> {
        self.prepare_directories()?;
        let swept = self.recover()?;
        if let Some((volume, reason)) = swept.failed.first() {
            return Err(Error::Damaged(format!("cannot recover volume {volume}: {reason}")));
        }
        let volumes = self.volume_names()?;
        let mut inside = Vec::new();
        let cancel = Some(self.options.interrupted.as_ref());
        for volume in &volumes {
            inside.push(self.lock_volume(Reach::Volume, verb, volume, cancel)?);
            inside.push(self.shut_gate(volume, verb)?);
        }
        for (file, what) in
            [(self.layout.trash_lock(), "the trash"), (self.layout.checksums_lock(), "the checksums")]
        {
            inside.push(self.lock_exclusively(file, what, verb, cancel)?);
        }
        let moving = self.lock_image(verb)?;
        self.store.wait_for_writers()?;
        let is_journal_empty = self.store.read(|rows| rows.journal())?.is_empty();
        if self.volume_names()? != volumes || !is_journal_empty {
            return Err(Error::Changed("the volumes of the pool".to_owned()));
        }
        Ok(Held { volumes, inside, _moving: moving })
    }
}
