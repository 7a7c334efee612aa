//! Finishing or undoing what dead operations left: back before the commit point, forward from there
//! on.
//!
//! A dead operation is one in the journal whose volume's lock is free. Each step can be repeated,
//! so a recovery that dies is itself recovered. Containers are let go last. While their engine does
//! not answer, the entry stays in the journal as settled, for the next recovery.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::moves;
use crate::error::Error;
use crate::layout;
use crate::model::{Operation, OperationId, Phase, Verb, VolumeName};
use crate::pool::containers::release::{await_stops, release_left};
use crate::pool::{Notice, Pool};
use crate::sys::disk;
use crate::sys::locks::{LockFile, LockGuard};
use crate::sys::tree::{self, LeftBehind};

/// How many times recovery tries to start a container before it leaves it to its owner.
const MAX_ATTEMPTS: u32 = 5;

/// What became of one dead operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The verb of the operation.
    pub verb: Verb,
    /// The volume.
    pub volume: VolumeName,
    /// Whether it was finished; else it was undone.
    pub finished: bool,
}

/// What one sweep over the whole pool did.
#[derive(Debug, Default)]
pub struct Sweep {
    /// The operations that were finished or undone.
    pub recovered: Vec<Recovered>,
    /// How many staging directories belonged to no operation and were deleted.
    pub orphans: usize,
    /// How many of them hold a working tree and were moved to lost+found.
    pub lost: usize,
    /// Volumes that could not be recovered now, and why.
    pub failed: Vec<(VolumeName, String)>,
    /// What the kernel keeps from being deleted, for each directory in staging.
    pub left: Vec<LeftBehind>,
}

impl Pool {
    /// Recovers every volume whose lock is free, and deletes from staging what no operation owns.
    ///
    /// # Errors
    /// When the journal cannot be read. A volume that fails is in the report.
    pub fn recover(&self) -> Result<Sweep, Error> {
        let mut sweep = Sweep::default();
        if !self.store.is_there()? {
            return Ok(sweep);
        }
        for volume in self.volumes_in_journal()? {
            let lock = LockFile::new(self.layout.volume_lock(&volume));
            let Some(guard) = lock.try_exclusive("recovery")? else { continue };
            match self.recover_locked(&volume, &guard) {
                Ok(recovered) => sweep.recovered.extend(recovered),
                Err(error) => sweep.failed.push((volume, error.to_string())),
            }
        }
        self.clear_orphans(&mut sweep)?;
        Ok(sweep)
    }

    /// Recovers the trees and metadata of every volume whose lock is free, but lets no container
    /// go: for a driver that does not serve yet, as the engine would call Mount.
    ///
    /// # Errors
    /// When the journal cannot be read. A volume that fails is in the report.
    pub fn recover_all_trees(&self) -> Result<Sweep, Error> {
        let mut sweep = Sweep::default();
        for volume in self.volumes_in_journal()? {
            if let Err(error) = self.recover_trees(&volume) {
                sweep.failed.push((volume, error.to_string()));
            }
        }
        Ok(sweep)
    }

    fn volumes_in_journal(&self) -> Result<BTreeSet<VolumeName>, Error> {
        Ok(self.store.read(|rows| rows.journal())?.into_iter().map(|operation| operation.volume).collect())
    }

    /// Recovers the trees and metadata of one volume if its lock is free, but lets no container go:
    /// for Mount, as the engine waits for its answer.
    ///
    /// # Errors
    /// When the journal cannot be read or a step fails.
    pub fn recover_trees(&self, volume: &VolumeName) -> Result<(), Error> {
        let pending = self.pending(volume)?;
        if pending.iter().all(|operation| operation.phase == Phase::Settled) {
            return Ok(());
        }
        let lock = LockFile::new(self.layout.volume_lock(volume));
        let Some(_guard) = lock.try_exclusive("recovery")? else { return Ok(()) };
        for mut operation in self.pending(volume)? {
            self.settle_operation(&mut operation, None)?;
        }
        Ok(())
    }

    /// Recovers one volume whose lock the caller holds.
    pub(in crate::pool) fn recover_locked(
        &self,
        volume: &VolumeName,
        _lock: &LockGuard,
    ) -> Result<Vec<Recovered>, Error> {
        let mut recovered = Vec::new();
        for mut operation in self.pending(volume)? {
            let finished = operation.phase == Phase::Published;
            let settled = operation.phase == Phase::Settled;
            let may_be_stopping = operation.phase == Phase::Intended;
            self.settle_operation(&mut operation, None)?;
            self.recover_others(&operation)?;
            if may_be_stopping {
                await_stops(self, &operation.held);
            }
            self.let_go(&mut operation)?;
            if !settled {
                let verb = operation.verb;
                let name = volume.to_string();
                self.tell(&if finished {
                    Notice::Finished { verb, volume: name }
                } else {
                    Notice::Undone { verb, volume: name }
                });
                recovered.push(Recovered { verb, volume: volume.clone(), finished });
            }
        }
        Ok(recovered)
    }

    /// Recovers the trees of the other volumes of a joint operation: its containers may be on them
    /// as well.
    fn recover_others(&self, operation: &Operation) -> Result<(), Error> {
        let others = operation.joint.iter().flat_map(|joint| &joint.volumes);
        let is_held = !operation.held.is_empty();
        others
            .filter(|other| is_held && **other != operation.volume)
            .try_for_each(|other| self.recover_trees(other))
    }

    fn pending(&self, volume: &VolumeName) -> Result<Vec<Operation>, Error> {
        let mut journal = self.store.read(|rows| rows.journal())?;
        journal.retain(|operation| operation.volume == *volume);
        Ok(journal)
    }

    /// Undoes an unpublished operation of this process, which may hold the gate already.
    pub(in crate::pool) fn roll_back(&self, number: u64, gate: Option<LockGuard>) -> Result<(), Error> {
        // The database knows whether the commit point was reached, not this process's memory. What
        // is no longer in the journal was published and left nothing to do.
        let Some(mut operation) = self.store.read(|rows| rows.journalled(number))? else { return Ok(()) };
        self.settle_operation(&mut operation, gate)?;
        self.let_go(&mut operation)
    }

    /// Brings trees and metadata to the state before or after the operation, and records that in
    /// the journal.
    fn settle_operation(&self, operation: &mut Operation, gate: Option<LockGuard>) -> Result<(), Error> {
        match operation.phase {
            Phase::Intended => {
                let gate = match gate {
                    Some(gate) => gate,
                    None => self.shut_gate(&operation.volume, "recovery")?,
                };
                let lost = self.layout.full(&layout::lost_and_found_of(&operation.id));
                let mut entries = moves::revert(&self.layout, &operation.plan.install, &lost)?;
                entries += self.keep_written(operation, &lost)?;
                self.tell_set_aside(operation, entries, lost);
                self.forget_staged(operation)?;
                tree::remove_what_goes(&self.layout.full(&layout::staging_of(&operation.id)))?;
                drop(gate);
                self.settled(operation, false)
            }
            Phase::Published => {
                drop(gate);
                self.clear(operation)?;
                self.settled(operation, true)
            }
            Phase::Settled => Ok(()),
        }
    }

    /// Says that entries were moved to lost+found, if any were.
    pub(in crate::pool) fn tell_set_aside(&self, operation: &Operation, entries: u64, place: PathBuf) {
        if entries > 0 {
            self.tell(&Notice::SetAside { volume: operation.volume.to_string(), entries, place });
        }
    }

    fn settled(&self, operation: &mut Operation, log: bool) -> Result<(), Error> {
        let settled = Operation { phase: Phase::Settled, ..operation.clone() };
        self.store.write(|writer| {
            if log {
                writer.log_operation(operation)?;
            }
            if operation.held.is_empty() {
                writer.journal_remove(operation.number)
            } else {
                writer.journal_put(&settled)
            }
        })?;
        operation.phase = Phase::Settled;
        Ok(())
    }

    /// Lets the containers of a settled operation go. Closes its entry once they run, or when
    /// trying again is hopeless.
    fn let_go(&self, operation: &mut Operation) -> Result<(), Error> {
        if operation.held.is_empty() || !self.containers().is_enabled() {
            return Ok(());
        }
        // An engine that does not answer is not the containers' failure: the next recovery tries
        // again.
        if self.containers().users_of(&operation.volume).is_err() {
            return Ok(());
        }
        // It is unknown on which tree the containers started, so restarting them is right both
        // ways.
        let joint = operation.joint.iter().flat_map(|joint| &joint.volumes);
        let volumes: Vec<VolumeName> = joint.chain([&operation.volume]).cloned().collect();
        let problems = release_left(self, &volumes, &operation.held);
        operation.attempts += 1;
        let operation = &*operation;
        let done = problems.is_empty() || operation.attempts >= MAX_ATTEMPTS;
        Ok(self.store.write(|writer| {
            if done { writer.journal_remove(operation.number) } else { writer.journal_put(operation) }
        })?)
    }

    /// Clears staging if anything is there. What cannot be deleted now is left to the next
    /// operation.
    pub(in crate::pool) fn clear_staging(&self) {
        if disk::names_in(&self.layout.staging()).is_ok_and(|names| !names.is_empty()) {
            let _ = self.clear_orphans(&mut Sweep::default());
        }
    }

    /// Deletes what is left of trash that was deleted; returns what the kernel keeps.
    ///
    /// # Errors
    /// When the metadata or staging cannot be read, or the disk fails.
    pub fn delete_leftovers(&self) -> Result<Vec<LeftBehind>, Error> {
        let mut sweep = Sweep::default();
        self.clear_orphans(&mut sweep)?;
        Ok(sweep.left)
    }

    /// Deletes from staging what no journal entry owns; moves directories that hold a working tree
    /// to lost+found. Staging directories are made in the transaction that writes their entry, so
    /// none can appear while the metadata is read.
    fn clear_orphans(&self, sweep: &mut Sweep) -> Result<(), Error> {
        let (orphans, done) = self.store.read(|rows| {
            let owned: Vec<OsString> =
                rows.journal()?.iter().map(|operation| OsString::from(operation.id.as_str())).collect();
            let mut names = disk::names_in(&self.layout.staging())?;
            names.retain(|name| !owned.contains(name));
            let done = if names.is_empty() { BTreeSet::new() } else { rows.operation_ids()? };
            Ok::<_, Error>((names, done))
        })?;
        for name in &orphans {
            let orphan = self.layout.staging().join(name);
            // Trash that is being deleted is no operation's either, and nothing to report. Nor is
            // what an operation that is done has still to delete.
            let is_operation =
                name.to_str().is_some_and(|name| name.parse::<OperationId>().is_ok() && !done.contains(name));
            if holds_a_tree_that_is_away(&orphan) {
                // The journal entry that knew of the tree is lost, and there is no other copy of
                // it.
                let (folder, name) = (self.layout.lost_and_found(), name.to_string_lossy());
                disk::rename_to_free(&orphan, &folder, layout::PRIVATE_MODE, &name)?;
                sweep.lost += 1;
            } else if let Some(left) = tree::remove_what_goes(&orphan)? {
                sweep.left.push(left);
            } else {
                sweep.orphans += usize::from(is_operation);
            }
        }
        Ok(())
    }
}

/// Copies of the first pass lie beside such a tree under a longer name.
fn holds_a_tree_that_is_away(staging: &Path) -> bool {
    disk::names_in(staging).is_ok_and(|names| names.iter().any(|name| layout::is_away(name)))
}
