//! Volumes of other drivers, whose names no dvol volume should have.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::Docker;
use crate::containers::ContainerError;
use crate::model::VolumeName;

/// How long the engine may take for each call: commands that need no engine ask as well.
const LIMIT: Duration = Duration::from_secs(5);
/// The driver that every engine has.
const LOCAL: &str = "local";

pub(super) fn other_volumes(
    docker: &Docker,
    name: Option<&VolumeName>,
) -> Result<BTreeMap<String, String>, ContainerError> {
    // An engine lists volumes of the drivers that are named, and asks no other driver.
    let info = docker.connection.call(LIMIT, |client| async move { client.info().await });
    let info = info.map_err(|error| docker.unreachable(error.to_string()))?;
    let mut drivers = info.plugins.and_then(|plugins| plugins.volume).unwrap_or_default();
    drivers.retain(|driver| driver != LOCAL && !docker.drivers.contains(driver));
    drivers.push(LOCAL.to_owned());
    let mut filters = HashMap::from([("driver".to_owned(), drivers)]);
    if let Some(name) = name {
        filters.insert("name".to_owned(), vec![name.to_string()]);
    }
    let volumes = docker.volumes(filters, LIMIT)?.into_iter();
    // The engine finds names that contain the one in the filter.
    let others = volumes.filter(|volume| {
        !docker.drivers.contains(&volume.driver) && name.is_none_or(|name| volume.name == name.as_str())
    });
    Ok(others.map(|volume| (volume.name, volume.driver)).collect())
}
