//! Waiting until a container is ready after it was started or thawed.
//!
//! An engine runs a health check once in an interval, by default every 30 seconds, though a
//! database answers after a moment. So dvol runs the check's own command inside the container until
//! it succeeds. The engine's verdict counts as well: it is the only one where the command cannot be
//! run, and it ends the wait for a container whose checks fail.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::containers::{ContainerError, Health, Patience, Probe, ReadyCheck, shell};
use crate::model::HeldContainer;
use crate::pool::Pool;

/// The pause between two runs of a check.
const PROBE_PAUSE: Duration = Duration::from_millis(50);
/// How often the engine is asked where no check can be run.
const HEALTH_POLL: Duration = Duration::from_millis(200);
/// How long one run of a command of `containers.ready` may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Waits until a container is ready, at the latest until `until`. Returns whether a check told it;
/// gives a line if it is not ready.
pub(super) fn await_ready(pool: &Pool, held: &HeldContainer, until: Instant) -> Result<bool, String> {
    let mut is_told = false;
    let mut commands = held.ready.as_slice();
    let mut can_probe = true;
    let mut known = None;
    loop {
        let found = match &known {
            None => pool.containers().details(&held.id),
            Some(known) => pool.containers().details_now(&held.id, known),
        };
        let details = match found {
            Ok(details) => known.insert(details).clone(),
            Err(ContainerError::Gone { .. }) => return Ok(false),
            Err(error) => return Err(error.to_string()),
        };
        // Its restart policy may bring up one that died at its start.
        if !details.running && !details.restarting {
            return Err(format!("container {} has ended", held.name));
        }
        match details.health {
            Some(Health::Healthy) => return Ok(true),
            Some(Health::Unhealthy) => return Err(format!("container {} is unhealthy", held.name)),
            Some(Health::Starting) => {}
            None if commands.is_empty() => return Ok(is_told),
            None => {}
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || pool.check_interrupted().is_err() {
            return Err(format!("container {} is not ready yet", held.name));
        }
        let check = match (details.check, commands) {
            (Some(check), _) if details.health.is_some() => Some(check),
            (_, [command, ..]) => Some(ReadyCheck { command: shell(command), timeout: COMMAND_TIMEOUT }),
            _ => None,
        };
        let is_command = details.health.is_none();
        let Some(check) = check.filter(|_| can_probe && details.running) else {
            sleep(HEALTH_POLL.min(left));
            continue;
        };
        let patience = Patience { cancel: Some(&pool.options.interrupted), slow: &|| () };
        match (pool.containers().probe(&held.id, &check, left, &patience), is_command) {
            (Ok(Probe::Passed), false) => return Ok(true),
            (Err(ContainerError::Gone { .. }), _) => return Ok(false),
            // A command that this container does not have is meant for another one.
            (Ok(done @ (Probe::Passed | Probe::Impossible)), true) => {
                is_told |= done == Probe::Passed;
                commands = commands.get(1..).unwrap_or_default();
            }
            (Ok(Probe::Impossible), false) => can_probe = false,
            (Ok(Probe::Failed), _) => sleep(PROBE_PAUSE.min(left)),
            (Err(error), _) => return Err(error.to_string()),
        }
    }
}
