//! Refusing to stop containers that could not come up again.
//!
//! To start a container, its engine asks dvol's driver to mount the volume. If the driver is down
//! or hangs, the engine tries for a quarter of a minute and gives up: the container would stay
//! down. So before the first container is stopped, the engine has to get an answer from the driver.

use std::time::Duration;

use super::planner::ContainerPlanner;
use crate::containers::ContainerError;
use crate::error::Error;
use crate::model::HeldContainer;

/// How long the engine may take to ask the driver: a driver answers within milliseconds, also on a
/// busy machine within a second.
const DRIVER_LIMIT: Duration = Duration::from_secs(5);

impl ContainerPlanner<'_> {
    /// Refuses if containers would be stopped and the engine gets no answer from the driver.
    pub(super) fn refuse_silent_driver(&self, holds: &[HeldContainer]) -> Result<(), Error> {
        let stopped = holds.iter().filter(|held| held.starts_anew());
        let containers: Vec<String> = stopped.map(|held| held.name.clone()).collect();
        // All volumes have the same driver.
        let Some(volume) = self.volumes().next().filter(|_| !containers.is_empty()) else { return Ok(()) };
        match self.pool().containers().reach_driver(volume, DRIVER_LIMIT) {
            Err(cause @ ContainerError::DriverSilent { .. }) => {
                Err(Error::DriverSilent { containers, cause })
            }
            other => Ok(other?),
        }
    }
}
