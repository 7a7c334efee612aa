//! Reads the environment: variables, defaults, and what a debug build lets a test fix.

use std::path::PathBuf;
use std::sync::Arc;

use super::output::Failure;
use super::rootless;
use crate::containers::Docker;
use crate::remotes::CloudAccess;
use crate::sys::clock::{Clock, SystemClock};
use crate::sys::ids::{IdSource, RandomIds};

/// The pool, unless `--pool` or `DVOL_POOL` names another.
pub(super) const DEFAULT_POOL: &str = "/var/lib/dvol/volumes";

/// Set for a command that the page of `dvol ui` runs. The page reads what it says and asks,
/// and answers as a person at a terminal would.
pub(super) const FOR_PAGE: &str = "DVOL_UI_COMMAND";

/// Returns whether the page of `dvol ui` runs this command.
pub(super) fn is_for_page() -> bool {
    variable(FOR_PAGE).is_some()
}

/// Returns the driver's socket, unless `--socket` names another.
pub(super) fn default_socket() -> PathBuf {
    let rootless = rootless::sockets().map(|directory| directory.join("dvol.sock"));
    rootless.unwrap_or_else(|| PathBuf::from("/run/docker/plugins/dvol.sock"))
}

/// Where the driver remembers its volumes, unless `STATE_DIRECTORY` names another directory.
pub(super) const DEFAULT_STATE: &str = "/var/lib/dvol-driver";

/// Returns where the driver remembers its volumes.
pub(super) fn state_directory() -> PathBuf {
    variable("STATE_DIRECTORY").map_or_else(|| DEFAULT_STATE.into(), PathBuf::from)
}

/// Returns a variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the one door to the environment")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns what the environment says about access to stores and other machines.
pub(super) fn cloud() -> CloudAccess {
    CloudAccess::new(std::env::vars_os())
}

/// Returns this machine's processor architecture; in a debug build `DVOL_TEST_ARCHITECTURE` is it.
pub(super) fn architecture() -> String {
    let given = if cfg!(debug_assertions) { variable("DVOL_TEST_ARCHITECTURE") } else { None };
    given.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// Iterates over the names of all variables.
pub(super) fn names() -> impl Iterator<Item = std::ffi::OsString> {
    std::env::vars_os().map(|(name, _)| name)
}

/// Returns the address of the engine that the environment names.
pub(super) fn endpoint() -> Option<String> {
    variable("DOCKER_HOST").or_else(|| variable("CONTAINER_HOST"))
}

/// Returns the engine that `DOCKER_HOST` or `CONTAINER_HOST` names, else the one at Docker's usual
/// socket. Never falls back to podman's socket: when Docker is down for a moment, its containers
/// still exist.
pub(super) fn engine() -> Docker {
    let mut endpoint = endpoint();
    if variable("DOCKER_TLS_VERIFY").is_some() {
        endpoint = endpoint.map(|endpoint| endpoint.replacen("tcp://", "https://", 1));
    }
    Docker::new(endpoint.as_deref())
}

#[cfg(not(debug_assertions))]
pub(super) fn clock() -> Result<Arc<dyn Clock>, Failure> {
    Ok(Arc::new(SystemClock))
}

#[cfg(not(debug_assertions))]
pub(super) fn ids() -> Result<Arc<dyn IdSource>, Failure> {
    Ok(Arc::new(RandomIds))
}

/// Returns the clock; in a debug build `DVOL_TEST_TIME=2024-05-01T10:00:00Z` stops it.
#[cfg(debug_assertions)]
pub(super) fn clock() -> Result<Arc<dyn Clock>, Failure> {
    use crate::sys::clock::FixedClock;
    let Some(text) = variable("DVOL_TEST_TIME") else { return Ok(Arc::new(SystemClock)) };
    let time = text.parse().map_err(|error| Failure::Usage(format!("DVOL_TEST_TIME: {error}")))?;
    Ok(Arc::new(FixedClock(time)))
}

/// Returns the source of ids; in a debug build `DVOL_TEST_IDS=100` makes it count up from 100.
#[cfg(debug_assertions)]
pub(super) fn ids() -> Result<Arc<dyn IdSource>, Failure> {
    use crate::sys::ids::CountedIds;
    let Some(text) = variable("DVOL_TEST_IDS") else { return Ok(Arc::new(RandomIds)) };
    let seed = text.parse().map_err(|error| Failure::Usage(format!("DVOL_TEST_IDS: {error}")))?;
    Ok(Arc::new(CountedIds::new(seed)))
}

/// Returns how many bytes are much to copy for little, if a test says so with `DVOL_TEST_MUCH`.
pub(super) fn much_copied() -> Option<u64> {
    if cfg!(debug_assertions) { variable("DVOL_TEST_MUCH")?.parse().ok() } else { None }
}

/// Returns whether work may go on in the background, which a test forbids with
/// `DVOL_TEST_FOREGROUND`.
pub(super) fn may_go_on_in_background() -> bool {
    !cfg!(debug_assertions) || variable("DVOL_TEST_FOREGROUND").is_none()
}

/// Variables with which a test makes one process fail.
pub(super) const FAULT_VARIABLES: [&str; 2] = ["DVOL_FAULT", "DVOL_FAULT_TRACE"];

/// Arms the fault points that a test asks for.
#[cfg(debug_assertions)]
pub(super) fn arm_faults() -> Result<(), String> {
    use crate::sys::fault;
    let spec = variable("DVOL_FAULT").map(|text| text.parse()).transpose()?;
    let trace = variable("DVOL_FAULT_TRACE")
        .map(|path| {
            std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)
                .map_err(|error| format!("{path}: {error}"))
        })
        .transpose()?;
    if spec.is_some() || trace.is_some() {
        fault::arm(spec, trace);
    }
    Ok(())
}
