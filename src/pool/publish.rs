//! The second half of an operation: publish, let go, clear up.

use super::{Error, Notice, Pending, Pool, moves, trash};
use crate::layout;
use crate::model::{Operation, Phase};
use crate::sys::tree;

/// An operation that holds, whatever happens from here on.
#[must_use = "a published operation is to be finished"]
pub struct Published<'p>(Pending<'p>);

/// How an operation ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The names of the containers that were stopped, paused or restarted for it.
    pub containers: Vec<String>,
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
        // The gate goes before containers come: their start waits for it in Mount.
        drop(self.gate.take());
        Ok(Published(self))
    }
}

impl Published<'_> {
    /// Lets the containers go, clears up, and writes the operation log. The operation holds whatever
    /// fails here: what cannot be cleared up now is told, and the next operation on the volume does it.
    ///
    /// # Errors
    /// [`Error::NotReleased`] when a container does not come up again; whoever comes next tries once more.
    pub fn finish(self) -> Result<Outcome, Error> {
        let pool = self.0.session.pool;
        let operation = &self.0.operation;
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
        Ok(Outcome { containers: operation.held.iter().map(|held| held.name.clone()).collect() })
    }
}

impl Published<'_> {
    fn clear_up(&self, released: bool) -> Result<(), Error> {
        let (pool, operation) = (self.0.session.pool, &self.0.operation);
        pool.clear(operation)?;
        Ok(pool.store.write(|writer| {
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
        moves::retire(&self.layout, &operation.plan.retire)?;
        Ok(tree::remove_tree(&self.layout.full(&layout::staging_of(&operation.id)))?)
    }
}
