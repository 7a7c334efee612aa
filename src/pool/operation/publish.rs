//! The second half of an operation: publish, let go, clear up.

use std::thread;
use std::time::Duration;

use super::{moves, trash};
use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, CommitId, HoldMode, Move, Operation, Phase, RowChange, VolumeName};
use crate::pool::containers::release::Released;
use crate::pool::{Group, Look, Notice, Pending, Pool};
use crate::store::{StoreError, Writer};
use crate::sys::tree::{self, Bounds, FileTime};

/// An operation that holds, whatever happens from here on.
#[must_use = "a published operation is to be finished"]
pub struct Published<'p> {
    pub(in crate::pool) pending: Pending<'p>,
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
    pub fn publish(self) -> Result<Published<'p>, Error> {
        let mut published = Group::from(vec![self]).publish()?;
        Ok(published.swap_remove(0))
    }
}

impl<'p> Group<'p> {
    /// Publishes all operations at once: one transaction is the commit point of all of them.
    ///
    /// # Errors
    /// When a step fails; all are undone then.
    pub fn publish(self) -> Result<Vec<Published<'p>>, Error> {
        self.publish_as_completed(&[], |_| ())
    }

    /// The same, with a look at the working tree of each while the trees are made durable, as by [`Pending::remember`], where
    /// one is given: nobody may write to them meanwhile. What `complete` adds to the operations, it adds when
    /// nothing is left to be done but to change the metadata.
    ///
    /// # Errors
    /// As [`Group::publish`].
    pub fn publish_as_completed(
        mut self,
        looks: &[Look<'_>],
        complete: impl FnOnce(&mut Self),
    ) -> Result<Vec<Published<'p>>, Error> {
        let Some(pool) = self.first().map(|first| first.session.pool) else { return Ok(Vec::new()) };
        pool.check_interrupted()?;
        let by_list = |pending: &Pending<'_>| {
            pending.operation.plan.install.iter().any(|step| matches!(step, Move::ExchangeEntries { .. }))
        };
        if self.iter().any(by_list) {
            // From the first step of a list on, the list and what is staged must be there to undo it.
            tree::sync_filesystem(&pool.layout.staging())?;
        }
        for pending in self.iter() {
            moves::apply(&pool.layout, &pending.operation.plan.install)?;
        }
        let wanted = self.iter().zip(looks).map(|(pending, look)| (!pending.is_written_to).then_some(look));
        let wanted: Vec<Option<&Look<'_>>> = wanted.collect();
        let seen = thread::scope(|scope| {
            let seen = (!wanted.is_empty()).then(|| {
                scope.spawn(|| {
                    let look = |look: &Option<&Look<'_>>| pool.look_at_tree(look.as_ref()?).ok();
                    wanted.iter().map(look).collect::<Vec<_>>()
                })
            });
            // Of the trees and of the moves at once: until now the journal says how to undo them.
            tree::sync_filesystem(&pool.layout.staging())?;
            Ok::<_, Error>(seen.and_then(|seen| seen.join().ok()).unwrap_or_default())
        })?;
        self.iter_mut().zip(seen).for_each(|(pending, index)| pending.index = index);
        complete(&mut self);
        let publish =
            |pending: &Pending<'_>| Operation { phase: Phase::Published, ..pending.operation.clone() };
        let operations: Vec<Operation> = self.iter().map(publish).collect();
        pool.store.write(|writer| {
            for (pending, operation) in self.iter().zip(&operations) {
                for change in &operation.plan.changes {
                    writer.apply(change)?;
                }
                if operation.leaves_nothing() {
                    pending.close(writer)?;
                } else {
                    writer.journal_put(operation)?;
                }
            }
            Ok::<_, Error>(())
        })?;
        let published = self.take().into_iter().zip(operations).map(|(mut pending, operation)| {
            pending.operation = operation;
            pending.published = true;
            if pending.operation.leaves_nothing() {
                pending.index = None;
            }
            Published { pending }
        });
        Ok(published.collect())
    }
}

impl Pending<'_> {
    /// Changes a row when the operation is published, beside those of its plan.
    pub fn change(&mut self, change: RowChange) {
        self.operation.plan.changes.push(change);
    }

    /// Writes the operation down as one that is done: into the operation log, and out of the journal.
    fn close(&self, writer: &Writer<'_>) -> Result<(), StoreError> {
        if let Some(index) = &self.index {
            index.write(writer)?;
        }
        writer.log_operation(&self.operation)?;
        writer.journal_remove(self.operation.number)
    }

    /// Takes a look at a working tree while nobody writes. It is known once the operation holds. Only speed depends on it, so a
    /// failure is none.
    pub fn remember(&mut self, look: &Look<'_>) {
        if self.is_written_to {
            return;
        }
        self.index = self.session.pool.look_at_tree(look).ok();
    }
}

impl Published<'_> {
    /// The same as [`Pending::remember`] for a working tree that was made from `commit` since `begun`, and last changed
    /// before `until`.
    pub fn remember_new(
        &mut self,
        volume: &VolumeName,
        branch: &BranchName,
        commit: &CommitId,
        begun: Bounds,
        until: FileTime,
    ) {
        let bounds = Bounds { modified: begun.modified, changed: FileTime::a_tick_after(until) };
        self.pending.remember(&Look { volume, branch, commit, parent: None, bounds, exchanged: None });
    }

    /// Lets the containers go, clears up, and writes the operation log. The operation holds whatever
    /// fails here: what cannot be cleared up now is told, and the next operation on the volume does it.
    ///
    /// # Errors
    /// [`Error::NotReleased`] when a container does not come up again; whoever comes next tries once more.
    pub fn finish(self) -> Result<Outcome, Error> {
        finish_all(vec![self])
    }
}

/// Finishes operations that were published together, as [`Published::finish`] does one.
///
/// # Errors
/// As there.
pub fn finish_all(mut all: Vec<Published<'_>>) -> Result<Outcome, Error> {
    let Some(first) = all.first_mut() else { return Ok(Outcome::default()) };
    let (pool, verb) = (first.pending.session.pool, first.pending.operation.verb);
    let released = match first.pending.released.take() {
        Some(released) => released,
        None => Released::all_of(pool, &mut all.iter_mut().map(|one| &mut one.pending).collect::<Vec<_>>()),
    };
    let Released { held, mut problems, patience, downtime } = released;
    let volumes: Vec<VolumeName> = all.iter().map(|one| one.pending.operation.volume.clone()).collect();
    for published in &all {
        if let Err(error) = published.clear_up(problems.is_empty()) {
            let (volume, reason) = (published.pending.operation.volume.to_string(), error.to_string());
            pool.tell(&Notice::NotRecovered { volume, reason });
        }
    }
    trash::expire(pool, all.iter().any(|published| trash::is_filled_by(&published.pending.operation)));
    // Nobody else has to wait for health.
    drop(all);
    problems.extend(pool.await_all(&held, patience));
    if !problems.is_empty() {
        return Err(Error::NotReleased { verb, volumes, problems });
    }
    let names = held.into_iter().filter(|held| held.hold != HoldMode::Leave).map(|held| held.name);
    Ok(Outcome { downtime, containers: names.collect() })
}

impl Published<'_> {
    fn clear_up(&self, released: bool) -> Result<(), Error> {
        let (pool, operation) = (self.pending.session.pool, &self.pending.operation);
        pool.clear(operation)?;
        if operation.leaves_nothing() && self.pending.index.is_none() {
            return Ok(());
        }
        Ok(pool.store.write(|writer| {
            self.pending.close(writer)?;
            if released || operation.held.is_empty() {
                return Ok(());
            }
            let settled = Operation { phase: Phase::Settled, attempts: 1, ..operation.clone() };
            writer.journal_put(&settled)
        })?)
    }
}

impl Pool {
    /// Moves what no record names any more out of the way and empties the operation's staging.
    pub(in crate::pool) fn clear(&self, operation: &Operation) -> Result<(), Error> {
        moves::retire(&self.layout, &operation.plan.retire)?;
        // The journal says where they come from, and is about to forget it.
        moves::sync_parents(&self.layout, &operation.plan.retire)?;
        Ok(tree::remove_tree(&self.layout.full(&layout::staging_of(&operation.id)))?)
    }
}
