//! Containers in a namespace of another: its network, its processes, its shared memory.

use std::time::Duration;

use bollard::models::HostConfig;
use bollard::query_parameters::InspectContainerOptions;

use super::connection::CallError;
use super::{Docker, summary};
use crate::containers::{ContainerError, Sharer, State};

/// How long the engine may take to inspect one container. Those that run wait for nothing.
const LIMIT: Duration = Duration::from_secs(2);
/// What the engine writes before the id of the container whose namespace it is.
const OF_CONTAINER: &str = "container:";

/// Finds the containers that run in a namespace of one of `owners`. No list says so of all kinds of
/// namespaces, so this inspects each container that is not older than all of these.
pub(super) fn sharers(docker: &Docker, owners: &[String]) -> Result<Vec<Sharer>, ContainerError> {
    let listed = docker.list(None)?;
    let is_owner = |id: &String| owners.contains(id);
    let created = listed.iter().filter(|one| one.id.as_ref().is_some_and(is_owner)).map(|one| one.created);
    let Some(oldest) = created.min() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for one in listed.iter().filter(|one| one.created >= oldest) {
        let Some(id) = one.id.clone().filter(|id| !is_owner(id)) else { continue };
        let state = summary::state(one);
        // A container that is restarting may wait in Mount, and inspecting it would wait as well.
        if state == State::Stopped
            || one.state == Some(bollard::models::ContainerSummaryStateEnum::RESTARTING)
        {
            continue;
        }
        let wanted = id.clone();
        let inspected = docker.connection.call(LIMIT, move |client| async move {
            client.inspect_container(&wanted, None::<InspectContainerOptions>).await
        });
        let host = match inspected {
            Ok(inspected) => inspected.host_config.unwrap_or_default(),
            Err(CallError::Unreachable(reason)) => return Err(docker.unreachable(reason)),
            Err(_) => continue,
        };
        if let Some(with) = owner(&host, owners) {
            let auto_remove = host.auto_remove == Some(true);
            found.push(Sharer { id, name: summary::name(one), with, state, auto_remove });
        }
    }
    Ok(found)
}

/// Returns the id of the container in whose namespace one runs.
fn owner(host: &HostConfig, owners: &[String]) -> Option<String> {
    let modes = [&host.network_mode, &host.pid_mode, &host.ipc_mode];
    let mut named = modes.into_iter().flatten().filter_map(|mode| mode.strip_prefix(OF_CONTAINER));
    named.find_map(|id| owners.iter().find(|owner| owner.as_str() == id)).cloned()
}
