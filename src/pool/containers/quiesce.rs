//! Keeping containers from writing while trees are read or swapped.
//!
//! All that can be refused is refused before the gate is shut and before a container is touched.
//! Who is held, and how, is in the journal before the first stop. Containers are held before the gate
//! is shut, so that one that its engine starts again and again does not wait in Mount. While the gate
//! is shut the engine is only asked for lists, and for a closer look at containers that run: one that
//! waits in Mount would block it.

use std::slice;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::planner::ContainerPlanner;
use crate::containers::{Container, ContainerError, State};
use crate::error::Error;
use crate::model::{HeldContainer, HoldMode, VolumeName};
use crate::pool::{Notice, Pending, Pool};
use crate::sys::locks::{LockFile, LockGuard, Wait};

/// A container that was let through Mount may take so long to be listed as running.
const SETTLING: Duration = Duration::from_secs(5);
/// A mount younger than this may belong to a container that is just starting.
const YOUNG_MICROS: i64 = 10_000_000;
/// How often containers are held that somebody else starts again and again.
const ROUNDS: u32 = 10;

/// What the containers are held for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The working tree is copied; containers go on with the same tree.
    Copy,
    /// The working tree is swapped; containers must come up on the new one.
    Swap,
}

/// What will be done to containers, as it looks before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    /// One will be held, so that a first pass before that is worth it.
    pub holds: bool,
    /// One that will be restarted will only be frozen.
    pub freezes: bool,
}

/// Shuts the gates of all these operations' volumes and holds every container that runs on one of them,
/// each once; all of them, or none. The first operation has them in its journal entry.
pub(in crate::pool) fn quiesce(pending: &mut [Pending<'_>], purpose: Purpose) -> Result<(), Error> {
    let Some(first) = pending.first() else { return Ok(()) };
    let pool = first.session.pool;
    let volumes = pending.iter().map(|pending| pending.session.volume.clone());
    let mut holder = ContainerPlanner::new(pool, purpose, volumes)?;
    let mut found = holder.find(&[])?;
    for pending in &mut *pending {
        pending.is_written_to = holder.leaves(&pending.session.volume);
    }
    if holder.leaves_all() {
        note(&mut pending[0], &found)?;
        return holder.run_before(&found);
    }
    for _ in 0..ROUNDS {
        note(&mut pending[0], &found)?;
        holder.run_before(&found)?;
        let begun = Instant::now();
        // What waits in Mount at a gate of ours could not be stopped.
        pending.iter_mut().for_each(|pending| {
            pending.quiesced.get_or_insert(begun);
            if !found.is_empty() {
                pending.gate = None;
            }
        });
        for held in &found {
            if let Some(other) = holder.hold(held)? {
                rewrite(&mut pending[0], &held.id, other)?;
            }
        }
        for pending in pending.iter_mut().filter(|pending| pending.gate.is_none()) {
            pending.gate =
                Some(shut_gate(pool, &pending.session.volume, &pending.operation.verb.to_string())?);
        }
        for pending in &*pending {
            settle(pool, &pending.session.volume)?;
        }
        found = holder.find(&pending[0].operation.held)?;
        if found.is_empty() {
            let frozen = pending[0].operation.held.iter().any(|held| held.hold == HoldMode::Restart);
            pending.iter_mut().for_each(|pending| pending.has_frozen = frozen);
            return Ok(());
        }
    }
    let name = found.swap_remove(0).name;
    Err(ContainerError::WillNotStop { name }.into())
}

/// Writes down who is about to be held.
fn note(pending: &mut Pending<'_>, found: &[HeldContainer]) -> Result<(), Error> {
    let known = |held: &HeldContainer| pending.operation.held.iter().any(|known| known.id == held.id);
    let new: Vec<HeldContainer> = found.iter().filter(|held| !known(held)).cloned().collect();
    if new.is_empty() {
        return Ok(());
    }
    pending.operation.held.extend(new);
    let operation = &pending.operation;
    Ok(pending.session.pool.store.write(|writer| writer.journal_put(operation))?)
}

/// Writes down that a container is held in another way.
fn rewrite(pending: &mut Pending<'_>, id: &str, hold: HoldMode) -> Result<(), Error> {
    for held in pending.operation.held.iter_mut().filter(|held| held.id == id) {
        held.hold = hold;
        if hold == HoldMode::Leave {
            // It does not run any more.
            held.post.clear();
        }
    }
    let operation = &pending.operation;
    Ok(pending.session.pool.store.write(|writer| writer.journal_put(operation))?)
}

impl Pending<'_> {
    /// Shuts the gate and holds every container that runs on the volume; all of them, or none. Where
    /// the volume's containers are to be left alone, only runs the commands that come before a commit.
    ///
    /// # Errors
    /// When one cannot be held, a command fails, or the engine does not answer. Dropping the operation
    /// lets go.
    pub fn quiesce(&mut self, purpose: Purpose) -> Result<(), Error> {
        quiesce(slice::from_mut(self), purpose)
    }

    /// Holds containers that run on something else than the volume, while that is copied.
    ///
    /// # Errors
    /// When one cannot be held, or the engine does not answer. Dropping the operation lets go.
    pub fn hold_others(&mut self, users: &[Container]) -> Result<(), Error> {
        let pool = self.session.pool;
        let holder = ContainerPlanner::new(pool, Purpose::Copy, std::iter::empty())?;
        let found = ContainerPlanner::find_others(pool, users)?;
        note(self, &found)?;
        for held in &found {
            holder.hold(held)?;
        }
        Ok(())
    }

    /// Shuts the gate without holding anybody: for a volume that no container uses.
    ///
    /// # Errors
    /// When the gate is not had in time.
    pub fn shut_gate(&mut self) -> Result<(), Error> {
        let (pool, volume) = (self.session.pool, &self.session.volume);
        self.gate = Some(shut_gate(pool, volume, &self.operation.verb.to_string())?);
        Ok(())
    }

    /// Whether a container is only frozen that will be restarted: what it has open it may still write to.
    pub fn has_frozen(&self) -> bool {
        self.has_frozen
    }
}

impl Pool {
    /// Refuses what [`Group::quiesce`](crate::pool::Group::quiesce) would refuse, before much is done. Says what it would do now.
    ///
    /// # Errors
    /// When a container on one of the volumes cannot be held as it should, or the engine does not answer.
    pub fn will_hold<'v>(
        &self,
        volumes: impl IntoIterator<Item = &'v VolumeName>,
        purpose: Purpose,
    ) -> Result<Ahead, Error> {
        let mut holder = ContainerPlanner::new(self, purpose, volumes.into_iter().cloned())?;
        let found = holder.find(&[])?;
        let holds = !holder.leaves_all() && found.iter().any(|held| !held.was_paused);
        Ok(Ahead { holds, freezes: found.iter().any(|held| held.hold == HoldMode::Restart) })
    }

    /// Passes the gate together with others, waiting while it is shut.
    ///
    /// # Errors
    /// When it stays shut for longer than `limit`.
    pub fn pass_gate(&self, volume: &VolumeName, limit: Duration) -> Result<LockGuard, Error> {
        let what = format!("the gate of volume {volume}");
        let wait = Wait { what: &what, verb: "mount", limit, notice: &|_| () };
        Ok(LockFile::new(self.layout.gate_lock(volume)).shared(&wait)?)
    }
}

/// Takes the gate for this process alone: nobody is let through Mount from here on.
pub(in crate::pool) fn shut_gate(pool: &Pool, volume: &VolumeName, verb: &str) -> Result<LockGuard, Error> {
    let what = format!("the gate of volume {volume}");
    Ok(LockFile::new(pool.layout.gate_lock(volume)).exclusive(&Wait {
        what: &what,
        verb,
        limit: pool.options.lock_timeout,
        notice: &|holder| pool.tell(&Notice::Waiting { what: what.clone(), holder: holder.to_owned() }),
    })?)
}

/// Waits for a container that was let through Mount before the gate was shut and is not listed as
/// running yet. Counts of mounts are no proof, so the wait is short and then goes on.
fn settle(pool: &Pool, volume: &VolumeName) -> Result<(), Error> {
    let start = Instant::now();
    while start.elapsed() < SETTLING {
        let bindings = pool.store.read(|rows| rows.bindings(volume))?;
        let now = pool.now().micros;
        if !bindings.iter().any(|binding| now - binding.since.micros < YOUNG_MICROS) {
            return Ok(());
        }
        let users = pool.containers().users_of(volume)?;
        if users.iter().filter(|user| user.state != State::Stopped).count() >= bindings.len() {
            return Ok(());
        }
        sleep(Duration::from_millis(50));
    }
    Ok(())
}
