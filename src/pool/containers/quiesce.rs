//! Keeping containers from writing while trees are read or swapped.
//!
//! Everything that can be refused is refused before the gate is shut and before a container is
//! touched. Each container and how it is held are in the journal before the first stop.
//!
//! Containers are held before the gate is shut, so that one that its engine starts again and again
//! does not wait in Mount. While the gate is shut, dvol asks the engine for lists, and inspects
//! only containers that run: inspecting one that waits in Mount would block.

use std::collections::BTreeSet;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::gate::Gates;
use super::planner::ContainerPlanner;
use super::release::Released;
use crate::containers::{Container, ContainerError, State};
use crate::error::Error;
use crate::model::{HeldContainer, HoldMode, VolumeName};
use crate::pool::{Group, Member, Pool};

/// How long a container that got through Mount may take until the engine lists it as running.
const START_LIMIT: Duration = Duration::from_secs(5);
/// How often the engine is asked for such a container.
const START_POLL: Duration = Duration::from_millis(50);
/// A mount that is younger may belong to a container that is just starting.
const YOUNG_MOUNT_MICROS: i64 = 10_000_000;
/// How many times containers are held that another process starts again and again.
const MAX_ROUNDS: u32 = 10;

/// What containers are held for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The working tree is copied; containers go on with the same tree.
    Copy,
    /// The working tree is swapped; containers must come up on the new one. What they wrote stays.
    Swap,
    /// As `Swap`, and what containers wrote to the working tree is thrown away.
    Discard,
}

/// What quiescing would do to containers now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preview {
    /// A container would be held, so a first pass before that shortens its downtime.
    pub holds: bool,
    /// A container would be frozen and restarted.
    pub freezes: bool,
}

/// A group whose containers do not write. Dropping it undoes the operations and lets the containers
/// go.
#[must_use = "dropping a quiesced group undoes its operations"]
pub struct Quiesced<'p, T> {
    group: Group<'p, T>,
    gates: Gates,
    /// When the first container was about to be held.
    since: Option<Instant>,
    /// Whether a container is frozen that will be restarted.
    has_frozen: bool,
    /// The volumes whose containers go on writing, as their settings say.
    written_to: BTreeSet<VolumeName>,
}

/// A quiesced group in its parts.
pub(in crate::pool) struct Parts<'p, T> {
    pub(in crate::pool) group: Group<'p, T>,
    pub(in crate::pool) gates: Gates,
    pub(in crate::pool) since: Option<Instant>,
}

impl Pool {
    /// Foretells what quiescing these volumes would do to containers, and refuses what it would
    /// refuse.
    ///
    /// # Errors
    /// As [`Group::preview`].
    pub(in crate::pool) fn preview<'v>(
        &self,
        purpose: Purpose,
        volumes: impl Iterator<Item = &'v VolumeName>,
    ) -> Result<Preview, Error> {
        let mut planner = ContainerPlanner::new(self, purpose, volumes)?;
        let found = planner.find(&[])?;
        let holds = !planner.leaves_all() && found.iter().any(|held| !held.was_paused);
        Ok(Preview { holds, freezes: found.iter().any(|held| held.hold == HoldMode::Restart) })
    }

    /// Lists the containers that an operation on `volume` would hold now, and how; refuses what the
    /// operation would refuse.
    ///
    /// # Errors
    /// As [`Group::preview`].
    pub fn containers_to_hold(
        &self,
        purpose: Purpose,
        volume: &VolumeName,
    ) -> Result<Vec<(String, HoldMode)>, Error> {
        let found = ContainerPlanner::new(self, purpose, std::iter::once(volume))?.find(&[])?;
        let touched = found.into_iter().filter(|held| held.hold != HoldMode::Leave);
        Ok(touched.map(|held| (held.name, held.hold)).collect())
    }
}

impl<'p, T> Group<'p, T> {
    /// Refuses what [`Group::quiesce`] would refuse, before much is done, and foretells the rest.
    ///
    /// # Errors
    /// When a container on one of the volumes cannot be held as it should, or the engine does not
    /// answer.
    pub fn preview(&self, purpose: Purpose) -> Result<Preview, Error> {
        self.pool.preview(purpose, self.volumes())
    }

    /// Shuts the gates of all volumes and holds every container that runs on one of them, each
    /// once.
    ///
    /// Where the settings leave a volume's containers alone, this only runs the commands that come
    /// before a commit.
    ///
    /// # Errors
    /// When a container cannot be held, a command fails, or the engine does not answer. All
    /// operations are undone then.
    pub fn quiesce(self, purpose: Purpose) -> Result<Quiesced<'p, T>, Error> {
        let mut planner = ContainerPlanner::new(self.pool, purpose, self.volumes())?;
        let mut found = planner.find(&[])?;
        found = planner.with_sharers(found)?;
        let mut quiesced = self.unquiesced();
        let volumes = quiesced.group.volumes();
        quiesced.written_to = volumes.filter(|volume| planner.leaves(volume)).cloned().collect();
        if planner.leaves_all() {
            quiesced.group.note(&found)?;
            planner.run_before(&found)?;
            return Ok(quiesced);
        }
        for _ in 0..MAX_ROUNDS {
            quiesced.hold(&mut planner, &found)?;
            found = planner.find(&quiesced.group.held)?;
            if found.is_empty() {
                quiesced.has_frozen = quiesced.group.held.iter().any(|held| held.hold == HoldMode::Restart);
                return Ok(quiesced);
            }
        }
        let name = found.swap_remove(0).name;
        Err(ContainerError::WillNotStop { name }.into())
    }

    /// Shuts the gates of all volumes and holds no container: for volumes that no container uses.
    ///
    /// # Errors
    /// When a gate stays in use for too long. All operations are undone then.
    pub fn shut_gates(self) -> Result<Quiesced<'p, T>, Error> {
        let mut quiesced = self.unquiesced();
        quiesced.shut_gates()?;
        Ok(quiesced)
    }

    /// Holds containers that run on a volume of another driver while that is copied.
    ///
    /// # Errors
    /// When a container cannot be held, or the engine does not answer. All operations are undone
    /// then.
    pub fn hold_others(self, users: &[Container]) -> Result<Quiesced<'p, T>, Error> {
        let mut quiesced = self.unquiesced();
        let found = ContainerPlanner::find_others(quiesced.pool, users)?;
        quiesced.note(&found)?;
        let planner = ContainerPlanner::new(quiesced.pool, Purpose::Copy, std::iter::empty())?;
        for held in &found {
            quiesced.pool.check_interrupted()?;
            if let Some(other) = planner.hold(held)? {
                quiesced.rewrite(&held.id, other)?;
            }
        }
        quiesced.pool.check_interrupted()?;
        Ok(quiesced)
    }

    /// Goes on without holding containers, for operations that disturb none.
    pub fn unquiesced(self) -> Quiesced<'p, T> {
        Quiesced {
            group: self,
            gates: Gates::default(),
            since: None,
            has_frozen: false,
            written_to: BTreeSet::new(),
        }
    }
}

impl<'p, T> Quiesced<'p, T> {
    /// Returns the operations of the group.
    pub fn members_mut(&mut self) -> &mut [Member<'p, T>] {
        &mut self.group.members
    }

    /// Returns whether a container is held.
    pub fn has_held(&self) -> bool {
        self.group.held.iter().any(|held| held.hold != HoldMode::Leave)
    }

    /// Returns whether a container is only frozen that will be restarted: it may still write to the
    /// files that it has open.
    pub fn has_frozen(&self) -> bool {
        self.has_frozen
    }

    /// Iterates over the volumes that no container writes to.
    pub(in crate::pool) fn quiet_members(&mut self) -> impl Iterator<Item = &mut Member<'p, T>> {
        let Quiesced { group, written_to, .. } = self;
        group.members.iter_mut().filter(|member| !written_to.contains(&member.operation.volume))
    }

    /// Lets the containers go before the operations are published. Gives `None` where one has to
    /// wait until another is ready: they are let go at the end then.
    pub(in crate::pool) fn release_early(&mut self) -> Result<Option<Released>, Error> {
        let waits = |held: &HeldContainer| {
            let is_awaited = held.is_awaited() && !held.post.is_empty();
            held.starts_anew() && (is_awaited || !held.after_healthy.is_empty())
        };
        if self.held.iter().any(waits) {
            return Ok(None);
        }
        let volumes: Vec<VolumeName> = self.volumes().cloned().collect();
        let downtime = self.since.map(|since| since.elapsed()).unwrap_or_default();
        self.gates.open();
        let released = Released::new(self.pool, &volumes, self.held.clone(), downtime);
        if released.problems.is_empty() {
            // The containers run again, so recovery need not start them.
            self.held.clear();
            self.write_containers()?;
        }
        Ok(Some(released))
    }

    /// Takes the group apart once it holds, so that nothing is undone any more.
    pub(in crate::pool) fn into_parts(mut self) -> Parts<'p, T> {
        let empty = Group::new(self.group.pool);
        Parts {
            group: mem::replace(&mut self.group, empty),
            gates: mem::take(&mut self.gates),
            since: self.since,
        }
    }

    /// Holds the containers in `found`, shuts all gates, and waits for containers that are just
    /// starting.
    fn hold(&mut self, planner: &mut ContainerPlanner<'_>, found: &[HeldContainer]) -> Result<(), Error> {
        self.group.note(found)?;
        planner.run_before(found)?;
        self.since.get_or_insert_with(Instant::now);
        if !found.is_empty() {
            // A container that waits in Mount at a gate of ours could not be stopped.
            self.gates.open();
        }
        for held in found {
            self.group.pool.check_interrupted()?;
            if let Some(other) = planner.hold(held)? {
                self.group.rewrite(&held.id, other)?;
            }
        }
        self.group.pool.check_interrupted()?;
        self.shut_gates()?;
        self.group.volumes().try_for_each(|volume| await_starting(self.group.pool, volume))
    }

    fn shut_gates(&mut self) -> Result<(), Error> {
        let Quiesced { group, gates, .. } = self;
        for member in &group.members {
            gates.shut_all(group.pool, &member.operation, &member.operation.verb.to_string())?;
        }
        Ok(())
    }
}

impl<'p, T> Deref for Quiesced<'p, T> {
    type Target = Group<'p, T>;

    fn deref(&self) -> &Group<'p, T> {
        &self.group
    }
}

impl<T> DerefMut for Quiesced<'_, T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.group
    }
}

impl<T> Drop for Quiesced<'_, T> {
    fn drop(&mut self) {
        // Each gate stays shut until its trees are back.
        self.group.roll_back(&mut self.gates);
    }
}

/// Waits for a container that got through Mount before the gate was shut and that the engine does
/// not list as running yet. Counts of mounts prove nothing, so the wait is short and is not an
/// error.
fn await_starting(pool: &Pool, volume: &VolumeName) -> Result<(), Error> {
    let start = Instant::now();
    while start.elapsed() < START_LIMIT {
        let bindings = pool.store.read(|rows| rows.bindings(volume))?;
        let now = pool.now().micros;
        if !bindings.iter().any(|binding| now - binding.since.micros < YOUNG_MOUNT_MICROS) {
            return Ok(());
        }
        let users = pool.containers().users_of(volume)?;
        // The engine asks for a mount for each path in a container.
        let there = users.iter().filter(|user| user.state != State::Stopped).map(|user| user.mounts);
        if there.sum::<usize>() >= bindings.len() {
            return Ok(());
        }
        sleep(START_POLL);
    }
    Ok(())
}
