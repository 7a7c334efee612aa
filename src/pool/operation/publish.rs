//! The second half of an operation: publish it, let the containers go, clear up.

use std::collections::BTreeMap;
use std::mem;
use std::path::Path;
use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

use serde::Serialize;

use super::group::{Group, Member};
use super::{moves, trash};
use crate::containers::ComposeVolume;
use crate::error::Error;
use crate::layout;
use crate::model::{HeldContainer, HoldMode, Move, Operation, Phase, Row, VolumeName};
use crate::pool::containers::gate::Gates;
use crate::pool::containers::quiesce::{Parts, Quiesced};
use crate::pool::containers::release::Released;
use crate::pool::{Look, Notice, Pool};
use crate::store::{StoreError, Writer};
use crate::sys::tree;

/// Operations that hold, whatever happens from here on.
#[must_use = "a published operation is to be finished"]
pub struct Published<'p, T> {
    pool: &'p Pool,
    members: Vec<Member<'p, T>>,
    containers: Containers,
    /// New volumes to label for compose.
    expected: Vec<ComposeVolume>,
}

/// The containers of published operations.
enum Containers {
    Held { held: Vec<HeldContainer>, gates: Gates, since: Option<Instant> },
    LetGo(Released),
}

/// How operations ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<T> {
    /// What became of the containers.
    pub disruption: Disruption,
    /// What the verb knows of each volume.
    pub volumes: Vec<T>,
}

/// What an operation did to containers, for all its volumes together.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Disruption {
    /// The containers that were stopped, paused or restarted.
    pub containers: Vec<HeldName>,
    /// How long they were held, in milliseconds: stopping them included, starting them not.
    pub downtime_ms: u64,
    /// How long they took to be ready from then on, in milliseconds; `None` if no check tells it.
    pub ready_ms: Option<u64>,
    /// A line for each container that is not up or not ready, though the operation is done.
    pub problems: Vec<String>,
}

/// The name of a container, and how it was held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct HeldName {
    /// The name.
    pub name: String,
    /// How it was held.
    #[serde(skip)]
    pub hold: HoldMode,
}

/// Says which working tree of a volume is to be looked at, and what it is.
type LookAt<'f, T> = dyn Fn(&T) -> Option<Look<'_>> + Sync + 'f;

impl<'p, T: Send> Group<'p, T> {
    /// Publishes operations that disturb no container, as [`Quiesced::publish`] does.
    ///
    /// # Errors
    /// As [`Quiesced::publish`].
    pub fn publish(self) -> Result<Published<'p, T>, Error> {
        self.unquiesced().publish()
    }

    /// Publishes operations that disturb no container, as [`Quiesced::publish_known`] does.
    ///
    /// # Errors
    /// As [`Quiesced::publish`].
    pub fn publish_known(
        self,
        look: impl Fn(&T) -> Option<Look<'_>> + Sync,
    ) -> Result<Published<'p, T>, Error> {
        self.unquiesced().publish_known(look)
    }

    /// Publishes operations that disturb no container, as [`Group::publish_known`] does. `also`
    /// writes rows that belong to no operation in the same transaction.
    ///
    /// # Errors
    /// As [`Quiesced::publish`]; and when `also` fails.
    pub fn publish_with(
        self,
        look: impl Fn(&T) -> Option<Look<'_>> + Sync,
        also: impl FnOnce(&Writer<'_>) -> Result<(), Error>,
    ) -> Result<Published<'p, T>, Error> {
        let mut quiesced = self.unquiesced();
        quiesced.install(Some(&look))?;
        quiesced.commit(None, also)
    }
}

impl<'p, T: Send> Quiesced<'p, T> {
    /// Moves trees and metadata over: one transaction is the commit point of all operations.
    ///
    /// # Errors
    /// When a step fails; all operations are undone then.
    pub fn publish(self) -> Result<Published<'p, T>, Error> {
        self.publish_known(|_| None)
    }

    /// Publishes, and learns what `look` says of each working tree while trees become durable: no
    /// process may write to them meanwhile.
    ///
    /// # Errors
    /// As [`Quiesced::publish`].
    pub fn publish_known(
        mut self,
        look: impl Fn(&T) -> Option<Look<'_>> + Sync,
    ) -> Result<Published<'p, T>, Error> {
        self.install(Some(&look))?;
        self.commit(None, |_| Ok(()))
    }

    /// Publishes operations that only read the working trees. What was copied need not be durable
    /// for containers to go on, so they are let go first, unless their start has to wait for a
    /// health check.
    ///
    /// `complete` adds rows when only the transaction is left to do.
    ///
    /// # Errors
    /// As [`Quiesced::publish`].
    pub fn publish_copied(
        mut self,
        look: impl Fn(&T) -> Option<Look<'_>> + Sync,
        complete: impl FnOnce(&mut [Member<'p, T>]),
    ) -> Result<Published<'p, T>, Error> {
        let mut released = None;
        if self.held.is_empty() {
            self.install(Some(&look))?;
        } else {
            // No process may write while the trees are looked at.
            self.look(&look);
            released = self.release_early()?;
            self.install(None)?;
        }
        complete(&mut self.members);
        self.commit(released, |_| Ok(()))
    }

    /// Moves the staged trees into place and makes them durable.
    fn install(&mut self, look: Option<&LookAt<'_, T>>) -> Result<(), Error> {
        let pool = self.pool;
        pool.check_interrupted()?;
        let is_by_list = |step: &Move| matches!(step, Move::ExchangeEntries { .. });
        if self.members.iter().any(|member| member.operation.plan.install.iter().any(is_by_list)) {
            // From the first step of a list on, the list and what is staged must be there to undo
            // it.
            tree::sync_filesystem(&pool.layout.staging())?;
        }
        pool.mark_installing(&self.members)?;
        for member in &self.members {
            moves::apply(&pool.layout, &member.operation.plan.install, &pool.refused_flags)?;
        }
        let shows_stores = thread::scope(|scope| {
            let looking = look.map(|look| scope.spawn(|| self.look(look)));
            // Of the trees and of the moves at once: until now the journal says how to undo them.
            let shows_stores = tree::sync_and_test_stores(&pool.layout.staging())?;
            let _ = looking.map(ScopedJoinHandle::join);
            Ok::<_, Error>(shows_stores)
        })?;
        if !shows_stores {
            // The index would miss what is stored through a mapping later.
            self.members.iter_mut().for_each(|member| member.index = None);
        }
        Ok(())
    }

    /// Looks at the working trees that no container writes to. Only speed depends on it, so a
    /// failure is not an error.
    fn look(&mut self, look: &LookAt<'_, T>) {
        let pool = self.pool;
        for member in self.quiet_members() {
            member.index = look(&member.work).and_then(|look| pool.look_at_tree(&look).ok());
        }
    }

    /// Changes the metadata: the operations hold from there on.
    fn commit(
        mut self,
        released: Option<Released>,
        also: impl FnOnce(&Writer<'_>) -> Result<(), Error>,
    ) -> Result<Published<'p, T>, Error> {
        let pool = self.pool;
        let expected =
            self.members.iter().flat_map(|member| pool.expect_volumes(&member.operation)).collect();
        self.mark_published();
        self.pool.store.write(|writer| {
            for member in &self.members {
                let kept = trash::places_kept_by(&member.operation);
                for change in &member.operation.plan.changes {
                    writer.apply(change)?;
                    if let (Some(Row::Commit(commit)), None) = (&change.before, &change.after)
                        && !layout::commit_tree(&commit.volume, &commit.id)
                            .ancestors()
                            .any(|at| kept.contains(at))
                    {
                        writer.set_changed(&commit.volume, &commit.id, None)?;
                    }
                }
                if let Some(renaming) = &member.operation.plan.renames {
                    writer.rename_volume(renaming)?;
                }
                if member.operation.leaves_nothing() {
                    member.close(writer)?;
                } else {
                    writer.journal_put(&member.operation)?;
                }
            }
            also(writer)
        })?;
        let Parts { mut group, gates, since } = self.into_parts();
        let mut members = mem::take(&mut group.members);
        for member in members.iter_mut().filter(|member| member.operation.leaves_nothing()) {
            member.index = None;
        }
        let containers = match released {
            Some(released) => Containers::LetGo(released),
            None => Containers::Held { held: mem::take(&mut group.held), gates, since },
        };
        Ok(Published { pool: group.pool, members, containers, expected })
    }
}

impl<T> Member<'_, T> {
    /// Moves the operation from the journal to the operation log.
    fn close(&self, writer: &Writer<'_>) -> Result<(), StoreError> {
        match &self.index {
            Some(index) => index.write(writer)?,
            None => self.forget_indexes(writer)?,
        }
        writer.log_operation(&self.operation)?;
        writer.journal_remove(self.operation.number)
    }

    /// Deletes the indexes of working trees that others have replaced: they know no entry of these.
    fn forget_indexes(&self, writer: &Writer<'_>) -> Result<(), StoreError> {
        let volume = self.operation.owner();
        let is_replaced = |place: &Path| {
            self.operation
                .plan
                .install
                .iter()
                .any(|step| matches!(step, Move::Exchange { place: at, .. } if at == place))
        };
        for branch in writer.branches(volume)? {
            if is_replaced(&layout::working_tree(volume, &branch.name)) {
                writer.set_tree_index(volume, &branch.name, None)?;
            }
        }
        Ok(())
    }

    /// Clears up and closes the operation. Containers that were not let go keep its entry in the
    /// journal.
    fn clear_up(&self, pool: &Pool, is_released: bool) -> Result<(), Error> {
        let operation = &self.operation;
        pool.clear(operation)?;
        if operation.leaves_nothing() {
            return Ok(());
        }
        Ok(pool.store.write(|writer| {
            self.close(writer)?;
            if is_released || operation.held.is_empty() {
                return Ok(());
            }
            let settled = Operation { phase: Phase::Settled, attempts: 1, ..operation.clone() };
            writer.journal_put(&settled)
        })?)
    }
}

impl<'p, T> Published<'p, T> {
    /// Has other containers started in the place of some that are held: `made` gives the new id by
    /// the old one. Recovery does the same from here on.
    ///
    /// # Errors
    /// When the metadata cannot be written; the old ones are started then.
    pub fn start_instead(&mut self, made: &BTreeMap<String, String>) -> Result<(), Error> {
        let replace = |held: &mut HeldContainer| {
            if let Some(id) = made.get(&held.id) {
                held.id.clone_from(id);
            }
            for id in &mut held.after_healthy {
                if let Some(new) = made.get(id) {
                    id.clone_from(new);
                }
            }
        };
        let mut operations: Vec<Operation> =
            self.members.iter().map(|member| member.operation.clone()).collect();
        operations.iter_mut().for_each(|operation| operation.held.iter_mut().for_each(replace));
        self.pool.store.write(|writer| operations.iter().try_for_each(|one| writer.journal_put(one)))?;
        for (member, operation) in self.members.iter_mut().zip(operations) {
            member.operation = operation;
        }
        if let Containers::Held { held, .. } = &mut self.containers {
            held.iter_mut().for_each(replace);
        }
        Ok(())
    }

    /// Lets the containers go, clears up, and writes the operation log. The operations hold
    /// whatever fails here: what cannot be cleared up now is reported, and the next operation on
    /// the volume does it. A container that does not start again is in the outcome, and recovery
    /// tries once more.
    pub fn finish(self) -> Outcome<T> {
        let Published { pool, members, containers, expected } = self;
        pool.label_volumes(&expected);
        let volumes: Vec<VolumeName> = members.iter().map(|one| one.operation.volume.clone()).collect();
        let released = match containers {
            Containers::LetGo(released) => released,
            Containers::Held { held, gates, since } => {
                // Containers that start wait for the gate in Mount.
                drop(gates);
                let downtime = since.map(|since| since.elapsed()).unwrap_or_default();
                Released::new(pool, &volumes, held, downtime)
            }
        };
        for member in &members {
            if let Err(error) = member.clear_up(pool, released.problems.is_empty()) {
                let (volume, reason) = (member.operation.volume.to_string(), error.to_string());
                pool.tell(&Notice::NotRecovered { volume, reason });
            }
        }
        pool.tell_refused_flags();
        trash::expire(pool, members.iter().map(|member| &member.operation));
        // Dropping the rest of each member releases its lock: no other process has to wait until
        // containers are ready.
        let volumes = members.into_iter().map(|member| member.work).collect();
        Outcome { disruption: released.await_ready(pool), volumes }
    }
}

impl Pool {
    /// Moves what no record names any more out of the way and empties the operation's staging. What
    /// the kernel keeps there belongs to no operation from then on.
    pub(in crate::pool) fn clear(&self, operation: &Operation) -> Result<(), Error> {
        moves::retire(&self.layout, &operation.plan.retire)?;
        // The journal says where they come from, and is about to forget it.
        moves::sync_parents(&self.layout, &operation.plan.retire)?;
        let lost = self.layout.full(&layout::lost_and_found_of(&operation.id));
        let strangers = self.keep_strangers(operation, &lost)?;
        self.tell_set_aside(operation, strangers, lost);
        tree::remove_what_goes(&self.layout.full(&layout::staging_of(&operation.id)))?;
        Ok(())
    }
}
