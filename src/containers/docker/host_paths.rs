//! Where things lie on the engine's host.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::InspectContainerOptions;

use super::connection::CallError;
use super::{CALL_TIMEOUT, Docker};
use crate::containers::{ContainerError, HostMount};

/// How long the engine may take to tell the mounts of a running container: the driver asks while
/// the engine itself may be starting, and may wait for the driver.
const INSPECT_MOUNTS: Duration = Duration::from_secs(5);

pub(super) fn mounts_of(docker: &Docker, id: &str) -> Result<Option<Vec<HostMount>>, ContainerError> {
    let container = id.to_owned();
    let answer = docker.connection.call(INSPECT_MOUNTS, move |client| async move {
        client.inspect_container(&container, None::<InspectContainerOptions>).await
    });
    match answer {
        Ok(inspected) => Ok(Some(mounts_in(inspected))),
        Err(error) if error.is_no_such_container() => Ok(None),
        Err(CallError::TimedOut) => Err(docker.unreachable(CallError::TimedOut.to_string())),
        Err(error) => Err(docker.error("inspect", id, error)),
    }
}

fn mounts_in(inspected: ContainerInspectResponse) -> Vec<HostMount> {
    let mounts = inspected.mounts.into_iter().flatten();
    let of_host = mounts.filter_map(|mount| {
        let source = mount.source.filter(|source| source.starts_with('/'))?;
        Some(HostMount { source: source.into(), destination: mount.destination?.into() })
    });
    of_host.collect()
}

pub(super) fn volume_directories(docker: &Docker) -> Result<BTreeMap<String, PathBuf>, ContainerError> {
    let filters = HashMap::from([("driver".to_owned(), docker.drivers.clone())]);
    let listed = docker.volumes(filters, CALL_TIMEOUT)?;
    let ours = listed.into_iter().filter(|volume| docker.drivers.contains(&volume.driver));
    Ok(ours.map(|volume| (volume.name, volume.mountpoint.into())).collect())
}
