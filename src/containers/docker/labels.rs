//! Compose's labels on volumes that dvol makes.
//!
//! An engine keeps the labels of a volume itself, from the moment that it first hears of the name,
//! and keeps them when dvol deletes the volume. It forgets them when it is to create a volume of
//! that name and the driver does not have one. So a create that the driver refuses makes it forget,
//! and one for a volume that the driver has gives the labels.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::VolumeCreateRequest;

use super::connection::CallError;
use super::summary::COMPOSE;
use super::{DRIVER_NAMES, Docker};
use crate::containers::{ComposeVolume, ContainerError, IDENTIFY};

/// How long the engine may take for each call. Compose only warns where labels are missing.
const LIMIT: Duration = Duration::from_secs(3);

/// Has the engine ask the driver to create a volume, with an option that makes the driver answer
/// with the identity of its pool. Returns that answer.
pub(super) fn introduce(docker: &Docker, volume: &str) -> Result<String, ContainerError> {
    let options = HashMap::from([(IDENTIFY.to_owned(), "1".to_owned())]);
    match create(docker, volume, Some(options), HashMap::new()) {
        Err(CallError::Answer { message, .. }) => Ok(message),
        Err(error) => Err(ContainerError::Engine { action: "ask the driver", reason: error.to_string() }),
        // The driver was not asked: the engine knows the volume already.
        Ok(()) => Ok(String::new()),
    }
}

pub(super) fn label(docker: &Docker, volume: &ComposeVolume) -> Result<(), ContainerError> {
    let mut labels = HashMap::from([(format!("{COMPOSE}project"), volume.project.clone())]);
    labels.extend(volume.key.clone().map(|key| (format!("{COMPOSE}volume"), key)));
    create(docker, &volume.volume, None, labels)
        .map_err(|error| ContainerError::Engine { action: "label the volume", reason: error.to_string() })
}

fn create(
    docker: &Docker,
    volume: &str,
    options: Option<HashMap<String, String>>,
    labels: HashMap<String, String>,
) -> Result<(), CallError> {
    let request = VolumeCreateRequest {
        name: Some(volume.to_owned()),
        driver: Some(DRIVER_NAMES[0].to_owned()),
        driver_opts: options,
        labels: Some(labels),
        ..Default::default()
    };
    docker.connection.call(LIMIT, move |client| async move { client.create_volume(request).await }).map(drop)
}
