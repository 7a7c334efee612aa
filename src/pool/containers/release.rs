//! Letting containers go after an operation, in the reverse of the order in which they were held.

use std::time::{Duration, Instant};

use super::planner::{run_after, stop_timeout};
use super::ready::await_ready;
use crate::containers::{ContainerError, Patience};
use crate::error::Error;
use crate::model::{HeldContainer, HoldMode, VolumeName};
use crate::pool::{Disruption, HeldName, Notice, Pool, Setting};

/// How long a container waits for another one at most, once the user has interrupted the operation.
const OWED_WAIT: Duration = Duration::from_secs(5);

/// Containers that were let go.
pub(in crate::pool) struct Released {
    pub(in crate::pool) held: Vec<HeldContainer>,
    /// A line for each that is not up.
    pub(in crate::pool) problems: Vec<String>,
    /// How long to wait until they are ready.
    patience: Duration,
    /// When the first was let go.
    since: Instant,
    /// How long they were held.
    downtime: Duration,
}

impl Released {
    /// Lets the containers on these volumes go. Their gates must be open.
    pub(in crate::pool) fn new(
        pool: &Pool,
        volumes: &[VolumeName],
        held: Vec<HeldContainer>,
        downtime: Duration,
    ) -> Self {
        let patience = patience(pool, volumes, &held).unwrap_or_default();
        let since = Instant::now();
        let problems = release(pool, &held, patience);
        Released { held, problems, patience, since, downtime }
    }

    /// Waits until the containers are ready, as far as a check tells, `patience` for all of them at
    /// most.
    pub(in crate::pool) fn await_ready(mut self, pool: &Pool) -> Disruption {
        let mut ready_ms = None;
        if !self.patience.is_zero() {
            let until = Instant::now() + self.patience;
            let checked = self.held.iter().rev().filter(|held| held.is_awaited());
            let waited: Vec<_> = checked.map(|held| await_ready(pool, held, until)).collect();
            let are_ready = waited.iter().all(Result::is_ok) && waited.contains(&Ok(true));
            ready_ms = are_ready.then(|| milliseconds(self.since.elapsed()));
            self.problems.extend(waited.into_iter().filter_map(Result::err));
        }
        let touched = self.held.into_iter().filter(|held| held.hold != HoldMode::Leave);
        Disruption {
            containers: touched.map(|held| HeldName { name: held.name, hold: held.hold }).collect(),
            downtime_ms: milliseconds(self.downtime),
            ready_ms,
            problems: self.problems,
        }
    }
}

/// Lets the containers of a dead or failed operation on these volumes go, and gives a line for each
/// that is not up. Waits only for those that another container or a command needs.
pub(in crate::pool) fn release_left(
    pool: &Pool,
    volumes: &[VolumeName],
    held: &[HeldContainer],
) -> Vec<String> {
    release(pool, held, patience(pool, volumes, held).unwrap_or_default())
}

/// Lets all containers go, even when one cannot be. Gives a line for each that is not up. A
/// container that starts after another one is ready waits for that one, `patience` at most.
fn release(pool: &Pool, held: &[HeldContainer], patience: Duration) -> Vec<String> {
    let mut problems = Vec::new();
    for one in held.iter().rev() {
        let is_first = |other: &&HeldContainer| {
            other.starts_anew() && other.is_awaited() && one.after_healthy.contains(&other.id)
        };
        for first in held.iter().filter(is_first) {
            // If it does not become ready, `one` is started anyway: no other process would start
            // it.
            await_first(pool, first, patience);
        }
        match release_one(pool, one) {
            // Another process has removed the container, so dvol need not start it.
            Ok(()) | Err(ContainerError::Gone { .. }) => {}
            Err(error) => {
                let reason = error.to_string();
                pool.tell(&Notice::NotReleased { container: one.name.clone(), reason: reason.clone() });
                problems.push(reason);
            }
        }
    }
    for one in held.iter().rev().filter(|held| !held.post.is_empty()) {
        // A check may wait for a lock that this command is to free in a container that was frozen.
        if one.starts_anew() && one.is_awaited() {
            await_first(pool, one, patience);
        }
        run_after(pool, one);
    }
    problems
}

/// Waits until a container is ready that something else needs, `patience` at most. An interrupt
/// leaves it a moment, as a container that starts before its database is ready may end at once.
fn await_first(pool: &Pool, first: &HeldContainer, patience: Duration) {
    if pool.check_interrupted().is_ok() {
        let _ = await_ready(pool, first, Instant::now() + patience);
    }
    if pool.check_interrupted().is_err() {
        let _ = await_ready(&pool.uninterrupted(), first, Instant::now() + patience.min(OWED_WAIT));
    }
}

/// Waits until containers are down that a dead process may have asked the engine to stop, since
/// starting one that is still stopping does nothing.
pub(in crate::pool) fn await_stops(pool: &Pool, held: &[HeldContainer]) {
    for one in held.iter().filter(|held| matches!(held.hold, HoldMode::Stop | HoldMode::Kill)) {
        if pool.containers().details(&one.id).is_ok_and(|details| details.running) {
            // If it fails, the start shows what is wrong.
            let _ = pool.containers().stop(&one.id, stop_timeout(one), &Patience::ENDLESS);
        }
    }
}

fn release_one(pool: &Pool, held: &HeldContainer) -> Result<(), ContainerError> {
    let containers = pool.containers();
    // A paused container was not touched yet, or is let go already; engines start no paused
    // container.
    if matches!(held.hold, HoldMode::Stop | HoldMode::Kill)
        && held.was_paused
        && containers.pause(&held.id).is_ok()
    {
        return Ok(());
    }
    match held.hold {
        HoldMode::Leave => return Ok(()),
        HoldMode::Pause => return containers.unpause(&held.id),
        HoldMode::Stop | HoldMode::Kill => containers.start(&held.id)?,
        HoldMode::Restart if pool.is_stopping(&held.id) && !held.was_paused => {
            if !containers.begin_restart(&held.id, stop_timeout(held))? {
                pool.tell(&Notice::StillStopping { container: held.name.clone() });
            }
        }
        HoldMode::Restart => {
            // One that has stopped since cannot be thawed, and a restart starts it.
            let thawed = containers.unpause(&held.id);
            let restarted = containers.restart(&held.id, stop_timeout(held));
            restarted.map_err(|error| thawed.err().unwrap_or(error))?;
        }
    }
    if held.was_paused { containers.pause(&held.id) } else { Ok(()) }
}

/// How long to wait until containers are ready: the longest that is set for one of the volumes.
fn patience(pool: &Pool, volumes: &[VolumeName], held: &[HeldContainer]) -> Result<Duration, Error> {
    if pool.options.wait == Some(false) || held.iter().all(|held| !held.is_awaited()) {
        return Ok(Duration::ZERO);
    }
    let setting = Setting::find("containers.wait")?;
    let set = pool.store.read(|rows| {
        let values = volumes.iter().map(|volume| setting.value(&rows, Some(volume)));
        values.collect::<Result<Vec<_>, _>>()
    })?;
    let seconds = set.iter().filter_map(|value| value.parse().ok()).max().unwrap_or_default();
    let asked =
        if seconds == 0 && pool.options.wait == Some(true) { setting.default.parse().ok() } else { None };
    Ok(Duration::from_secs(asked.unwrap_or(seconds)))
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
