//! An engine with Docker's API: Docker itself, and podman's service.
//!
//! Guarantees: nothing is sent before the first call; every call ends, at the latest a minute after
//! the time that the engine may take; an error names the container by its name. Only the list call
//! decides what runs: an inspect blocks while a container waits in Mount. It is made only when the
//! caller asks for details, and before a stop to learn the container's own timeout (for at most
//! [`STOP_INSPECT_TIMEOUT`]).

mod connection;
mod exec;
mod health;
mod host_paths;
mod images;
mod labels;
mod other_volumes;
mod recreate;
mod sharing;
mod summary;
#[cfg(test)]
mod tests;
mod transport;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bollard::errors::Error as BollardError;
use bollard::models::{ContainerSummary, Volume};
use bollard::query_parameters::{
    InspectContainerOptions, ListContainersOptions, ListPluginsOptions, ListVolumesOptions,
    RestartContainerOptions, StartContainerOptions, StopContainerOptions,
};

use self::connection::{CallError, Connection};
use super::{
    ComposeVolume, Container, ContainerError, ContainerRuntime, Details, Engine, Executed, ForeignVolume,
    HostMount, Patience, Probe, ReadyCheck, Sharer, State, StopOutcome, Swap, shell,
};
use crate::model::{ImageUse, VolumeName};
use crate::sys::fault;

/// The default address of an engine.
pub const DEFAULT_ENDPOINT: &str = "unix:///var/run/docker.sock";
/// The names of the volume driver: as a service, and as a managed plugin.
pub const DRIVER_NAMES: [&str; 2] = ["dvol", "dvol:latest"];

/// How long the engine may take for a call that does not wait for a container.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the inspect before a stop may take.
const STOP_INSPECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The engine's default stop timeout, in seconds.
const DEFAULT_STOP_TIMEOUT_SECONDS: i64 = 10;
/// The stop timeout to assume if a container's own is unknown.
const UNKNOWN_STOP_TIMEOUT: Duration = Duration::from_secs(600);
/// How long the list may show a container as running after a stop that was answered: Docker 26
/// brings it up to date a moment later.
const LIST_LAG: Duration = Duration::from_secs(2);
/// The pause between two looks at it.
const LIST_POLL: Duration = Duration::from_millis(20);
/// How long a start may take: the engine allows a volume driver 120 s for each Mount.
const START_TIMEOUT: Duration = Duration::from_secs(300);
/// How long to wait for a restart that the engine finishes by itself.
const RESTART_MOMENT: Duration = Duration::from_secs(2);
/// The message of runc when it gives up a freeze because processes keep coming and going (cgroup
/// v1). The processes are thawed then.
const FREEZE_FAILED: &str = "unable to freeze";
/// How often to try such a freeze again.
const MAX_FREEZE_TRIES: u32 = 10;
/// The pause between two tries.
const FREEZE_RETRY_PAUSE: Duration = Duration::from_millis(50);

/// An engine at an endpoint.
#[derive(Debug)]
pub struct Docker {
    connection: Connection,
    drivers: Vec<String>,
    /// Names by id, from the lists so far, so that errors name containers as their users do.
    names: Mutex<HashMap<String, String>>,
    /// The images of the users of each volume, from the last list of them.
    images: Mutex<HashMap<String, BTreeSet<images::Named>>>,
}

impl Docker {
    /// Creates a runtime for the engine at `endpoint` (`unix:///path`, `/path`, `tcp://host:port`,
    /// `http://host:port`); `None` means [`DEFAULT_ENDPOINT`]. Does not connect yet.
    pub fn new(endpoint: Option<&str>) -> Self {
        Self::with_drivers(endpoint, &DRIVER_NAMES)
    }

    /// Creates a runtime for a volume driver with other names.
    pub fn with_drivers(endpoint: Option<&str>, drivers: &[&str]) -> Self {
        Docker {
            connection: Connection::new(endpoint.unwrap_or(DEFAULT_ENDPOINT)),
            drivers: drivers.iter().map(ToString::to_string).collect(),
            names: Mutex::default(),
            images: Mutex::default(),
        }
    }

    fn names(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn images(&self) -> MutexGuard<'_, HashMap<String, BTreeSet<images::Named>>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the name of a container for an error.
    fn called(&self, id: &str) -> String {
        let short = || id.get(..12).unwrap_or(id).to_owned();
        self.names().get(id).cloned().unwrap_or_else(short)
    }

    fn unreachable(&self, reason: String) -> ContainerError {
        let endpoint = self.connection.endpoint().to_owned();
        if self.connection.is_denied() {
            return ContainerError::Denied { endpoint, reason };
        }
        ContainerError::Unreachable { endpoint, reason }
    }

    /// Lists the volumes that match `filters`.
    fn volumes(
        &self,
        filters: HashMap<String, Vec<String>>,
        limit: Duration,
    ) -> Result<Vec<Volume>, ContainerError> {
        let options = ListVolumesOptions { filters: Some(filters) };
        let answer = self
            .connection
            .call(limit, move |client| async move { client.list_volumes(Some(options)).await });
        let listed = answer.map_err(|error| match error {
            CallError::Unreachable(reason) => self.unreachable(reason),
            refused => ContainerError::Engine { action: "list volumes", reason: refused.to_string() },
        })?;
        Ok(listed.volumes.unwrap_or_default())
    }

    /// Lists all containers that match `filter`, running or not.
    fn list(&self, filter: Option<(&str, &str)>) -> Result<Vec<ContainerSummary>, ContainerError> {
        let filters = filter.map(|(key, value)| HashMap::from([(key.to_owned(), vec![value.to_owned()])]));
        let options = ListContainersOptions { all: true, filters, ..Default::default() };
        self.connection
            .call(CALL_TIMEOUT, move |client| async move { client.list_containers(Some(options)).await })
            .map_err(|error| match error {
                CallError::Unreachable(reason) => self.unreachable(reason),
                CallError::TimedOut => self.unreachable(CallError::TimedOut.to_string()),
                refused => ContainerError::Engine { action: "list containers", reason: refused.to_string() },
            })
    }

    fn by_volume(&self, list: &[ContainerSummary]) -> BTreeMap<String, Vec<Container>> {
        let users = summary::by_volume(list, &self.drivers);
        let seen = users.values().flatten().map(|c| (c.id.clone(), c.name.clone()));
        self.names().extend(seen);
        users
    }

    /// Returns a container's entry in the list, by its full id.
    fn look(&self, id: &str) -> Result<Option<ContainerSummary>, ContainerError> {
        let found = self.list(Some(("id", id)))?.into_iter().find(|c| c.id.as_deref() == Some(id));
        if let Some(container) = &found {
            self.names().insert(id.to_owned(), summary::name(container));
        }
        Ok(found)
    }

    fn error(&self, action: &'static str, id: &str, error: CallError) -> ContainerError {
        match error {
            CallError::Unreachable(reason) => self.unreachable(reason),
            refused if refused.is_no_such_container() => ContainerError::Gone { name: self.called(id) },
            CallError::GivenUp => ContainerError::GivenUp { name: self.called(id) },
            refused => ContainerError::Refused { action, name: self.called(id), reason: refused.to_string() },
        }
    }

    /// Passes the fault point before a call that changes something.
    fn pass(&self, point: &'static str, action: &'static str, id: &str) -> Result<(), ContainerError> {
        fault::point(point).map_err(|error| ContainerError::Refused {
            action,
            name: self.called(id),
            reason: error.to_string(),
        })
    }

    /// Passes the fault point and makes a call that changes something. The outer error is the fault
    /// point's.
    fn change<F, Fut>(
        &self,
        action: &'static str,
        point: &'static str,
        id: &str,
        limit: Duration,
        call: F,
    ) -> Result<Result<(), CallError>, ContainerError>
    where
        F: FnOnce(bollard::Docker, String) -> Fut,
        Fut: Future<Output = Result<(), BollardError>> + Send + 'static,
    {
        self.pass(point, action, id)?;
        let container = id.to_owned();
        Ok(self.connection.call(limit, move |client| call(client, container)))
    }

    /// Asks for a restart and waits at most `limit` for its end. The outer error is the fault
    /// point's.
    fn ask_restart(
        &self,
        id: &str,
        timeout: Option<Duration>,
        limit: Duration,
    ) -> Result<Result<(), CallError>, ContainerError> {
        let options = RestartContainerOptions { t: timeout.map(whole_seconds), signal: None };
        self.change("restart", "container.restart", id, limit, |client, id| async move {
            client.restart_container(&id, Some(options)).await
        })
    }

    /// Ignores the engine's refusal if the container is already in the requested state.
    fn unless_in(
        &self,
        state: State,
        action: &'static str,
        id: &str,
        answer: Result<(), CallError>,
    ) -> Result<(), ContainerError> {
        let Err(error) = answer else { return Ok(()) };
        let is_answer = matches!(error, CallError::Answer { .. });
        if is_answer && self.look(id)?.is_some_and(|c| summary::state(&c) == state) {
            return Ok(());
        }
        Err(self.error(action, id, error))
    }

    /// Returns the enabled managed plugins that are volume drivers.
    fn managed_drivers(&self) -> impl Iterator<Item = String> {
        let listed = self.connection.call(CALL_TIMEOUT, |client| async move {
            client.list_plugins(None::<ListPluginsOptions>).await
        });
        let is_driver = |kind: &String| kind.starts_with("docker.volumedriver/");
        let enabled = listed.unwrap_or_default().into_iter().filter(|plugin| plugin.enabled);
        enabled
            .filter(move |plugin| plugin.config.interface.types.iter().any(is_driver))
            .map(|plugin| plugin.name)
    }

    fn is_podman(&self) -> Result<bool, ContainerError> {
        let answer = self.connection.call(CALL_TIMEOUT, |client| async move { client.version().await });
        let version = answer.map_err(|error| self.unreachable(error.to_string()))?;
        Ok(version.components.iter().flatten().any(|component| component.name.starts_with("Podman")))
    }

    /// Stops a container; `signal` replaces its own stop signal.
    fn end(
        &self,
        id: &str,
        timeout: Option<Duration>,
        signal: Option<&str>,
        patience: &Patience<'_>,
    ) -> Result<StopOutcome, ContainerError> {
        match self.look(id)? {
            None => return Err(ContainerError::Gone { name: self.called(id) }),
            Some(before) if summary::state(&before) == State::Stopped => return Ok(StopOutcome::Ended),
            Some(_) => {}
        }
        let limit = timeout.unwrap_or_else(|| self.own_stop_timeout(id)) + CALL_TIMEOUT;
        let options =
            StopContainerOptions { t: timeout.map(whole_seconds), signal: signal.map(str::to_owned) };
        self.pass("container.stop", "stop", id)?;
        let container = id.to_owned();
        let answer = self.connection.call_patiently(limit, patience, move |client| async move {
            client.stop_container(&container, Some(options)).await
        });
        if let Err(error @ (CallError::Unreachable(_) | CallError::GivenUp)) = answer {
            return Err(self.error("stop", id, error));
        }
        let mut after = self.look(id)?;
        let until = Instant::now() + LIST_LAG;
        let runs = |listed: &ContainerSummary| summary::state(listed) != State::Stopped;
        while answer.is_ok() && after.as_ref().is_some_and(runs) && Instant::now() < until {
            sleep(LIST_POLL);
            after = self.look(id)?;
        }
        match after {
            Some(after) if runs(&after) => Err(match answer {
                Err(error @ CallError::Answer { .. }) => self.error("stop", id, error),
                _ => ContainerError::WillNotStop { name: self.called(id) },
            }),
            Some(after) if summary::was_killed(&after) => Ok(StopOutcome::Killed),
            // A `--rm` container is gone by now, with its exit code.
            _ => Ok(StopOutcome::Ended),
        }
    }

    /// Returns the container's own stop timeout.
    fn own_stop_timeout(&self, id: &str) -> Duration {
        let id = id.to_owned();
        let inspected = self.connection.call(STOP_INSPECT_TIMEOUT, move |client| async move {
            client.inspect_container(&id, None::<InspectContainerOptions>).await
        });
        match inspected {
            Ok(container) => {
                let own = container.config.and_then(|config| config.stop_timeout);
                // A negative timeout means "wait for ever", which no call may do.
                u64::try_from(own.unwrap_or(DEFAULT_STOP_TIMEOUT_SECONDS))
                    .map_or(UNKNOWN_STOP_TIMEOUT, Duration::from_secs)
            }
            Err(_) => UNKNOWN_STOP_TIMEOUT,
        }
    }
}

/// Finds the group that Docker maps root to (`--userns-remap`): its directory is named `UID.GID`.
fn remapped_group(security: &[String], directory: &str) -> Option<u32> {
    let is_mapped = security.iter().any(|option| option.split(',').any(|part| part == "name=userns"));
    let (user, group) = directory.rsplit('/').next()?.split_once('.')?;
    user.parse::<u32>().ok().filter(|_| is_mapped)?;
    group.parse().ok()
}

/// Rounds a timeout up to whole seconds, as the engine takes it.
fn whole_seconds(timeout: Duration) -> i32 {
    let round_up = u64::from(timeout.subsec_nanos() > 0);
    i32::try_from(timeout.as_secs().saturating_add(round_up)).unwrap_or(i32::MAX)
}

impl ContainerRuntime for Docker {
    fn users(&self) -> Result<BTreeMap<String, Vec<Container>>, ContainerError> {
        Ok(self.by_volume(&self.list(None)?))
    }

    fn users_of(&self, volume: &VolumeName) -> Result<Vec<Container>, ContainerError> {
        // The filter also matches a path of this name; by_volume does not.
        let list = self.list(Some(("volume", volume.as_str())))?;
        self.images().insert(volume.to_string(), images::used(&list, volume.as_str()));
        let mut users = self.by_volume(&list);
        Ok(users.remove(volume.as_str()).unwrap_or_default())
    }

    fn about(&self) -> Result<Engine, ContainerError> {
        let answer = self.connection.call(CALL_TIMEOUT, |client| async move { client.info().await });
        let info = answer.map_err(|error| self.unreachable(error.to_string()))?;
        let version = info.server_version.unwrap_or_else(|| "of unknown version".to_owned());
        let mut drivers = info.plugins.and_then(|plugins| plugins.volume).unwrap_or_default();
        drivers.extend(self.managed_drivers());
        let is_podman = self.is_podman()?;
        let kind = if is_podman { "podman" } else { "engine" };
        let version = format!("{kind} {version} at {}", self.connection.endpoint());
        Ok(Engine { version, drivers, finds_drivers: !is_podman })
    }

    fn foreign_volume(&self, name: &str) -> Result<Option<ForeignVolume>, ContainerError> {
        let wanted = name.to_owned();
        let answer = self
            .connection
            .call(CALL_TIMEOUT, move |client| async move { client.inspect_volume(&wanted).await });
        let volume = match answer {
            Ok(volume) => volume,
            Err(CallError::Unreachable(reason)) => return Err(self.unreachable(reason)),
            Err(CallError::Answer { status: 404, .. }) => return Ok(None),
            Err(error) => {
                return Err(ContainerError::Engine {
                    action: "inspect the volume",
                    reason: error.to_string(),
                });
            }
        };
        let drivers = [volume.driver.clone()];
        let users = summary::by_volume(&self.list(Some(("volume", name)))?, &drivers).remove(name);
        self.names().extend(users.iter().flatten().map(|c| (c.id.clone(), c.name.clone())));
        Ok(Some(ForeignVolume {
            driver: volume.driver,
            mountpoint: volume.mountpoint.into(),
            users: users.unwrap_or_default(),
        }))
    }

    fn other_volumes(&self, name: Option<&VolumeName>) -> Result<BTreeMap<String, String>, ContainerError> {
        other_volumes::other_volumes(self, name)
    }

    fn obstacle_to_recreate(&self, id: &str, from: &str) -> Result<Option<String>, ContainerError> {
        recreate::obstacle(self, id, from)
    }

    fn recreate(&self, id: &str, swap: &Swap<'_>) -> Result<String, ContainerError> {
        recreate::recreate(self, id, swap)
    }

    fn put_back(&self, made: &str, id: &str, name: &str) -> Result<(), ContainerError> {
        recreate::put_back(self, made, id, name)
    }

    fn compose_volumes(&self) -> Result<Vec<ComposeVolume>, ContainerError> {
        let label = format!("{}project", summary::COMPOSE);
        let containers = self.list(Some(("label", &label)))?;
        let mut found: BTreeSet<ComposeVolume> =
            summary::compose_volumes(&containers, &self.drivers).collect();
        // A project that is down has volumes and no containers.
        let filters = HashMap::from([("label".to_owned(), vec![label])]);
        let made = self.volumes(filters, CALL_TIMEOUT)?;
        let ours = made.into_iter().filter(|volume| self.drivers.contains(&volume.driver));
        found.extend(ours.filter_map(|volume| {
            let label = |name: &str| volume.labels.get(&format!("{}{name}", summary::COMPOSE)).cloned();
            Some(ComposeVolume { project: label("project")?, key: label("volume"), volume: volume.name })
        }));
        Ok(found.into_iter().collect())
    }

    fn images_of(&self, volume: &str) -> Result<Vec<ImageUse>, ContainerError> {
        let list = self.list(Some(("volume", volume)))?;
        Ok(images::with_versions(self, images::used(&list, volume)))
    }

    fn images_last_seen(&self, volumes: &[&VolumeName]) -> Vec<ImageUse> {
        let seen = volumes.iter().filter_map(|volume| self.images().get(volume.as_str()).cloned());
        let seen = seen.flatten().collect();
        images::with_versions(self, seen)
    }

    fn image_like(&self, wanted: &ImageUse) -> Option<ImageUse> {
        images::find(self, wanted)
    }

    fn version(&self) -> Option<String> {
        let answer = self.connection.call(CALL_TIMEOUT, |client| async move { client.version().await });
        let version = answer.ok()?;
        let is_podman = version.components.iter().flatten().any(|one| one.name.starts_with("Podman"));
        let name = if is_podman { "podman" } else { "Docker" };
        Some(format!("{name} {}", version.version?))
    }

    fn sharers(&self, owners: &[String]) -> Result<Vec<Sharer>, ContainerError> {
        sharing::sharers(self, owners)
    }

    fn introduce(&self, volume: &VolumeName) -> Result<String, ContainerError> {
        labels::introduce(self, volume.as_str())
    }

    fn label(&self, volume: &ComposeVolume) -> Result<(), ContainerError> {
        labels::label(self, volume)
    }

    fn name_of(&self, id: &str) -> Option<String> {
        self.look(id).ok().flatten().map(|container| summary::name(&container))
    }

    fn mounts_of(&self, id: &str) -> Result<Option<Vec<HostMount>>, ContainerError> {
        host_paths::mounts_of(self, id)
    }

    fn volume_directories(&self) -> Result<BTreeMap<String, PathBuf>, ContainerError> {
        host_paths::volume_directories(self)
    }

    fn reach_driver(&self, volume: &VolumeName, limit: Duration) -> Result<(), ContainerError> {
        let name = volume.to_string();
        let inspected =
            self.connection.call(limit, move |client| async move { client.inspect_volume(&name).await });
        let silent = |reason: String| ContainerError::DriverSilent { volume: volume.to_string(), reason };
        match inspected {
            Err(CallError::Unreachable(reason)) => Err(self.unreachable(reason)),
            Err(CallError::TimedOut) => Err(silent(format!("no answer within {} s", limit.as_secs()))),
            Err(CallError::Answer { status: 500.., message }) => Err(silent(message)),
            // An engine that does not know the volume yet asks the driver when it has to. What the
            // driver says of the volume does not matter, even if the client cannot parse it.
            Ok(_) | Err(CallError::Answer { .. } | CallError::GivenUp | CallError::Other(_)) => Ok(()),
        }
    }

    fn remapped_group(&self) -> Result<Option<u32>, ContainerError> {
        let answer = self.connection.call(CALL_TIMEOUT, |client| async move { client.info().await });
        let info = answer.map_err(|error| self.unreachable(error.to_string()))?;
        let security = info.security_options.unwrap_or_default();
        Ok(remapped_group(&security, &info.docker_root_dir.unwrap_or_default()))
    }

    fn details(&self, id: &str) -> Result<Details, ContainerError> {
        let container = id.to_owned();
        let inspected = self
            .connection
            .call(CALL_TIMEOUT, move |client| async move {
                client.inspect_container(&container, None::<InspectContainerOptions>).await
            })
            .map_err(|error| self.error("inspect", id, error))?;
        Ok(health::details(inspected))
    }

    fn details_now(&self, id: &str, known: &Details) -> Result<Details, ContainerError> {
        let listed = self.look(id)?;
        // The list may lag behind: a container that it does not call running is inspected.
        match listed.as_ref().and_then(|listed| health::listed(listed, known)) {
            Some(details) => Ok(details),
            None => self.details(id),
        }
    }

    fn stop(
        &self,
        id: &str,
        timeout: Option<Duration>,
        patience: &Patience<'_>,
    ) -> Result<StopOutcome, ContainerError> {
        self.end(id, timeout, None, patience)
    }

    /// A stop, unlike a kill, returns when the container has ended, in every engine. An engine that
    /// is too old to know the signal sends the container's own first, and kills it at once.
    fn kill(&self, id: &str) -> Result<(), ContainerError> {
        self.end(id, Some(Duration::ZERO), Some("SIGKILL"), &Patience::ENDLESS).map(drop)
    }

    fn start(&self, id: &str) -> Result<(), ContainerError> {
        let answer = self.change("start", "container.start", id, START_TIMEOUT, |client, id| async move {
            client.start_container(&id, None::<StartContainerOptions>).await
        })?;
        self.unless_in(State::Running, "start", id, answer)
    }

    fn pause(&self, id: &str) -> Result<(), ContainerError> {
        let mut tries = MAX_FREEZE_TRIES;
        loop {
            let answer =
                self.change("pause", "container.pause", id, CALL_TIMEOUT, |client, id| async move {
                    client.pause_container(&id).await
                })?;
            tries -= 1;
            match self.unless_in(State::Paused, "pause", id, answer) {
                Err(ContainerError::Refused { reason, .. })
                    if tries > 0 && reason.contains(FREEZE_FAILED) =>
                {
                    sleep(FREEZE_RETRY_PAUSE);
                }
                other => return other,
            }
        }
    }

    fn unpause(&self, id: &str) -> Result<(), ContainerError> {
        let answer =
            self.change("unpause", "container.unpause", id, CALL_TIMEOUT, |client, id| async move {
                client.unpause_container(&id).await
            })?;
        self.unless_in(State::Running, "unpause", id, answer)
    }

    /// Podman counts a volume's users itself, and mounts it again only when none of them is left.
    fn restart_mounts_anew(&self) -> Result<bool, ContainerError> {
        Ok(!self.is_podman()?)
    }

    fn exec(
        &self,
        id: &str,
        command: &str,
        limit: Duration,
        patience: &Patience<'_>,
    ) -> Result<Executed, ContainerError> {
        self.pass("container.exec", "run a command in", id)?;
        let (container, command) = (id.to_owned(), shell(command));
        self.connection
            .call_patiently(limit, patience, move |client| exec::run(client, container, command))
            .map_err(|error| self.error("run a command in", id, error))
    }

    fn probe(
        &self,
        id: &str,
        check: &ReadyCheck,
        limit: Duration,
        patience: &Patience<'_>,
    ) -> Result<Probe, ContainerError> {
        let (container, command) = (id.to_owned(), check.command.clone());
        let limit = check.timeout.min(limit);
        let run = move |client| exec::run(client, container, command);
        match self.connection.call_patiently(limit, patience, run) {
            Ok(done) => Ok(health::probe(done.code)),
            Err(CallError::TimedOut | CallError::GivenUp) => Ok(Probe::Failed),
            // It has ended, or is restarting: the caller finds out.
            Err(CallError::Answer { status: 409, .. }) => Ok(Probe::Failed),
            Err(error @ CallError::Unreachable(_)) => Err(self.error("run a command in", id, error)),
            Err(error) if error.is_no_such_container() => Err(self.error("run a command in", id, error)),
            Err(_) => Ok(Probe::Impossible),
        }
    }

    fn restart(&self, id: &str, timeout: Option<Duration>) -> Result<(), ContainerError> {
        let limit = timeout.unwrap_or_else(|| self.own_stop_timeout(id)) + START_TIMEOUT;
        self.ask_restart(id, timeout, limit)?.map_err(|error| self.error("restart", id, error))
    }

    /// Docker finishes a restart whether or not the caller waits; podman may not.
    fn begin_restart(&self, id: &str, timeout: Option<Duration>) -> Result<bool, ContainerError> {
        if self.is_podman()? {
            return self.restart(id, timeout).map(|()| true);
        }
        match self.ask_restart(id, timeout, RESTART_MOMENT)? {
            Err(CallError::TimedOut) => Ok(false),
            answer => answer.map(|()| true).map_err(|error| self.error("restart", id, error)),
        }
    }
}
