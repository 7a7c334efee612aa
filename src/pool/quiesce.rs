//! Keeping containers from writing while trees are read or swapped.
//!
//! All that can be refused is refused before the gate is shut and before a container is touched.
//! Who is held, and how, is in the journal before the first stop. While the gate is shut the engine
//! is only asked for lists, and for a closer look at containers that run: one that waits in Mount
//! would block it.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Error, Notice, Pending, Pool};
use crate::containers::{Container, State, StopOutcome};
use crate::model::{Held, Hold, VolumeName};
use crate::sys::locks::{LockFile, LockGuard, Wait};

/// A container that was let through Mount may take so long to be listed as running.
const SETTLING: Duration = Duration::from_secs(5);
/// A mount younger than this may belong to a container that is just starting.
const YOUNG_MICROS: i64 = 10_000_000;

/// What the containers are held for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The working tree is copied; containers go on with the same tree.
    Copy,
    /// The working tree is swapped; containers must come up on the new one.
    Swap,
}

impl Pending<'_> {
    /// Shuts the gate and holds every container that runs on the volume; all of them, or none.
    ///
    /// # Errors
    /// When one cannot be held, or the engine does not answer. Dropping the operation lets go.
    pub fn quiesce(&mut self, purpose: Purpose) -> Result<(), Error> {
        let pool = self.session.pool;
        let volume = &self.session.volume;
        let mut ways = BTreeMap::new();
        plan_holds(pool, volume, purpose, &mut ways)?;
        self.gate = Some(shut_gate(pool, volume, &self.operation.verb.to_string())?);
        self.quiesced = Some(Instant::now());
        settle(pool, volume)?;
        let holds = plan_holds(pool, volume, purpose, &mut ways)?;
        if !holds.is_empty() {
            self.operation.held = holds;
            let operation = &self.operation;
            pool.store.write(|writer| writer.journal_put(operation))?;
        }
        for held in &self.operation.held {
            hold(pool, held)?;
        }
        Ok(())
    }
}

impl Pending<'_> {
    /// Holds containers that run on something else than the volume, while that is copied.
    ///
    /// # Errors
    /// When one cannot be held, or the engine does not answer. Dropping the operation lets go.
    pub fn hold_others(&mut self, users: &[Container]) -> Result<(), Error> {
        let pool = self.session.pool;
        let mut holds = Vec::new();
        for container in users.iter().rev().filter(|container| container.state != State::Stopped) {
            let auto_remove = pool.containers().details(&container.id)?.auto_remove;
            holds.extend(hold_for(Purpose::Copy, container, auto_remove));
        }
        if !holds.is_empty() {
            self.operation.held = holds;
            let operation = &self.operation;
            pool.store.write(|writer| writer.journal_put(operation))?;
        }
        self.operation.held.iter().try_for_each(|held| hold(pool, held))
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
}

impl Pending<'_> {
    /// Whether a container is only frozen that will be restarted: what it has open it may still write to.
    pub fn has_frozen(&self) -> bool {
        self.operation.held.iter().any(|held| held.hold == Hold::Restart)
    }
}

impl Pool {
    /// Whether a container runs on the volume now, so that a first pass before it is held is worth it.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub fn has_running(&self, volume: &VolumeName) -> Result<bool, Error> {
        Ok(self.containers().users_of(volume)?.iter().any(|user| user.state == State::Running))
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
pub(super) fn shut_gate(pool: &Pool, volume: &VolumeName, verb: &str) -> Result<LockGuard, Error> {
    let what = format!("the gate of volume {volume}");
    Ok(LockFile::new(pool.layout.gate_lock(volume)).exclusive(&Wait {
        what: &what,
        verb,
        limit: pool.options.lock_timeout,
        notice: &|holder| pool.tell(&Notice::Waiting { what: what.clone(), holder: holder.to_owned() }),
    })?)
}

/// How each container that runs will be held, newest first. `known` keeps what a closer look told,
/// so that each container is looked at once.
fn plan_holds(
    pool: &Pool,
    volume: &VolumeName,
    purpose: Purpose,
    known: &mut BTreeMap<String, bool>,
) -> Result<Vec<Held>, Error> {
    let containers = pool.containers();
    let mut holds = Vec::new();
    for container in containers.users_of(volume)?.into_iter().rev() {
        if container.state == State::Stopped {
            continue;
        }
        let auto_remove = if let Some(known) = known.get(&container.id) {
            *known
        } else {
            let details = containers.details(&container.id)?;
            known.insert(container.id.clone(), details.auto_remove);
            details.auto_remove
        };
        holds.extend(hold_for(purpose, &container, auto_remove));
    }
    Ok(holds)
}

fn hold_for(purpose: Purpose, container: &Container, auto_remove: bool) -> Option<Held> {
    let was_paused = container.state == State::Paused;
    let hold = match (purpose, auto_remove) {
        // A frozen container writes nothing: leave it as it is.
        (Purpose::Copy, _) if was_paused => return None,
        (Purpose::Copy, true) => Hold::Pause,
        (Purpose::Swap, true) => Hold::Restart,
        (_, false) => Hold::Stop,
    };
    Some(Held { id: container.id.clone(), name: container.name.clone(), hold, was_paused })
}

fn hold(pool: &Pool, held: &Held) -> Result<(), Error> {
    let containers = pool.containers();
    match held.hold {
        Hold::Stop => {
            if held.was_paused {
                containers.unpause(&held.id)?;
            }
            if containers.stop(&held.id, pool.options.stop_timeout)? == StopOutcome::Killed {
                pool.tell(&Notice::Killed { container: held.name.clone() });
            }
        }
        Hold::Pause | Hold::Restart => {
            if !held.was_paused {
                containers.pause(&held.id)?;
            }
        }
    }
    Ok(())
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
