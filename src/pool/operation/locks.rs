//! The locks of operations on a volume and its worktrees.
//!
//! | lock | who holds it |
//! | --- | --- |
//! | `turn/VOLUME` | who is next for the volume's lock, until it has that |
//! | `volume/VOLUME` | operations of [`Reach::Branch`] together, one of [`Reach::Volume`] alone |
//! | `worktree/NAME` | an operation on this volume's or worktree's current branch, alone |
//!
//! So operations on different worktrees of one volume run side by side as long as each changes its
//! own branch only. They are always taken in this order: of all volumes of the command by name,
//! then of all names by name. The turn keeps a stream of shared holders from locking out an
//! exclusive one.
//!
//! Side by side, one operation must not drop or forget a commit that another one is about to need,
//! and no two may change one row. Each sees the plans of the others in the journal, in the
//! transaction that adds its own. If they meet ([`Error::Overlaps`]), it lets its locks go and runs
//! once more, alone ([`Pool::on_branch`]). So does one that finds what a dead operation of
//! [`Reach::Volume`] left, as only the lock of the whole volume allows to recover that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::error::Error;
use crate::model::{Operation, Phase, Reach, VolumeName};
use crate::pool::Pool;
use crate::store::{Rows, StoreError};
use crate::sys::locks::{LockFile, LockGuard};

/// The right to operate on a volume or on one of its worktrees.
#[must_use = "dropping the locks frees them"]
#[derive(Debug)]
pub(in crate::pool) struct Locks {
    /// The volume that owns the branches.
    pub(in crate::pool) owner: VolumeName,
    /// What the holder may change.
    pub(in crate::pool) reach: Reach,
    /// Shared by the sessions of one command on several worktrees of a volume.
    _volume: Arc<LockGuard>,
    _own: LockGuard,
}

impl Pool {
    /// Runs an operation that changes one branch beside those on other worktrees of its volume. If
    /// it meets one of these, runs it once more, alone.
    ///
    /// # Errors
    /// Those of `run`.
    pub fn on_branch<T>(&self, mut run: impl FnMut(Reach) -> Result<T, Error>) -> Result<T, Error> {
        match run(Reach::Branch) {
            // A commit may be on its way to trash.
            Err(Error::Overlaps(_) | Error::Dropped { .. } | Error::Forgotten { .. }) => run(Reach::Volume),
            other => other,
        }
    }

    /// Takes the locks of several volumes or worktrees, which are sorted by name and need not
    /// exist.
    pub(super) fn lock_all(
        &self,
        reach: Reach,
        verb: &str,
        names: &[VolumeName],
    ) -> Result<Vec<Locks>, Error> {
        let cancel = Some(self.options.interrupted.as_ref());
        loop {
            let owners = self.owners(names)?;
            let mut volumes = BTreeMap::new();
            for owner in owners.iter().collect::<BTreeSet<_>>() {
                volumes.insert(owner.clone(), Arc::new(self.lock_volume(reach, verb, owner, cancel)?));
            }
            let mut locks = Vec::new();
            for (name, owner) in names.iter().zip(&owners) {
                let what = format!("volume {name}");
                let own = self.lock_exclusively(self.layout.worktree_lock(name), &what, verb, cancel)?;
                let volume = Arc::clone(&volumes[owner]);
                locks.push(Locks { owner: owner.clone(), reach, _volume: volume, _own: own });
            }
            // A worktree may have become another's while this process waited.
            if self.owners(names)? == owners {
                return Ok(locks);
            }
        }
    }

    /// Takes the locks of one volume or worktree, unless another process is in the way.
    pub(in crate::pool) fn try_lock_one(
        &self,
        reach: Reach,
        verb: &str,
        name: &VolumeName,
    ) -> Result<Option<Locks>, Error> {
        let owner = self.owner(name)?;
        let file = LockFile::new(self.layout.volume_lock(&owner));
        let volume = match reach {
            Reach::Volume => file.try_exclusive(verb)?,
            Reach::Branch => file.try_shared()?,
        };
        let Some(volume) = volume else { return Ok(None) };
        let own = LockFile::new(self.layout.worktree_lock(name)).try_exclusive(verb)?;
        let is_same = self.owner(name)? == owner;
        let locks = own.map(|own| Locks { owner, reach, _volume: Arc::new(volume), _own: own });
        Ok(locks.filter(|_| is_same))
    }

    /// Takes the lock of a volume and its worktrees: in turn, so that many who share it do not keep
    /// out one who wants it alone.
    pub(in crate::pool) fn lock_volume(
        &self,
        reach: Reach,
        verb: &str,
        owner: &VolumeName,
        cancel: Option<&AtomicBool>,
    ) -> Result<LockGuard, Error> {
        let what = format!("volume {owner}");
        let (turn, volume) = (self.layout.turn_lock(owner), self.layout.volume_lock(owner));
        let take = match reach {
            Reach::Volume => LockFile::exclusive,
            Reach::Branch => LockFile::shared_signed,
        };
        let _turn = self.lock(turn, take, &what, verb, cancel)?;
        self.lock(volume, take, &what, verb, cancel)
    }

    /// Finds the volumes that own the branches of these names. Of a worktree that is just being
    /// made or removed, the journal knows it.
    pub(super) fn owners(&self, names: &[VolumeName]) -> Result<Vec<VolumeName>, Error> {
        if !self.store.is_there()? {
            return Ok(names.to_vec());
        }
        self.store.read(|rows| names.iter().map(|name| owner_of(&rows, name)).collect())
    }

    /// Finds the volume that owns the branches of one name, as [`Pool::owners`] does.
    pub(super) fn owner(&self, name: &VolumeName) -> Result<VolumeName, Error> {
        Ok(self.owners(std::slice::from_ref(name))?.swap_remove(0))
    }

    /// Lists the operations in the journal on a volume and its worktrees.
    pub(in crate::pool) fn pending_of(&self, owner: &VolumeName) -> Result<Vec<Operation>, Error> {
        let mut journal = self.store.read(|rows| rows.journal())?;
        journal.retain(|operation| operation.owner() == owner);
        Ok(journal)
    }
}

fn owner_of(rows: &Rows<'_>, name: &VolumeName) -> Result<VolumeName, Error> {
    if rows.volume(name)?.is_some() {
        return Ok(rows.owner(name)?);
    }
    let of_worktree = rows
        .journal()?
        .into_iter()
        .find_map(|operation| (operation.volume == *name).then_some(operation.worktree_of).flatten());
    Ok(of_worktree.unwrap_or_else(|| name.clone()))
}

/// Lists the operations on other worktrees of the same volume that are under way.
pub(super) fn others(
    rows: &Rows<'_>,
    owner: &VolumeName,
    name: &VolumeName,
) -> Result<Vec<Operation>, StoreError> {
    let mut journal = rows.journal()?;
    journal.retain(|one| one.owner() == owner && one.volume != *name && one.phase != Phase::Settled);
    Ok(journal)
}
