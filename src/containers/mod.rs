//! Containers: what dvol needs to know of them and do to them.
//!
//! One trait and two runtimes: an engine that speaks Docker's API, and none. Calls block; they are
//! made by operations, which hold a volume's lock, never by a reader.

mod docker;
mod error;
mod foreign;
mod none;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::VolumeName;

pub use docker::{DEFAULT_ENDPOINT, DRIVER_NAMES, Docker};
pub use error::ContainerError;
pub use foreign::ForeignVolume;
pub use none::NoContainers;

/// Whether a container's processes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its processes run, or are being restarted by the engine's restart policy.
    Running,
    /// Its processes are frozen.
    Paused,
    /// It has no process: created, exited, dead.
    Stopped,
}

/// A container that uses a volume of dvol's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The engine's id.
    pub id: String,
    /// Its name, without a leading slash.
    pub name: String,
    /// Whether it runs.
    pub state: State,
    /// When it was made, in seconds since the epoch.
    pub created: i64,
    /// Whether the engine's restart policy is about to start it again.
    pub restarting: bool,
    /// Its part in a compose project.
    pub service: Option<Service>,
}

/// A container's part in a compose project, as its labels tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// The project.
    pub project: String,
    /// The service's name.
    pub name: String,
    /// The services that it is started after.
    pub after: Vec<Dependency>,
}

/// A service that another is started after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Its name.
    pub service: String,
    /// Whether it must be healthy first.
    pub healthy: bool,
}

/// A directory of the host that a container has mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostMount {
    /// Its path on the host, as the engine says it.
    pub source: PathBuf,
    /// Its path in the container.
    pub destination: PathBuf,
}

/// A volume's part in a compose project, as the labels of the volume or of a container on it tell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComposeVolume {
    /// The volume's name.
    pub volume: String,
    /// The project.
    pub project: String,
    /// What the compose file calls it, where compose made it.
    pub key: Option<String>,
}

/// What a container's health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not heard since the container started.
    Starting,
    /// All is well.
    Healthy,
    /// It is not.
    Unhealthy,
}

/// A command that was run inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// Its exit code.
    pub code: i64,
    /// What it wrote to standard output and standard error.
    pub output: String,
}

/// What only a closer look at a container tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// Whether the engine deletes it when it stops (`--rm`).
    pub auto_remove: bool,
    /// Whether it runs (not paused, not restarting).
    pub running: bool,
    /// What its health check says; none when it has none.
    pub health: Option<Health>,
}

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Its name and version.
    pub version: String,
    /// The volume drivers that it knows.
    pub drivers: Vec<String>,
    /// Whether it finds a driver by its socket when somebody names it; else its own configuration
    /// must say where that is.
    pub finds_drivers: bool,
}

/// How a stop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopOutcome {
    /// The container ended by itself after its stop signal.
    Ended,
    /// It did not, and was killed when the time was up.
    Killed,
}

/// An engine, as far as dvol speaks to it.
pub trait ContainerRuntime: Send + Sync {
    /// Whether there is an engine at all. Where there is none, containers that an earlier
    /// operation holds are left to somebody who can reach theirs.
    fn is_enabled(&self) -> bool {
        true
    }

    /// The containers that use volumes of dvol's driver, running or not, by volume. One list call;
    /// never an inspect, which blocks while a container waits in Mount.
    ///
    /// # Errors
    /// When the engine does not answer or refuses.
    fn users(&self) -> Result<BTreeMap<String, Vec<Container>>, ContainerError>;

    /// The containers that use `volume`, running or not, oldest first.
    ///
    /// # Errors
    /// As [`ContainerRuntime::users`].
    fn users_of(&self, volume: &VolumeName) -> Result<Vec<Container>, ContainerError>;

    /// Which engine it is and which volume drivers it knows.
    ///
    /// # Errors
    /// When the engine does not answer.
    fn about(&self) -> Result<Engine, ContainerError> {
        Ok(Engine { version: "none".to_owned(), drivers: Vec::new(), finds_drivers: false })
    }

    /// A volume of any driver, for taking it over; none when the engine has none of that name.
    ///
    /// # Errors
    /// When the engine does not answer or refuses, or the volume has no directory on this machine.
    fn foreign_volume(&self, _name: &str) -> Result<Option<ForeignVolume>, ContainerError> {
        Ok(None)
    }

    /// The volumes of dvol's driver that compose projects have made or that their containers use.
    ///
    /// # Errors
    /// When the engine does not answer or refuses.
    fn compose_volumes(&self) -> Result<Vec<ComposeVolume>, ContainerError> {
        Ok(Vec::new())
    }

    /// What people call a container of this engine, running or not; none where it has none of that id.
    fn name_of(&self, _id: &str) -> Option<String> {
        None
    }

    /// Lists the mounts of a running container by its id; `None` if the engine has none of that id.
    ///
    /// # Errors
    /// When the engine does not answer or refuses.
    fn mounts_of(&self, _id: &str) -> Result<Option<Vec<HostMount>>, ContainerError> {
        Ok(None)
    }

    /// Lists where the engine's volumes of dvol's driver lie, by name, as the driver has told it.
    ///
    /// # Errors
    /// When the engine does not answer or refuses.
    fn volume_directories(&self) -> Result<BTreeMap<String, PathBuf>, ContainerError> {
        Ok(BTreeMap::new())
    }

    /// A closer look at one container. Only for one that runs or is paused.
    ///
    /// # Errors
    /// When there is no such container or the engine does not answer.
    fn details(&self, id: &str) -> Result<Details, ContainerError>;

    /// Stops a container. `timeout` is how long it may take after its stop signal; none means its
    /// own stop timeout, or the engine's default.
    ///
    /// # Errors
    /// When the engine does not answer, or the container still runs afterwards.
    fn stop(&self, id: &str, timeout: Option<Duration>) -> Result<StopOutcome, ContainerError>;

    /// Starts a stopped container; one that runs already is left alone.
    ///
    /// # Errors
    /// When the engine refuses; the message is the engine's.
    fn start(&self, id: &str) -> Result<(), ContainerError>;

    /// Freezes a running container; one that is frozen already is left alone.
    ///
    /// # Errors
    /// When the engine refuses.
    fn pause(&self, id: &str) -> Result<(), ContainerError>;

    /// Thaws a frozen container; one that runs already is left alone.
    ///
    /// # Errors
    /// When the engine refuses.
    fn unpause(&self, id: &str) -> Result<(), ContainerError>;

    /// Runs a command by `sh -c` inside a running container and waits for its end, `limit` at most.
    ///
    /// # Errors
    /// When the engine refuses, or the command takes longer.
    fn exec(&self, id: &str, command: &str, limit: Duration) -> Result<Executed, ContainerError>;

    /// Whether [`ContainerRuntime::restart`] asks the volume driver where the volume is by then. One
    /// that does not brings the container up on what is mounted already.
    ///
    /// # Errors
    /// When the engine does not answer.
    fn restart_mounts_anew(&self) -> Result<bool, ContainerError> {
        Ok(true)
    }

    /// Stops and starts a container in one call, so that a `--rm` one is kept.
    ///
    /// # Errors
    /// As `stop` and `start`.
    fn restart(&self, id: &str, timeout: Option<Duration>) -> Result<(), ContainerError>;
}
