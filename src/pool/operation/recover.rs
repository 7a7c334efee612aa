//! Finishing or undoing what dead operations left: back before the commit point, forward from there
//! on.
//!
//! A dead operation is one in the journal whose locks are free. Each step can be repeated,
//! so a recovery that dies is itself recovered. Containers are let go last. While their engine does
//! not answer, the entry stays in the journal as settled, for the next recovery.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::locks::Locks;
use super::moves;
use crate::error::Error;
use crate::layout;
use crate::model::{Operation, OperationId, Phase, Reach, Verb, VolumeName};
use crate::pool::containers::gate::Gates;
use crate::pool::containers::release::{await_stops, release_left};
use crate::pool::{Notice, Pool};
use crate::sys::disk;
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
            let Some(locks) = self.try_lock_pending(&volume)? else { continue };
            match self.recover_locked(&volume, &locks) {
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
        let owner = self.owner(volume)?;
        for name in self.blocking(volume, &owner)? {
            let Some(locks) = self.try_lock_pending(&name)? else { continue };
            for mut operation in self.pending(&name, &locks)? {
                self.settle_operation(&mut operation, &mut Gates::default())?;
            }
        }
        Ok(())
    }

    /// Lists the volumes and worktrees with an operation that is not settled and may be about the
    /// working tree of `volume`.
    fn blocking(&self, volume: &VolumeName, owner: &VolumeName) -> Result<BTreeSet<VolumeName>, Error> {
        let mut pending = self.pending_of(owner)?;
        pending.retain(|operation| operation.phase != Phase::Settled && operation.touches(volume));
        Ok(pending.into_iter().map(|operation| operation.volume).collect())
    }

    /// Takes the locks that recovering what is pending on one volume or worktree needs, unless
    /// another process holds one.
    fn try_lock_pending(&self, volume: &VolumeName) -> Result<Option<Locks>, Error> {
        let journal = self.store.read(|rows| rows.journal())?;
        let is_of_volume = |one: &Operation| one.volume == *volume && one.reach == Reach::Volume;
        let reach = if journal.iter().any(is_of_volume) { Reach::Volume } else { Reach::Branch };
        self.try_lock_one(reach, "recovery", volume)
    }

    /// Recovers one volume or worktree whose locks the caller holds, and with the lock of the whole
    /// volume also the others of it.
    pub(in crate::pool) fn recover_locked(
        &self,
        volume: &VolumeName,
        locks: &Locks,
    ) -> Result<Vec<Recovered>, Error> {
        let mut recovered = Vec::new();
        for mut operation in self.pending(volume, locks)? {
            let finished = operation.phase == Phase::Published;
            let settled = operation.phase == Phase::Settled;
            let may_be_stopping = operation.phase == Phase::Intended;
            self.settle_operation(&mut operation, &mut Gates::default())?;
            self.recover_others(&operation)?;
            if may_be_stopping {
                await_stops(self, &operation.held);
            }
            self.let_go(&mut operation)?;
            if !settled {
                let verb = operation.verb;
                let volume = operation.volume.clone();
                let name = volume.to_string();
                self.tell(&if finished {
                    Notice::Finished { verb, volume: name }
                } else {
                    Notice::Undone { verb, volume: name }
                });
                recovered.push(Recovered { verb, volume, finished });
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

    /// Lists the operations in the journal that these locks allow to recover.
    fn pending(&self, volume: &VolumeName, locks: &Locks) -> Result<Vec<Operation>, Error> {
        let mut journal = self.store.read(|rows| rows.journal())?;
        journal.retain(|operation| match locks.reach {
            Reach::Volume => operation.volume == *volume || *operation.owner() == locks.owner,
            // What was of the whole volume and is settled has only containers left to start.
            Reach::Branch => {
                operation.volume == *volume
                    && (operation.reach == Reach::Branch || operation.phase == Phase::Settled)
            }
        });
        Ok(journal)
    }

    /// Undoes an unpublished operation of this process, which may hold its gates already.
    pub(in crate::pool) fn roll_back(&self, number: u64, gates: &mut Gates) -> Result<(), Error> {
        // The database knows whether the commit point was reached, not this process's memory. What
        // is no longer in the journal was published and left nothing to do.
        let Some(mut operation) = self.store.read(|rows| rows.journalled(number))? else { return Ok(()) };
        self.settle_operation(&mut operation, gates)?;
        self.let_go(&mut operation)
    }

    /// Brings trees and metadata to the state before or after the operation, and records that in
    /// the journal.
    fn settle_operation(&self, operation: &mut Operation, gates: &mut Gates) -> Result<(), Error> {
        match operation.phase {
            Phase::Intended => {
                gates.shut_all(self, operation, "recovery")?;
                let lost = self.layout.full(&layout::lost_and_found_of(&operation.id));
                let mut entries = moves::revert(&self.layout, &operation.plan.install, &lost)?;
                entries += self.keep_written(operation, &lost)?;
                self.tell_set_aside(operation, entries, lost);
                self.forget_staged(operation)?;
                tree::remove_what_goes(&self.layout.full(&layout::staging_of(&operation.id)))?;
                gates.open_all(operation);
                self.settled(operation, false)
            }
            Phase::Published => {
                gates.open_all(operation);
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
