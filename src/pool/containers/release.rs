//! Letting containers go after an operation, in the order that undoes how they were taken hold of.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::planner::stop_timeout;
use crate::containers::{ContainerError, Health};
use crate::error::Error;
use crate::model::{HeldContainer, HoldMode, VolumeName};
use crate::pool::{Group, Notice, Pending, Pool, Setting};

/// How often a container is asked for its health.
const ASK_EVERY: Duration = Duration::from_millis(200);

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
    /// Opens the gates of these operations and lets the containers go.
    pub(in crate::pool) fn all_of(pool: &Pool, pending: &mut [&mut Pending<'_>]) -> Self {
        // The gates go before containers come: their start waits for them in Mount.
        for one in &mut *pending {
            drop(one.gate.take());
        }
        let volumes: Vec<VolumeName> = pending.iter().map(|one| one.operation.volume.clone()).collect();
        let first = pending.first();
        let held = first.map(|first| first.operation.held.clone()).unwrap_or_default();
        let downtime =
            first.and_then(|first| first.quiesced).map(|since| since.elapsed()).unwrap_or_default();
        let patience = pool.patience(&volumes, &held).unwrap_or_default();
        let problems = pool.release(&held, true, patience);
        Released { held, problems, patience, downtime }
    }
}

impl Group<'_> {
    /// Lets the containers go before the operations hold, for those that only read the working trees: what was copied
    /// need not be on disk for that. Where their start has to wait for a health check, [`finish_all`](crate::pool::finish_all) does it.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn release_early(&mut self) -> Result<(), Error> {
        let waits =
            |held: &HeldContainer| held.has_health && !held.post.is_empty() || !held.after_healthy.is_empty();
        let Some(first) = self.first() else { return Ok(()) };
        if first.operation.held.iter().any(waits) {
            return Ok(());
        }
        let pool = first.session.pool;
        let released = Released::all_of(pool, &mut self.iter_mut().collect::<Vec<_>>());
        let first = &mut self[0];
        if released.problems.is_empty() && !released.held.is_empty() {
            // Nothing is owed to them any more, whatever happens.
            first.operation.held.clear();
            let operation = &first.operation;
            pool.store.write(|writer| writer.journal_put(operation))?;
        }
        first.released = Some(released);
        Ok(())
    }
}

impl Pool {
    /// Lets all go, even when one cannot be; gives a line for each that is not up. `swapped` says
    /// whether the working tree is another now; `patience` is how long one waits for another that must
    /// be healthy first.
    pub(in crate::pool) fn release(
        &self,
        held: &[HeldContainer],
        swapped: bool,
        patience: Duration,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        for one in held.iter().rev() {
            let until = Instant::now() + patience;
            for first in held.iter().filter(|other| other.has_health && one.after_healthy.contains(&other.id))
            {
                // It is started all the same, as nobody else would start it.
                let _ = self.await_health(first, until);
            }
            match self.release_one(one, swapped) {
                // Somebody removed it meanwhile: nothing is owed to it.
                Ok(()) | Err(ContainerError::Gone { .. }) => {}
                Err(error) => {
                    let reason = error.to_string();
                    self.tell(&Notice::NotReleased { container: one.name.clone(), reason: reason.clone() });
                    problems.push(reason);
                }
            }
        }
        for one in held.iter().rev().filter(|held| !held.post.is_empty()) {
            if one.has_health {
                let _ = self.await_health(one, Instant::now() + patience);
            }
            self.run_after(one);
        }
        problems
    }

    fn release_one(&self, held: &HeldContainer, swapped: bool) -> Result<(), ContainerError> {
        let containers = self.containers();
        // A frozen one was not touched yet, or is let go already; engines start none that is frozen.
        if held.hold == HoldMode::Stop && held.was_paused && containers.pause(&held.id).is_ok() {
            return Ok(());
        }
        match held.hold {
            HoldMode::Leave => {}
            HoldMode::Stop => containers.start(&held.id)?,
            HoldMode::Pause => containers.unpause(&held.id)?,
            HoldMode::Restart => {
                if swapped || !held.was_paused {
                    containers.unpause(&held.id)?;
                }
                if swapped {
                    containers.restart(&held.id, stop_timeout(held))?;
                }
            }
        }
        let frozen_again = match held.hold {
            HoldMode::Stop => true,
            HoldMode::Restart => swapped,
            HoldMode::Pause | HoldMode::Leave => false,
        };
        if held.was_paused && frozen_again { containers.pause(&held.id) } else { Ok(()) }
    }

    /// How long to wait for the health checks of containers that were started: the longest that is set for one
    /// of the volumes.
    pub(in crate::pool) fn patience(
        &self,
        volumes: &[VolumeName],
        held: &[HeldContainer],
    ) -> Result<Duration, Error> {
        if self.options.wait == Some(false) || held.iter().all(|held| !held.has_health) {
            return Ok(Duration::ZERO);
        }
        let setting = Setting::find("containers.wait")?;
        let set = self.store.read(|rows| {
            let values = volumes.iter().map(|volume| setting.value(&rows, Some(volume)));
            values.collect::<Result<Vec<_>, _>>()
        })?;
        let seconds = set.iter().filter_map(|value| value.parse().ok()).max().unwrap_or_default();
        let asked =
            if seconds == 0 && self.options.wait == Some(true) { setting.default.parse().ok() } else { None };
        Ok(Duration::from_secs(asked.unwrap_or(seconds)))
    }

    /// Waits until those of `held` that have a health check are healthy, `patience` for all of them at
    /// most. Gives a line for each that is not.
    pub(in crate::pool) fn await_all(&self, held: &[HeldContainer], patience: Duration) -> Vec<String> {
        if patience.is_zero() {
            return Vec::new();
        }
        let until = Instant::now() + patience;
        let checked = held.iter().rev().filter(|held| held.has_health);
        checked.filter_map(|held| self.await_health(held, until).err()).collect()
    }

    fn await_health(&self, held: &HeldContainer, until: Instant) -> Result<(), String> {
        loop {
            let health = match self.containers().details(&held.id) {
                Ok(details) if !details.running => return Err(format!("container {} has ended", held.name)),
                Ok(details) => details.health,
                Err(ContainerError::Gone { .. }) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            };
            match health {
                None | Some(Health::Healthy) => return Ok(()),
                Some(Health::Unhealthy) => return Err(format!("container {} is unhealthy", held.name)),
                Some(Health::Starting) if Instant::now() < until && self.check_interrupted().is_ok() => {
                    sleep(ASK_EVERY);
                }
                Some(Health::Starting) => return Err(format!("container {} is not healthy yet", held.name)),
            }
        }
    }
}
