//! Finishing or undoing what dead operations left: before the commit point back, from there on.
//!
//! A dead operation is one in the journal whose volume's lock is free. Each step can be repeated,
//! so a recovery that dies is itself recovered. Containers are let go last; while their engine
//! cannot be reached their entry stays in the journal, settled, for whoever comes next.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::moves;
use crate::error::Error;
use crate::layout;
use crate::model::{Operation, Phase, Verb, VolumeName};
use crate::pool::containers::release::release;
use crate::pool::{Notice, Pool};
use crate::sys::disk;
use crate::sys::locks::{LockFile, LockGuard};
use crate::sys::tree;

/// After so many tries a container that does not come up is left to its owner.
const ATTEMPTS: u32 = 5;

/// What became of one dead operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// What it did, or would have done.
    pub verb: Verb,
    /// The volume.
    pub volume: VolumeName,
    /// Whether it was finished (else undone).
    pub finished: bool,
}

/// What one sweep over the whole pool did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sweep {
    /// The operations that were finished or undone.
    pub recovered: Vec<Recovered>,
    /// Staging directories that belonged to no operation and were cleared away.
    pub orphans: usize,
    /// Such directories that hold a working tree, and are in lost+found now.
    pub lost: usize,
    /// What could not be recovered now, and why.
    pub failed: Vec<(VolumeName, String)>,
}

impl Pool {
    /// Recovers every volume whose lock is free, and empties staging of what no operation owns.
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
        (sweep.orphans, sweep.lost) = self.clear_orphans()?;
        Ok(sweep)
    }

    /// Recovers the trees and metadata of every volume whose lock is free, but lets no container
    /// go: for a driver that does not serve yet, whom the engine would ask to mount.
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

    /// Recovers one volume's trees and metadata, if its lock is free, but lets no container go:
    /// for Mount, whose caller the engine would wait for.
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

    /// Recovers one volume, whose lock the caller holds.
    pub(in crate::pool) fn recover_locked(
        &self,
        volume: &VolumeName,
        _lock: &LockGuard,
    ) -> Result<Vec<Recovered>, Error> {
        let mut recovered = Vec::new();
        for mut operation in self.pending(volume)? {
            let finished = operation.phase == Phase::Published;
            let settled = operation.phase == Phase::Settled;
            self.settle_operation(&mut operation, None)?;
            self.recover_others(&operation)?;
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

    /// Containers that are let go may be on other volumes of the same joint operation, whose trees come first.
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

    /// Undoes an operation of this process that was not published. The process may hold its gate already.
    pub(in crate::pool) fn roll_back(&self, number: u64, gate: Option<LockGuard>) -> Result<(), Error> {
        // Whether the commit point was reached is the database's word, not this process's memory: what is
        // not in the journal any more was published and left nothing to do.
        let Some(mut operation) = self.store.read(|rows| rows.journalled(number))? else { return Ok(()) };
        self.settle_operation(&mut operation, gate)?;
        self.let_go(&mut operation)
    }

    /// Brings trees and metadata to the state before or after, and says so in the journal.
    fn settle_operation(&self, operation: &mut Operation, gate: Option<LockGuard>) -> Result<(), Error> {
        match operation.phase {
            Phase::Intended => {
                let gate = match gate {
                    Some(gate) => gate,
                    None => self.shut_gate(&operation.volume, "recovery")?,
                };
                moves::revert(&self.layout, &operation.plan.install)?;
                self.forget_staged(operation)?;
                tree::remove_tree(&self.layout.full(&layout::staging_of(&operation.id)))?;
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

    /// Lets the containers of a settled operation go, and forgets it when that is done or hopeless.
    fn let_go(&self, operation: &mut Operation) -> Result<(), Error> {
        if operation.held.is_empty() || !self.containers().is_enabled() {
            return Ok(());
        }
        // An engine that is down is no fault of the containers: try again when it is back.
        if self.containers().users_of(&operation.volume).is_err() {
            return Ok(());
        }
        // Restarting is right in both cases: nobody knows on which tree the container came up.
        let problems = release(self, &operation.held, Duration::ZERO);
        operation.attempts += 1;
        let operation = &*operation;
        let done = problems.is_empty() || operation.attempts >= ATTEMPTS;
        Ok(self.store.write(|writer| {
            if done { writer.journal_remove(operation.number) } else { writer.journal_put(operation) }
        })?)
    }

    /// The same where there may be something. What cannot be removed now is left for the next one.
    pub(in crate::pool) fn clear_staging(&self) {
        if disk::names_in(&self.layout.staging()).is_ok_and(|names| !names.is_empty()) {
            let _ = self.clear_orphans();
        }
    }

    /// Empties staging of what no journal entry owns; gives how many directories were cleared away, and how many
    /// moved to lost+found, as they hold a working tree. Staging directories are made in the
    /// transaction that writes their entry, so none can be on its way while the lock is held.
    fn clear_orphans(&self) -> Result<(usize, usize), Error> {
        let orphans: Vec<OsString> = self.store.read(|rows| {
            let owned: Vec<OsString> =
                rows.journal()?.iter().map(|operation| OsString::from(operation.id.as_str())).collect();
            let mut names = disk::names_in(&self.layout.staging())?;
            names.retain(|name| !owned.contains(name));
            Ok::<_, Error>(names)
        })?;
        let mut lost = 0;
        for name in &orphans {
            let orphan = self.layout.staging().join(name);
            if holds_a_tree_that_is_away(&orphan) {
                // The journal that knew it is lost, and there is no other.
                let (folder, name) = (self.layout.lost_and_found(), name.to_string_lossy());
                disk::rename_to_free(&orphan, &folder, layout::PRIVATE_MODE, &name)?;
                lost += 1;
            } else {
                tree::remove_tree(&orphan)?;
            }
        }
        Ok((orphans.len() - lost, lost))
    }
}

/// Copies that were made ahead stand beside such a tree, under a longer name.
fn holds_a_tree_that_is_away(staging: &Path) -> bool {
    disk::names_in(staging).is_ok_and(|names| names.iter().any(|name| layout::is_away(name)))
}
