//! Letting containers go after an operation, in the reverse of the order in which they were held.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::planner::{run_after, stop_timeout};
use crate::containers::{ContainerError, Health};
use crate::error::Error;
use crate::model::{HeldContainer, HoldMode, VolumeName};
use crate::pool::{Notice, Pool, Setting};

/// How often a container is asked for its health.
const HEALTH_POLL: Duration = Duration::from_millis(200);

/// Containers that were let go.
pub(in crate::pool) struct Released {
    pub(in crate::pool) held: Vec<HeldContainer>,
    /// A line for each that is not up.
    pub(in crate::pool) problems: Vec<String>,
    /// How long to wait for their health.
    pub(in crate::pool) patience: Duration,
    /// How long they were held.
    pub(in crate::pool) downtime: Duration,
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
        let problems = release(pool, &held, patience);
        Released { held, problems, patience, downtime }
    }

    /// Waits until the containers that have a health check are healthy, `patience` for all of them
    /// at most. Gives a line for each that is not up or not healthy.
    pub(in crate::pool) fn await_health(mut self, pool: &Pool) -> (Vec<HeldContainer>, Vec<String>) {
        if !self.patience.is_zero() {
            let until = Instant::now() + self.patience;
            let checked = self.held.iter().rev().filter(|held| held.has_health);
            self.problems.extend(checked.filter_map(|held| await_health(pool, held, until).err()));
        }
        (self.held, self.problems)
    }
}

/// Lets all containers go, even when one cannot be. Gives a line for each that is not up. A
/// container that starts after another one is healthy waits for that one, `patience` at most.
pub(in crate::pool) fn release(pool: &Pool, held: &[HeldContainer], patience: Duration) -> Vec<String> {
    let mut problems = Vec::new();
    for one in held.iter().rev() {
        let until = Instant::now() + patience;
        for first in held.iter().filter(|other| other.has_health && one.after_healthy.contains(&other.id)) {
            // If it does not become healthy, `one` is started anyway: no other process would start
            // it.
            let _ = await_health(pool, first, until);
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
        if one.has_health {
            let _ = await_health(pool, one, Instant::now() + patience);
        }
        run_after(pool, one);
    }
    problems
}

fn release_one(pool: &Pool, held: &HeldContainer) -> Result<(), ContainerError> {
    let containers = pool.containers();
    // A paused container was not touched yet, or is let go already; engines start no paused
    // container.
    if held.hold == HoldMode::Stop && held.was_paused && containers.pause(&held.id).is_ok() {
        return Ok(());
    }
    match held.hold {
        HoldMode::Leave => return Ok(()),
        HoldMode::Pause => return containers.unpause(&held.id),
        HoldMode::Stop => containers.start(&held.id)?,
        HoldMode::Restart => {
            containers.unpause(&held.id)?;
            containers.restart(&held.id, stop_timeout(held))?;
        }
    }
    if held.was_paused { containers.pause(&held.id) } else { Ok(()) }
}

/// How long to wait for the health checks of containers that were started: the longest that is set
/// for one of the volumes.
fn patience(pool: &Pool, volumes: &[VolumeName], held: &[HeldContainer]) -> Result<Duration, Error> {
    if pool.options.wait == Some(false) || held.iter().all(|held| !held.has_health) {
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

fn await_health(pool: &Pool, held: &HeldContainer, until: Instant) -> Result<(), String> {
    loop {
        let health = match pool.containers().details(&held.id) {
            Ok(details) if !details.running => return Err(format!("container {} has ended", held.name)),
            Ok(details) => details.health,
            Err(ContainerError::Gone { .. }) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        match health {
            None | Some(Health::Healthy) => return Ok(()),
            Some(Health::Unhealthy) => return Err(format!("container {} is unhealthy", held.name)),
            Some(Health::Starting) if Instant::now() < until && pool.check_interrupted().is_ok() => {
                sleep(HEALTH_POLL);
            }
            Some(Health::Starting) => return Err(format!("container {} is not healthy yet", held.name)),
        }
    }
}
