//! The second half of an operation: publish, let go, clear up.

use std::time::Duration;

use super::index::TreeIndex;
use super::{Error, Notice, Pending, Pool, moves, trash};
use crate::layout;
use crate::model::{BranchName, CommitId, Operation, Phase, VolumeName};
use crate::sys::tree::{self, Bounds, FileTime};

/// An operation that holds, whatever happens from here on.
#[must_use = "a published operation is to be finished"]
pub struct Published<'p> {
    pub(super) pending: Pending<'p>,
    /// What is known of the working tree, written with the operation log.
    index: Option<TreeIndex>,
}

/// How an operation ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The names of the containers that were stopped, paused or restarted for it.
    pub containers: Vec<String>,
    /// How long the gate was shut, stopping the containers included and starting them not.
    pub downtime: Duration,
}

impl<'p> Pending<'p> {
    /// Makes the staged trees durable, moves them into place and changes the metadata: the
    /// operation holds from there on.
    ///
    /// # Errors
    /// When a step fails; the operation is undone then.
    pub fn publish(mut self) -> Result<Published<'p>, Error> {
        let pool = self.session.pool;
        pool.check_interrupted()?;
        tree::sync_filesystem(&pool.layout.staging())?;
        moves::apply(&pool.layout, &self.operation.plan.install)?;
        let operation = Operation { phase: Phase::Published, ..self.operation.clone() };
        pool.store.write(|writer| {
            for change in &operation.plan.changes {
                writer.apply(change)?;
            }
            writer.journal_put(&operation)
        })?;
        self.operation = operation;
        self.published = true;
        Ok(Published { pending: self, index: None })
    }
}

impl Published<'_> {
    /// Looks at the working tree of a branch as it is now, while nobody writes: what is older than
    /// `bounds` has the content of `commit`, which was just made of it. Only speed depends on it, so a failure is none.
    pub fn remember(
        &mut self,
        volume: &VolumeName,
        branch: &BranchName,
        commit: &CommitId,
        parent: Option<&CommitId>,
        bounds: Bounds,
    ) {
        self.index = self.pending.session.pool.look_at_tree(volume, branch, commit, bounds, parent).ok();
    }

    /// The same for a working tree that was made from `commit` since `begun`, and last changed before `until`.
    pub fn remember_new(
        &mut self,
        volume: &VolumeName,
        branch: &BranchName,
        commit: &CommitId,
        begun: Bounds,
        until: FileTime,
    ) {
        let bounds = Bounds { modified: begun.modified, changed: FileTime::a_tick_after(until) };
        self.index = self.pending.session.pool.look_at_tree(volume, branch, commit, bounds, None).ok();
    }

    /// Lets the containers go, clears up, and writes the operation log. The operation holds whatever
    /// fails here: what cannot be cleared up now is told, and the next operation on the volume does it.
    ///
    /// # Errors
    /// [`Error::NotReleased`] when a container does not come up again; whoever comes next tries once more.
    pub fn finish(mut self) -> Result<Outcome, Error> {
        // The gate goes before containers come: their start waits for it in Mount.
        drop(self.pending.gate.take());
        let downtime = self.pending.quiesced.map(|since| since.elapsed()).unwrap_or_default();
        let pool = self.pending.session.pool;
        let operation = &self.pending.operation;
        let problems = pool.release(&operation.held, true);
        if let Err(error) = self.clear_up(problems.is_empty()) {
            let (volume, reason) = (operation.volume.to_string(), error.to_string());
            pool.tell(&Notice::NotRecovered { volume, reason });
        }
        trash::expire(pool);
        if !problems.is_empty() {
            let (verb, volume) = (operation.verb, operation.volume.clone());
            return Err(Error::NotReleased { verb, volume, problems });
        }
        Ok(Outcome { downtime, containers: operation.held.iter().map(|held| held.name.clone()).collect() })
    }
}

impl Published<'_> {
    fn clear_up(&self, released: bool) -> Result<(), Error> {
        let (pool, operation) = (self.pending.session.pool, &self.pending.operation);
        pool.clear(operation)?;
        Ok(pool.store.write(|writer| {
            if let Some(index) = &self.index {
                index.write(writer)?;
            }
            writer.log_operation(operation)?;
            if released {
                return writer.journal_remove(operation.number);
            }
            let settled = Operation { phase: Phase::Settled, attempts: 1, ..operation.clone() };
            writer.journal_put(&settled)
        })?)
    }
}

impl Pool {
    /// Moves what no record names any more out of the way and empties the operation's staging.
    pub(super) fn clear(&self, operation: &Operation) -> Result<(), Error> {
        self.strip_replaced(operation)?;
        moves::retire(&self.layout, &operation.plan.retire)?;
        Ok(tree::remove_tree(&self.layout.full(&layout::staging_of(&operation.id)))?)
    }
}
