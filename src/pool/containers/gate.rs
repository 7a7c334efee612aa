//! Gates: while a volume's trees are read or swapped, its gate is shut and the driver's Mount
//! waits.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::Error;
use crate::model::{Operation, VolumeName};
use crate::pool::Pool;
use crate::sys::locks::{LockFile, LockGuard, Wait};

/// The gates that one operation has shut, each open again when its guard is dropped.
#[derive(Default)]
pub(in crate::pool) struct Gates(BTreeMap<VolumeName, LockGuard>);

impl Gates {
    /// Shuts the gate of a volume, unless it is shut already.
    pub(in crate::pool) fn shut(
        &mut self,
        pool: &Pool,
        volume: &VolumeName,
        verb: &str,
    ) -> Result<(), Error> {
        if !self.0.contains_key(volume) {
            self.0.insert(volume.clone(), pool.shut_gate(volume, verb)?);
        }
        Ok(())
    }

    /// Shuts the gates of every volume and worktree whose record or trees the operation changes,
    /// unless they are shut already.
    pub(in crate::pool) fn shut_all(
        &mut self,
        pool: &Pool,
        operation: &Operation,
        verb: &str,
    ) -> Result<(), Error> {
        operation.names().iter().try_for_each(|name| self.shut(pool, name, verb))
    }

    /// Opens the gates of an operation.
    pub(in crate::pool) fn open_all(&mut self, operation: &Operation) {
        self.0.retain(|name, _| !operation.names().contains(name));
    }

    /// Opens all gates.
    pub(in crate::pool) fn open(&mut self) {
        self.0.clear();
    }
}

impl Pool {
    /// Takes the gate of a volume exclusively: from here on no container gets through Mount.
    pub(in crate::pool) fn shut_gate(&self, volume: &VolumeName, verb: &str) -> Result<LockGuard, Error> {
        // Undoing an operation needs the gate as well, after an interrupt.
        let what = format!("the gate of volume {volume}");
        self.lock_exclusively(self.layout.gate_lock(volume), &what, verb, None)
    }

    /// Passes the gate of a volume together with others; waits while it is shut.
    ///
    /// # Errors
    /// When it stays shut for longer than `limit`.
    pub fn pass_gate(&self, volume: &VolumeName, limit: Duration) -> Result<LockGuard, Error> {
        let what = format!("the gate of volume {volume}");
        let wait = Wait { what: &what, verb: "mount", limit, notice: &|_| (), cancel: None };
        Ok(LockFile::new(self.layout.gate_lock(volume)).shared(&wait)?)
    }
}
