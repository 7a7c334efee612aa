//! Parses the engine's list of containers.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as Listed, MountPoint};

use crate::containers::{ComposeVolume, Container, Dependency, Service, State, Writes};

/// The prefix of compose's labels.
pub(super) const COMPOSE: &str = "com.docker.compose.";
/// The exit code of a process that SIGKILL ended: 128 + 9.
const EXIT_KILLED: &str = "137";

/// Groups the containers that mount a volume of one of `drivers` by volume, oldest first.
pub(super) fn by_volume(list: &[ContainerSummary], drivers: &[String]) -> BTreeMap<String, Vec<Container>> {
    let mut users: BTreeMap<String, Vec<Container>> = BTreeMap::new();
    // Engines sort by nanoseconds, newest first, but report seconds. Containers of the same second
    // keep the engine's order.
    for summary in list.iter().rev() {
        let Some(id) = summary.id.clone().filter(|id| !id.is_empty()) else { continue };
        for volume in summary.mounts.iter().flatten().filter_map(|mount| volume_of(mount, drivers)) {
            let containers = users.entry(volume.to_owned()).or_default();
            // A container may mount a volume at several paths.
            match containers.iter_mut().find(|container| container.id == id) {
                Some(container) => container.mounts += 1,
                None => containers.push(Container {
                    id: id.clone(),
                    name: name(summary),
                    state: state(summary),
                    created: summary.created.unwrap_or_default(),
                    mounts: 1,
                    restarting: summary.state == Some(Listed::RESTARTING),
                    service: summary.labels.as_ref().and_then(service),
                    writes: writes(summary, drivers),
                }),
            }
        }
    }
    for containers in users.values_mut() {
        containers.sort_by_key(|container| container.created);
    }
    users
}

/// Lists what a container can write to. A mount that does not say so can be written to.
fn writes(summary: &ContainerSummary, drivers: &[String]) -> Writes {
    let mut writes = Writes::default();
    let is_kept = |mount: &&MountPoint| mount.rw != Some(false) && mount.typ.as_deref() != Some("tmpfs");
    for mount in summary.mounts.iter().flatten().filter(is_kept) {
        match volume_of(mount, drivers) {
            Some(volume) => writes.volumes.push(volume.to_owned()),
            None => writes.elsewhere = true,
        }
    }
    writes
}

/// Returns the volumes of `drivers` that containers of compose projects mount.
pub(super) fn compose_volumes<'a>(
    list: &'a [ContainerSummary],
    drivers: &'a [String],
) -> impl Iterator<Item = ComposeVolume> + 'a {
    let project = |summary: &ContainerSummary| Some(summary.labels.as_ref().and_then(service)?.project);
    list.iter().filter_map(move |summary| Some((summary, project(summary)?))).flat_map(
        |(summary, project)| {
            let volumes = summary.mounts.iter().flatten().filter_map(|mount| volume_of(mount, drivers));
            volumes.map(move |volume| ComposeVolume {
                volume: volume.to_owned(),
                project: project.clone(),
                key: None,
            })
        },
    )
}

/// Parses compose's labels. `depends_on` is a list of `service:condition:restart`.
fn service(labels: &HashMap<String, String>) -> Option<Service> {
    let label = |name: &str| labels.get(&format!("{COMPOSE}{name}")).filter(|value| !value.is_empty());
    let runs_once =
        label("oneoff").is_some_and(|value| value.eq_ignore_ascii_case("true")) || label("hook").is_some();
    let after = label("depends_on").map(|list| list.split(',').filter_map(dependency).collect());
    Some(Service {
        project: label("project")?.clone(),
        name: label("service")?.clone(),
        after: after.unwrap_or_default(),
        runs_once,
    })
}

fn dependency(text: &str) -> Option<Dependency> {
    let mut parts = text.trim().split(':');
    let service = parts.next().filter(|name| !name.is_empty())?.to_owned();
    Some(Dependency { service, healthy: parts.next() == Some("service_healthy") })
}

/// Returns the volume of a mount if its driver is one of `drivers`.
fn volume_of<'a>(mount: &'a MountPoint, drivers: &[String]) -> Option<&'a str> {
    let ours = |driver: &String| mount.driver.as_ref() == Some(driver);
    let is_volume = mount.typ.as_deref() == Some("volume");
    mount.name.as_deref().filter(|name| is_volume && !name.is_empty() && drivers.iter().any(ours))
}

/// Returns the container's own name; links add names with a second slash.
pub(super) fn name(summary: &ContainerSummary) -> String {
    let names = || summary.names.iter().flatten().map(|name| name.trim_start_matches('/'));
    let own = names().find(|name| !name.contains('/')).or_else(|| names().next());
    let id = || summary.id.as_deref().map(|id| id.get(..12).unwrap_or(id));
    own.or_else(id).unwrap_or_default().to_owned()
}

pub(super) fn state(summary: &ContainerSummary) -> State {
    match summary.state {
        // A stopping container still has its processes.
        Some(Listed::RUNNING | Listed::RESTARTING | Listed::STOPPING) => State::Running,
        Some(Listed::PAUSED) => State::Paused,
        _ => State::Stopped,
    }
}

/// Returns whether SIGKILL ended the container. Its status holds the exit code: "Exited (137) 2
/// seconds ago".
pub(super) fn was_killed(summary: &ContainerSummary) -> bool {
    let status = summary.status.as_deref().unwrap_or_default();
    let code = status.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    code.is_some_and(|(code, _)| code == EXIT_KILLED)
}
