//! Container engines, as far as dvol uses them: one trait, and two runtimes.
//!
//! [`Docker`] talks to an engine with Docker's API; [`NoContainers`] knows no container. Calls
//! block; operations make them while they hold a volume's lock, readers never do.

mod docker;
mod error;
mod foreign;
mod none;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::model::{ImageUse, VolumeName};

pub use docker::{DEFAULT_ENDPOINT, DRIVER_NAMES, Docker};
pub use error::ContainerError;
pub use foreign::ForeignVolume;
pub use none::NoContainers;

/// The driver's option that no volume has: the driver refuses it with the identity of its pool.
pub const IDENTIFY: &str = "dvol.identify";

/// Returns the program and arguments that run `command` with `sh -c`.
pub fn shell(command: &str) -> Vec<String> {
    ["sh", "-c", command].map(str::to_owned).into()
}

/// The state of a container's processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// They run, or the engine's restart policy is restarting them.
    Running,
    /// They are frozen.
    Paused,
    /// There are none: the container was created, exited or is dead.
    Stopped,
}

/// A container that uses a dvol volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The engine's id.
    pub id: String,
    /// Its name, without a leading slash.
    pub name: String,
    /// The state of its processes.
    pub state: State,
    /// When it was created, in seconds since the epoch.
    pub created: i64,
    /// How many times it mounts the volume: at so many paths.
    pub mounts: usize,
    /// Whether the engine's restart policy is about to start it.
    pub restarting: bool,
    /// Its service in a compose project.
    pub service: Option<Service>,
    /// Where it can write to.
    pub writes: Writes,
}

impl Container {
    /// Returns whether compose started it for one command, which a start would run again.
    pub fn runs_once(&self) -> bool {
        self.service.as_ref().is_some_and(|service| service.runs_once)
    }
}

/// What a container can write to that outlives it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Writes {
    /// The dvol volumes that it has mounted for writing.
    pub volumes: Vec<String>,
    /// Whether it has anything else mounted for writing: a directory of the host, or a volume of
    /// another driver. Memory does not count.
    pub elsewhere: bool,
}

/// A container's service in a compose project, from its labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// The project.
    pub project: String,
    /// The name of the service.
    pub name: String,
    /// The services that start before it.
    pub after: Vec<Dependency>,
    /// Whether it runs one command beside the service: for `compose run`, or as a hook that compose
    /// runs before the service starts.
    pub runs_once: bool,
}

/// A service that starts before another.
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

/// A volume of a compose project, from the labels of the volume or of a container that uses it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComposeVolume {
    /// The name of the volume.
    pub volume: String,
    /// The project.
    pub project: String,
    /// The key in the compose file, if compose created it.
    pub key: Option<String>,
}

/// The result of a container's health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// The check has not passed since the container started or was thawed.
    Starting,
    /// The check passed.
    Healthy,
    /// The check failed.
    Unhealthy,
}

/// A command that succeeds inside a container once that is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyCheck {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How long one run may take.
    pub timeout: Duration,
}

/// The result of one run of a [`ReadyCheck`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// The command succeeded.
    Passed,
    /// The command failed or took too long.
    Failed,
    /// The engine cannot run the command in this container, which has no such program or no shell.
    Impossible,
}

/// The result of a command inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// Its exit code.
    pub code: i64,
    /// Its standard output and standard error.
    pub output: String,
}

/// Facts about a container that only an inspect call returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// Whether the engine deletes it when it stops (`--rm`).
    pub auto_remove: bool,
    /// Whether it runs (not paused, not restarting).
    pub running: bool,
    /// Whether the engine's restart policy is about to start it.
    pub restarting: bool,
    /// The result of its health check; `None` without one.
    pub health: Option<Health>,
    /// The command of its health check, if the engine says it in a form that dvol can run.
    pub check: Option<ReadyCheck>,
    /// How many failures of the check in a row make it unhealthy.
    pub retries: i64,
}

/// What an engine reports about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Its name and version.
    pub version: String,
    /// The volume drivers that it knows.
    pub drivers: Vec<String>,
    /// Whether it finds a driver's socket by the driver's name; otherwise its configuration must
    /// name the socket.
    pub finds_drivers: bool,
}

/// How a stop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopOutcome {
    /// The container ended after its stop signal.
    Ended,
    /// The container ignored its stop signal, and the engine killed it.
    Killed,
}

/// What happens while a call waits for a container.
pub struct Patience<'p> {
    /// Whether the wait was given up.
    pub cancel: Option<&'p AtomicBool>,
    /// Called once when the wait becomes long.
    pub slow: &'p dyn Fn(),
}

impl Patience<'_> {
    /// Waits in silence, as long as it takes.
    pub const ENDLESS: Patience<'static> = Patience { cancel: None, slow: &|| () };

    /// Returns whether the wait was given up.
    pub fn is_over(&self) -> bool {
        self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }
}

/// A container that runs in a namespace of another container: its network, its processes or its
/// shared memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sharer {
    /// The engine's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The id of the other container.
    pub with: String,
    /// The state of its processes.
    pub state: State,
    /// Whether the engine deletes it when it stops.
    pub auto_remove: bool,
}

/// A volume that takes the place of another in a container.
#[derive(Debug, Clone, Copy)]
pub struct Swap<'s> {
    /// The engine's volume of another driver.
    pub from: &'s str,
    /// The dvol volume.
    pub to: &'s VolumeName,
    /// The name that the old container gets.
    pub kept_as: &'s str,
}

/// A container engine.
pub trait ContainerRuntime: Send + Sync {
    /// Returns whether there is an engine. Without one, containers that an earlier operation held
    /// stay as they are until a dvol with an engine releases them.
    fn is_enabled(&self) -> bool {
        true
    }

    /// Returns the containers that use dvol volumes, running or not, by volume. Makes one list call
    /// and no inspect call, which would block while a container waits in Mount.
    ///
    /// # Errors
    /// When the engine does not answer or refuses.
    fn users(&self) -> Result<BTreeMap<String, Vec<Container>>, ContainerError>;

    /// Returns the containers that use `volume`, running or not, oldest first.
    ///
    /// # Errors
    /// As [`ContainerRuntime::users`].
    fn users_of(&self, volume: &VolumeName) -> Result<Vec<Container>, ContainerError>;

    /// Returns which engine it is and which volume drivers it knows.
    ///
    /// # Errors
    /// When the engine does not answer.
    fn about(&self) -> Result<Engine, ContainerError> {
        Ok(Engine { version: "none".to_owned(), drivers: Vec::new(), finds_drivers: false })
    }

    /// Finds a volume of any driver, for an import; `None` if the engine has no volume of that
    /// name.
    ///
    /// # Errors
    /// When the engine does not answer or refuses, or the volume has no directory on this machine.
    fn foreign_volume(&self, _name: &str) -> Result<Option<ForeignVolume>, ContainerError> {
        Ok(None)
    }

    /// Lists the engine's volumes of other drivers than dvol's, with their drivers: the one of this
    /// name, or all. Does not ask dvol's driver.
    ///
    /// # Errors
    /// When the engine does not answer or refuses.
    fn other_volumes(&self, _name: Option<&VolumeName>) -> Result<BTreeMap<String, String>, ContainerError> {
        Ok(BTreeMap::new())
    }

    /// Returns why a container that has the volume `from` of another driver cannot be made again
    /// with all that it has; `None` if it can.
    ///
    /// # Errors
    /// When there is no such container or the engine does not answer.
    fn obstacle_to_recreate(&self, _id: &str, _from: &str) -> Result<Option<String>, ContainerError> {
        Ok(Some("there is no engine".to_owned()))
    }

    /// Makes a container again under its name, with another volume, and returns the new id. Does
    /// not start it. The old one stays, stopped, under another name.
    ///
    /// # Errors
    /// When the engine does not answer or refuses; the old container has its name then.
    fn recreate(&self, id: &str, _swap: &Swap<'_>) -> Result<String, ContainerError> {
        Err(ContainerError::Gone { name: id.to_owned() })
    }

    /// Takes [`ContainerRuntime::recreate`] back: deletes the container `made`, and gives `id` its
    /// name again.
    ///
    /// # Errors
    /// When the engine does not answer or refuses.
    fn put_back(&self, _made: &str, id: &str, _name: &str) -> Result<(), ContainerError> {
        Err(ContainerError::Gone { name: id.to_owned() })
    }

    /// Returns the dvol volumes that compose projects created or that their containers use.
    ///
    /// # Errors
    /// When the engine does not answer or refuses.
    fn compose_volumes(&self) -> Result<Vec<ComposeVolume>, ContainerError> {
        Ok(Vec::new())
    }

    /// Lists the images of the containers that use a volume of any driver, running or not, each
    /// once.
    ///
    /// # Errors
    /// When the engine does not answer or refuses.
    fn images_of(&self, _volume: &str) -> Result<Vec<ImageUse>, ContainerError> {
        Ok(Vec::new())
    }

    /// Lists the images of the containers that [`ContainerRuntime::users_of`] last returned for
    /// these volumes, each once. Lists no containers again.
    fn images_last_seen(&self, _volumes: &[&VolumeName]) -> Vec<ImageUse> {
        Vec::new()
    }

    /// Finds an image of the engine by the id or the name of `wanted`, with its version.
    fn image_like(&self, _wanted: &ImageUse) -> Option<ImageUse> {
        None
    }

    /// Returns the engine's name and version, if it answers.
    fn version(&self) -> Option<String> {
        None
    }

    /// Returns the containers that run in a namespace of one of the containers `owners`, by their
    /// ids, and would lose it if that one was started anew.
    ///
    /// # Errors
    /// When the engine does not answer or refuses.
    fn sharers(&self, _owners: &[String]) -> Result<Vec<Sharer>, ContainerError> {
        Ok(Vec::new())
    }

    /// Has the engine forget what it remembers of a volume that does not exist, and returns what
    /// the driver answers to [`IDENTIFY`]; nothing if the engine knows the volume.
    ///
    /// # Errors
    /// When the engine or the driver does not answer.
    fn introduce(&self, volume: &VolumeName) -> Result<String, ContainerError> {
        Err(ContainerError::Gone { name: volume.to_string() })
    }

    /// Gives a volume of dvol's driver the labels by which compose knows its own volumes. Right
    /// after [`ContainerRuntime::introduce`] and the making of the volume: an engine keeps the
    /// labels that it met the volume with.
    ///
    /// # Errors
    /// When the engine or the driver does not answer.
    fn label(&self, _volume: &ComposeVolume) -> Result<(), ContainerError> {
        Ok(())
    }

    /// Returns the name of a container, running or not; `None` if the engine has none of that id.
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

    /// Makes sure that the engine can mount a volume of dvol's driver: that the driver answers it
    /// within `limit`.
    ///
    /// # Errors
    /// When the driver or the engine does not answer, or the engine refuses.
    fn reach_driver(&self, _volume: &VolumeName, _limit: Duration) -> Result<(), ContainerError> {
        Ok(())
    }

    /// Returns the host's group that the engine maps the root group of containers to; `None` if it
    /// maps it to itself.
    ///
    /// # Errors
    /// When the engine does not answer.
    fn remapped_group(&self) -> Result<Option<u32>, ContainerError> {
        Ok(None)
    }

    /// Inspects a container. Only for one that runs or is paused.
    ///
    /// # Errors
    /// When there is no such container or the engine does not answer.
    fn details(&self, id: &str) -> Result<Details, ContainerError>;

    /// Brings the details of a container up to date: its state and its health, which the list of
    /// newer engines tells as well, in less time and without waiting for anything.
    ///
    /// # Errors
    /// As [`ContainerRuntime::details`].
    fn details_now(&self, id: &str, _known: &Details) -> Result<Details, ContainerError> {
        self.details(id)
    }

    /// Stops a container. `timeout` is how long it may take after its stop signal; `None` means its
    /// own stop timeout or the engine's default.
    ///
    /// # Errors
    /// When the engine does not answer or the container still runs afterwards;
    /// [`ContainerError::GivenUp`] if the wait is given up, while the engine goes on.
    fn stop(
        &self,
        id: &str,
        timeout: Option<Duration>,
        patience: &Patience<'_>,
    ) -> Result<StopOutcome, ContainerError>;

    /// Ends a container at once, without a signal that it could act on.
    ///
    /// # Errors
    /// As [`ContainerRuntime::stop`].
    fn kill(&self, id: &str) -> Result<(), ContainerError>;

    /// Starts a stopped container; leaves a running one alone.
    ///
    /// # Errors
    /// When the engine refuses, with its message.
    fn start(&self, id: &str) -> Result<(), ContainerError>;

    /// Freezes a running container; leaves a frozen one alone.
    ///
    /// # Errors
    /// When the engine refuses.
    fn pause(&self, id: &str) -> Result<(), ContainerError>;

    /// Thaws a frozen container; leaves a running one alone.
    ///
    /// # Errors
    /// When the engine refuses.
    fn unpause(&self, id: &str) -> Result<(), ContainerError>;

    /// Runs a command with `sh -c` inside a running container and waits at most `limit` for its
    /// end.
    ///
    /// # Errors
    /// When the engine refuses, or the command takes longer; [`ContainerError::GivenUp`] if the
    /// wait is given up, while the command goes on.
    fn exec(
        &self,
        id: &str,
        command: &str,
        limit: Duration,
        patience: &Patience<'_>,
    ) -> Result<Executed, ContainerError>;

    /// Runs a check once inside a container, as the container's own user, for at most its timeout
    /// or `limit`. It has failed if the wait is given up.
    ///
    /// # Errors
    /// When there is no such container or the engine does not answer.
    fn probe(
        &self,
        id: &str,
        check: &ReadyCheck,
        limit: Duration,
        patience: &Patience<'_>,
    ) -> Result<Probe, ContainerError>;

    /// Returns whether [`ContainerRuntime::restart`] asks the volume driver for the mount point
    /// again. Otherwise the container comes up on the directory that was mounted before.
    ///
    /// # Errors
    /// When the engine does not answer.
    fn restart_mounts_anew(&self) -> Result<bool, ContainerError> {
        Ok(true)
    }

    /// Stops and starts a container in one call, which does not delete one started with `--rm`.
    ///
    /// # Errors
    /// As `stop` and `start`.
    fn restart(&self, id: &str, timeout: Option<Duration>) -> Result<(), ContainerError>;

    /// Asks for a restart of a container that the engine is stopping, and leaves it to the engine
    /// if that takes its time. Returns whether the container is up again already.
    ///
    /// # Errors
    /// As `restart`.
    fn begin_restart(&self, id: &str, timeout: Option<Duration>) -> Result<bool, ContainerError> {
        self.restart(id, timeout).map(|()| true)
    }
}
