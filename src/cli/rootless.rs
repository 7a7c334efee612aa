//! Engines that run as a user who is not root.
//!
//! Their containers have a user namespace: what is root in there is the user outside, and its other
//! users are numbers of `/etc/subuid`, whose files the user may neither read nor copy. So dvol
//! starts itself again in a user namespace with the same numbers, where it is root over all of
//! them, as the engine is.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use super::{environment, programs};

/// The variable that a dvol in such a namespace has.
const ENTERED: &str = "DVOL_USER_NAMESPACE";
/// Enters a namespace with the numbers of `/etc/subuid` and `/etc/subgid` (util-linux 2.38).
const ENTER: [&str; 4] = ["--user", "--map-root-user", "--map-auto", "--"];

/// Returns the directory of the sockets of a rootless engine, if the engine's socket is there.
pub(super) fn sockets() -> Option<PathBuf> {
    let directory = PathBuf::from(environment::variable("XDG_RUNTIME_DIR")?);
    let endpoint = environment::endpoint()?;
    let socket = Path::new(endpoint.strip_prefix("unix://").unwrap_or(&endpoint));
    (directory.is_absolute() && socket.starts_with(&directory)).then_some(directory)
}

/// Starts this program again in a user namespace, if the engine is a rootless one. Returns if it is
/// not, or if the machine does not give such namespaces: `dvol doctor` says so then.
pub(super) fn enter() {
    if rustix::process::geteuid().is_root() || environment::variable(ENTERED).is_some() || sockets().is_none()
    {
        return;
    }
    let works = programs::command("unshare").args(ENTER).arg("true").output();
    let (Ok(true), Ok(program)) = (works.map(|done| done.status.success()), std::env::current_exe()) else {
        return;
    };
    // Returns if it fails only.
    let _ = programs::command("unshare")
        .args(ENTER)
        .arg(program)
        .args(std::env::args_os().skip(1))
        .env(ENTERED, "1")
        .exec();
}
