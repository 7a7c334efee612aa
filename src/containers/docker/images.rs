//! The images that containers on a volume were made of. Only images are inspected: inspecting a
//! container blocks while it waits in Mount.

use std::collections::BTreeSet;

use bollard::models::{ContainerSummary, ImageConfig, MountPoint};

use super::Docker;
use crate::model::ImageUse;

/// The variables by which images of databases say their versions, the most exact first.
const VERSIONS: [&str; 10] = [
    "PG_VERSION",
    "POSTGRES_VERSION",
    "MARIADB_VERSION",
    "MYSQL_VERSION",
    "MONGO_VERSION",
    "REDIS_VERSION",
    "VALKEY_VERSION",
    "CLICKHOUSE_VERSION",
    "CASSANDRA_VERSION",
    "PG_MAJOR",
];
/// The label that says the version of an image's content.
const LABEL: &str = "org.opencontainers.image.version";

/// The name of an image, as the container's maker gave it, and the engine's id of it.
pub(super) type Named = (String, Option<String>);

/// Finds the images of the listed containers that use a volume of any driver, each once. The list
/// may have others, that use a path of this name.
pub(super) fn used(list: &[ContainerSummary], volume: &str) -> BTreeSet<Named> {
    let is_it =
        |mount: &MountPoint| mount.typ.as_deref() == Some("volume") && mount.name.as_deref() == Some(volume);
    let users = list.iter().filter(|container| container.mounts.iter().flatten().any(is_it));
    let named = |container: &ContainerSummary| {
        Some((container.image.clone()?, container.image_id.clone().filter(|id| !id.is_empty())))
    };
    users.filter_map(named).collect()
}

/// Adds the versions of the programs in images, in order.
pub(super) fn with_versions(docker: &Docker, images: BTreeSet<Named>) -> Vec<ImageUse> {
    let with_version = |(image, id): Named| {
        let config = inspect(docker, id.as_deref().unwrap_or(&image));
        ImageUse { version: config.as_ref().and_then(version), image, id }
    };
    images.into_iter().map(with_version).collect()
}

/// Returns an image of the engine like `wanted`; `None` if it has none.
pub(super) fn find(docker: &Docker, wanted: &ImageUse) -> Option<ImageUse> {
    let by = |name: &str| Some(version(&inspect(docker, name)?));
    if let Some(version) = wanted.id.as_deref().and_then(by) {
        return Some(ImageUse { version, ..wanted.clone() });
    }
    by(&wanted.image).map(|version| ImageUse { id: None, version, ..wanted.clone() })
}

/// Reads the settings of an image. One that cannot be inspected has none: it may have been deleted.
fn inspect(docker: &Docker, name: &str) -> Option<ImageConfig> {
    let name = name.to_owned();
    let answer = docker
        .connection
        .call(super::CALL_TIMEOUT, move |client| async move { client.inspect_image(&name).await });
    Some(answer.ok()?.config.unwrap_or_default())
}

/// Finds the version of the program in an image. A label is often that of the system below.
fn version(config: &ImageConfig) -> Option<String> {
    let variables = config.env.as_deref().unwrap_or_default();
    let value = |name: &&str| {
        let of = |line: &String| Some(line.strip_prefix(*name)?.strip_prefix('=')?.to_owned());
        variables.iter().find_map(of).filter(|value| !value.is_empty())
    };
    let found = VERSIONS.iter().find_map(value);
    let found = found.or_else(|| config.labels.as_ref()?.get(LABEL).filter(|text| !text.is_empty()).cloned());
    found.map(|version| upstream(&version).to_owned())
}

/// Leaves the packager's part of a version away: `1:10.11.6+maria~deb12` is `10.11.6`.
fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.split(['-', '+', '~']).next().unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[&str], label: Option<&str>) -> Option<String> {
        let env = Some(variables.iter().map(ToString::to_string).collect());
        let labels = label.map(|text| [(LABEL.to_owned(), text.to_owned())].into());
        version(&ImageConfig { env, labels, ..ImageConfig::default() })
    }

    #[test]
    fn the_version_is_that_of_the_database() {
        let postgres = ["GOSU_VERSION=1.17", "PG_MAJOR=15", "PG_VERSION=15.4-2.pgdg120+1"];
        assert_eq!(with(&postgres, None).as_deref(), Some("15.4"));
        let mariadb = ["MARIADB_VERSION=1:10.11.6+maria~ubu2204"];
        assert_eq!(with(&mariadb, Some("22.04")).as_deref(), Some("10.11.6"));
        assert_eq!(with(&["PATH=/bin"], Some("4.2")).as_deref(), Some("4.2"));
        assert_eq!(with(&["PATH=/bin"], None), None);
    }
}
