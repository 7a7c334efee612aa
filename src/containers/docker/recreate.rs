//! Making a container again with a dvol volume in place of a volume of another driver.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, EndpointSettings, HostConfig, Mount, MountPoint,
    MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig, NetworkingConfig,
};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, RemoveContainerOptions, RenameContainerOptions,
};

use super::summary::COMPOSE;
use super::{CALL_TIMEOUT, DRIVER_NAMES, Docker};
use crate::containers::{ContainerError, ContainerRuntime as _, Swap};
use crate::model::VolumeName;

/// Number of digits of an id that engines take for a host name.
const SHORT_ID_DIGITS: usize = 12;
/// Number of digits of the name that an engine gives a volume without one.
const ANONYMOUS_DIGITS: usize = 64;

/// Returns why dvol cannot make a container again with all that it has; `None` if it can.
pub(super) fn obstacle(docker: &Docker, id: &str, from: &str) -> Result<Option<String>, ContainerError> {
    let inspected = inspect(docker, id)?;
    let image = inspected.config.as_ref().and_then(|config| config.image.clone()).unwrap_or_default();
    let name = image.clone();
    let now =
        docker.connection.call(CALL_TIMEOUT, move |client| async move { client.inspect_image(&name).await });
    if now.ok().and_then(|image| image.id) != inspected.image {
        return Ok(Some(format!("its image {image} is another one now")));
    }
    Ok(body(inspected, from, &"x".parse().expect("a name"), DRIVER_NAMES[0]).err())
}

/// Makes the container again and gives the old one another name.
pub(super) fn recreate(docker: &Docker, id: &str, swap: &Swap<'_>) -> Result<String, ContainerError> {
    let inspected = inspect(docker, id)?;
    let name = inspected.name.clone().unwrap_or_default().trim_start_matches('/').to_owned();
    let drivers = docker.about()?.drivers;
    let driver = DRIVER_NAMES.into_iter().find(|known| drivers.iter().any(|driver| driver == known));
    let driver = driver.unwrap_or(DRIVER_NAMES[0]);
    let body = body(inspected, swap.from, swap.to, driver)
        .map_err(|reason| ContainerError::Engine { action: "recreate the container", reason })?;
    rename(docker, id, swap.kept_as)?;
    let options = CreateContainerOptions { name: Some(name.clone()), ..Default::default() };
    let made = docker
        .connection
        .call(CALL_TIMEOUT, move |client| async move { client.create_container(Some(options), body).await });
    match made {
        Ok(made) => {
            docker.names().insert(made.id.clone(), name);
            Ok(made.id)
        }
        Err(error) => {
            let error = docker.error("create", &name, error);
            rename(docker, id, &name)?;
            Err(error)
        }
    }
}

/// Deletes a container that was made in place of another, which gets its name back.
pub(super) fn put_back(docker: &Docker, made: &str, id: &str, name: &str) -> Result<(), ContainerError> {
    let wanted = made.to_owned();
    let options = RemoveContainerOptions { force: true, ..Default::default() };
    docker
        .connection
        .call(
            CALL_TIMEOUT,
            move |client| async move { client.remove_container(&wanted, Some(options)).await },
        )
        .map_err(|error| docker.error("remove", made, error))?;
    rename(docker, id, name)
}

fn inspect(docker: &Docker, id: &str) -> Result<ContainerInspectResponse, ContainerError> {
    let wanted = id.to_owned();
    let answer = docker.connection.call(CALL_TIMEOUT, move |client| async move {
        client.inspect_container(&wanted, None::<InspectContainerOptions>).await
    });
    answer.map_err(|error| docker.error("inspect", id, error))
}

fn rename(docker: &Docker, id: &str, name: &str) -> Result<(), ContainerError> {
    let (wanted, options) = (id.to_owned(), RenameContainerOptions { name: name.to_owned() });
    let answer = docker
        .connection
        .call(CALL_TIMEOUT, move |client| async move { client.rename_container(&wanted, options).await });
    answer.map_err(|error| docker.error("rename", id, error))
}

/// Says how the container is made: as it was, with the volume `to` where `from` was. The error is a
/// reason.
fn body(
    inspected: ContainerInspectResponse,
    from: &str,
    to: &VolumeName,
    driver: &str,
) -> Result<ContainerCreateBody, String> {
    let id = inspected.id.unwrap_or_default();
    let config = inspected.config.ok_or("the engine does not say how it was made")?;
    if config.labels.iter().flatten().any(|(label, _)| label.starts_with(COMPOSE)) {
        return Err("compose made it".to_owned());
    }
    let mut host = inspected.host_config.unwrap_or_default();
    if host.auto_remove == Some(true) {
        return Err("it was started with --rm".to_owned());
    }
    if host.volumes_from.as_ref().is_some_and(|others| !others.is_empty()) {
        return Err("it takes volumes from another container".to_owned());
    }
    let is_anonymous = |mount: &&MountPoint| {
        let name = mount.name.as_deref().unwrap_or_default();
        mount.typ.as_deref() == Some("volume")
            && name.len() == ANONYMOUS_DIGITS
            && name.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    if let Some(mount) = inspected.mounts.iter().flatten().find(is_anonymous) {
        let place = mount.destination.as_deref().unwrap_or_default();
        return Err(format!("it has a volume without a name at {place}"));
    }
    replace_volume(&mut host, from, to, driver)?;
    let networks = inspected.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let networking = networking(networks, &host, &id)?;
    // The fields of both are the same.
    let body = serde_json::to_value(config).and_then(serde_json::from_value::<ContainerCreateBody>);
    let mut body = body.map_err(|error| error.to_string())?;
    // The engine took the host name from the id.
    body.hostname = body.hostname.filter(|name| id.get(..SHORT_ID_DIGITS) != Some(name));
    Ok(ContainerCreateBody { host_config: Some(host), networking_config: networking, ..body })
}

/// Replaces each mount of the volume `from` by one of `to`.
fn replace_volume(host: &mut HostConfig, from: &str, to: &VolumeName, driver: &str) -> Result<(), String> {
    let new = |target: &str, read_only: bool| Mount {
        typ: Some(MountType::VOLUME),
        source: Some(to.to_string()),
        target: Some(target.to_owned()),
        read_only: Some(read_only),
        volume_options: Some(MountVolumeOptions {
            // It has all that the old one has.
            no_copy: Some(true),
            driver_config: Some(MountVolumeOptionsDriverConfig {
                name: Some(driver.to_owned()),
                options: None,
            }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut mounts = Vec::new();
    for mount in host.mounts.take().unwrap_or_default() {
        if mount.typ != Some(MountType::VOLUME) || mount.source.as_deref() != Some(from) {
            mounts.push(mount);
            continue;
        }
        if mount.volume_options.is_some_and(|options| options.subpath.is_some()) {
            return Err("it mounts a directory of the volume".to_owned());
        }
        mounts.push(new(&mount.target.unwrap_or_default(), mount.read_only == Some(true)));
    }
    let mut binds = Vec::new();
    for bind in host.binds.take().unwrap_or_default() {
        let Some(rest) = bind.strip_prefix(from).and_then(|rest| rest.strip_prefix(':')) else {
            binds.push(bind);
            continue;
        };
        let (target, options) = rest.split_once(':').unwrap_or((rest, "rw"));
        let is_known = |option: &str| matches!(option, "" | "rw" | "ro" | "nocopy" | "z" | "Z");
        if !options.split(',').all(is_known) {
            return Err(format!("it mounts the volume with the options {options}"));
        }
        mounts.push(new(target, options.split(',').any(|option| option == "ro")));
    }
    (host.binds, host.mounts) = (Some(binds), Some(mounts));
    Ok(())
}

/// Says how the container joins its network, without what the engine chose by itself.
fn networking(
    mut networks: HashMap<String, EndpointSettings>,
    host: &HostConfig,
    id: &str,
) -> Result<Option<NetworkingConfig>, String> {
    if networks.len() > 1 {
        return Err("it is in several networks".to_owned());
    }
    let mode = host.network_mode.as_deref().unwrap_or_default();
    if mode == "host" || mode == "none" || mode.starts_with("container:") {
        return Ok(None);
    }
    for endpoint in networks.values_mut() {
        let aliases = endpoint.aliases.take().map(|mut aliases| {
            aliases.retain(|alias| id.get(..SHORT_ID_DIGITS) != Some(alias));
            aliases
        });
        *endpoint = EndpointSettings {
            aliases,
            ipam_config: endpoint.ipam_config.take(),
            links: endpoint.links.take(),
            driver_opts: endpoint.driver_opts.take(),
            ..Default::default()
        };
    }
    Ok(Some(NetworkingConfig { endpoints_config: Some(networks) }))
}
