//! `doctor`: check that everything dvol needs is there, and say what to do where it is not.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde::Serialize;

use super::host_path::{PoolPath, host_path, host_path_remedy};
use super::image::{PoolInfo, pool_info};
use super::missing::check_mounted;
use super::remotes::Access;
use crate::containers::ContainerError;
use crate::error::Error;
use crate::layout;
use crate::model::{count, format_size};
use crate::pool::Pool;
use crate::sys::{disk, tree, user_namespace};

/// The free space below which a pool is reported as nearly full: 1 GiB.
const MIN_FREE_BYTES: u64 = 1 << 30;
/// 2024-01-01T00:00:00Z in microseconds; a clock that shows an earlier time is wrong.
const EARLIEST_MICROS: i64 = 1_704_067_200_000_000;

/// How far the clock of a remote may be from this machine's, in milliseconds.
const MAX_CLOCK_APART_MS: i64 = 60_000;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Works as it should.
    Good,
    /// Works, but not as well as it could, or not yet.
    Poor,
    /// Does not work.
    Bad,
}

/// A check and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The subject.
    pub subject: &'static str,
    /// The result.
    pub health: Health,
    /// What was found.
    pub found: String,
    /// What to do about it; empty if nothing.
    pub remedy: Option<String>,
}

fn check(subject: &'static str, health: Health, found: impl Into<String>, remedy: &str) -> Check {
    let remedy = (!remedy.is_empty()).then(|| remedy.to_owned());
    Check { subject, health, found: found.into(), remedy }
}

/// Checks versions, the pool and its file system, the clock, the engine and the driver's socket.
/// Changes nothing; what cannot be checked is a finding.
pub fn doctor(pool: &Pool, socket: &Path) -> Vec<Check> {
    let mut checks = vec![versions(), user(pool)];
    checks.extend(storage(pool));
    checks.push(metadata(pool));
    checks.push(clock(pool));
    checks.extend(engine(pool, socket));
    checks
}

/// Looks whether a remote can be reached, its password opens it, and its place does what is asked
/// of one. Writes a small file there and deletes it.
pub fn remote_health(pool: &Pool, access: &Access) -> Vec<Check> {
    let (name, url) = (&access.remote.name, &access.remote.url);
    let look = || -> Result<_, Error> {
        let repository = access.open(pool)?;
        let (records, probe) = (repository.records()?, repository.probe(&access.holder)?);
        let stale = repository.stale(probe.now)?;
        Ok((records.all_refs().len(), repository.much_to_push(records.largest()), probe, stale))
    };
    let (volumes, memory, probe, stale) = match look() {
        Ok(seen) => seen,
        Err(error) => {
            let remedy = "check the address, the network and the password: dvol remote show";
            let found = format!("{name}: {error}");
            return vec![check("remote", Health::Bad, found, &format!("{remedy} {name}"))];
        }
    };
    let only = if probe.is_writable { "" } else { ", to read only" };
    let found = format!("{name}: {} at {url}{only}", count(volumes, "volume"));
    let mut checks = vec![check("remote", Health::Good, found, "")];
    let mut poor = |found: String, remedy: &str| {
        checks.push(check("remote", Health::Poor, format!("{name}: {found}"), remedy));
    };
    if stale > 0 {
        let found = format!("{} of dead processes", count(stale, "lock or announcement"));
        poor(found, &format!("dvol remote gc {name}"));
    }
    if !probe.is_listed {
        let found = "a file that was just written is not listed: pushes at the same time may cross";
        poor(found.to_owned(), "use a store that lists what was written, or push one after the other");
    }
    if probe.ahead.abs() > MAX_CLOCK_APART_MS {
        let side = if probe.ahead > 0 { "ahead of" } else { "behind" };
        let found = format!("its clock is {} s {side} this machine's", probe.ahead.abs() / 1000);
        poor(found, "set both clocks: commits are dated by them");
    }
    if let Some(memory) = memory {
        let bytes = format_size(memory.bytes);
        let found = format!("a push of its largest volume takes about {bytes} of memory");
        poor(found, memory.cure().unwrap_or_default());
    }
    checks
}

fn versions() -> Check {
    let system = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let found =
        format!("dvol {}, {} {}", env!("CARGO_PKG_VERSION"), text(system.sysname()), text(system.release()));
    check("versions", Health::Good, found, "")
}

fn user(pool: &Pool) -> Check {
    if user_namespace::is_own() {
        let found = "root of a user namespace: device files, attributes trusted.* and chattr's +i and +a \
            cannot be copied";
        let remedy = "keep volumes with such files on an engine that runs as root";
        return check("permissions", Health::Poor, found, remedy);
    }
    if rustix::process::geteuid().is_root() {
        return check("permissions", Health::Good, "running as root", "");
    }
    let own = rustix::process::geteuid().as_raw();
    let is_own = std::fs::metadata(pool.layout().root()).is_ok_and(|found| found.uid() == own);
    let remedy = if is_own {
        "for a rootless engine, install uidmap, and set DOCKER_HOST to the engine's socket: dvol then enters \
         a user namespace by itself"
    } else {
        "run dvol with sudo: only root can copy files of many owners, as containers have them"
    };
    check("permissions", Health::Poor, "not running as root", remedy)
}

fn storage(pool: &Pool) -> Vec<Check> {
    let root = pool.layout().root();
    if let Err(error @ Error::ImageNotMounted { .. }) = check_mounted(pool) {
        return vec![check("pool", Health::Bad, error.to_string(), "sudo dvol pool mount")];
    }
    if !root.is_dir() {
        let found = format!("{} is not there yet", root.display());
        return vec![check("pool", Health::Poor, found, "dvol init VOLUME makes it")];
    }
    let mut checks = vec![access(root)];
    let private = pool.layout().private();
    if let Err(error) = disk::names_in(&private) {
        let remedy = "run dvol with sudo, or name another pool with -p";
        checks.push(check("pool", Health::Bad, error.to_string(), remedy));
        return checks;
    }
    let kind = disk::file_system(root).unwrap_or("a file system of unknown type");
    let shared = disk::can_clone(&pool.layout().staging());
    checks.push(if shared {
        check("file system", Health::Good, format!("{kind}, which shares blocks between copies"), "")
    } else {
        let remedy = "commits copy every byte here; in an image they share blocks and take almost no space: \
                      dvol pool move image --size SIZE (dvol help space)";
        check("file system", Health::Poor, format!("{kind}, which shares no blocks"), remedy)
    });
    checks.extend(image(pool));
    checks.push(match tree::free_space(root) {
        Ok(free) if free >= MIN_FREE_BYTES => check("space", Health::Good, room(pool, free), ""),
        Ok(free) => {
            let remedy =
                "dvol du --all shows what takes it; dvol gc --all deletes all trash, dvol forget old commits";
            check("space", Health::Poor, room(pool, free), remedy)
        }
        Err(error) => check("space", Health::Bad, error.to_string(), "check the file system"),
    });
    checks
}

/// Whether the pool's image works as it should, and its host has room for what is free in it.
fn image(pool: &Pool) -> Vec<Check> {
    let Ok(PoolInfo { image: Some(image), free_bytes, .. }) = pool_info(pool) else { return Vec::new() };
    let path = image.path.display();
    let mut checks = vec![match (image.direct_io, image.discard) {
        (true, true) => check("image", Health::Good, format!("{path}, direct I/O, discard"), ""),
        (false, _) => {
            let found = format!("{path} is mounted without direct I/O: its data is kept in memory twice");
            let host = image.host_file_system.unwrap_or("its file system");
            let remedy = format!(
                "dvol pool unmount && dvol pool mount; if it stays so, {host} has none: move the pool to one that has"
            );
            check("image", Health::Poor, found, &remedy)
        }
        (true, false) => {
            let found =
                format!("{path} is mounted without discard: what is deleted stays allocated on the host");
            check("image", Health::Poor, found, "dvol pool unmount && dvol pool mount")
        }
    }];
    let host = format!("{} free on the host of the image", format_size(image.host_free_bytes));
    checks.push(if image.host_free_bytes < MIN_FREE_BYTES {
        let remedy = "free space beside the image; dvol gc --all gives the space of trash back to the host";
        check("host space", Health::Poor, host, remedy)
    } else if image.host_free_bytes < free_bytes {
        let found = format!("{host}, less than the {} free in it", format_size(free_bytes));
        check("host space", Health::Poor, found, "keep an eye on it: a full host ends all writes to the pool")
    } else {
        check("host space", Health::Good, host, "")
    });
    checks
}

/// Says how much is free, and how much trash takes.
fn room(pool: &Pool, free: u64) -> String {
    let free = format_size(free);
    let trash = pool.trash(true).map(|trash| trash.iter().map(|entry| entry.bytes).sum()).unwrap_or_default();
    match trash {
        0 => format!("{free} free"),
        bytes => format!("{free} free, {} in trash", format_size(bytes)),
    }
}

/// Whether other users of the host can pass the pool's directory.
fn access(root: &Path) -> Check {
    let shown = root.display();
    let mode = root.metadata().map_or(0, |found| found.mode() & 0o7777);
    if mode & 0o007 == 0 {
        return check("pool", Health::Good, shown.to_string(), "");
    }
    let found = format!("{shown} has mode {mode:04o}, so all users of the host can pass it");
    let remedy = format!("chmod {:04o} {shown} keeps them out", layout::POOL_MODE);
    check("pool", Health::Poor, found, &remedy)
}

fn metadata(pool: &Pool) -> Check {
    match pool
        .store()
        .read(|rows| Ok::<_, crate::store::StoreError>((rows.volumes()?.len(), rows.journal()?.len())))
    {
        Ok((volumes, 0)) => check("metadata", Health::Good, format!("readable, volumes: {volumes}"), ""),
        Ok((volumes, open)) => {
            let found = format!("readable, volumes: {volumes}, operations not done: {open}");
            let remedy = "they run now, or have died; dvol fsck finishes or undoes those that have died";
            check("metadata", Health::Poor, found, remedy)
        }
        Err(error) => check("metadata", Health::Bad, error.to_string(), "run dvol fsck"),
    }
}

fn clock(pool: &Pool) -> Check {
    let now = pool.now();
    if now.micros < EARLIEST_MICROS {
        return check("clock", Health::Bad, now.to_rfc3339(), "set the clock: commits are dated by it");
    }
    check("clock", Health::Good, now.to_rfc3339(), "")
}

fn engine(pool: &Pool, socket: &Path) -> Vec<Check> {
    if !pool.containers().is_enabled() {
        let found = "not asked, because of --disable-docker-integration";
        return vec![check(
            "engine",
            Health::Poor,
            found,
            "without that flag dvol keeps containers from writing",
        )];
    }
    let about = match pool.containers().about() {
        Ok(about) => about,
        Err(error) => {
            let remedy = if matches!(error, ContainerError::Denied { .. }) {
                "run it with sudo, or join the docker group: sudo usermod -aG docker $USER, then log in again"
            } else {
                "start the engine, name it with DOCKER_HOST, or use --disable-docker-integration"
            };
            let mut checks = vec![check("engine", Health::Bad, error.to_string(), remedy)];
            checks.extend(reach(&host_path(pool)));
            return checks;
        }
    };
    let mut checks = vec![check("engine", Health::Good, about.version, "")];
    checks.extend(names(pool));
    if let Some(managed) = about.drivers.iter().find(|driver| driver.starts_with("dvol:")) {
        // A managed plugin's socket lies where only the engine looks.
        checks.push(check("driver", Health::Good, format!("the engine runs it as the plugin {managed}"), ""));
        return checks;
    }
    let host = host_path(pool);
    checks.extend(reach(&host));
    let serving = UnixStream::connect(socket);
    checks.push(match &serving {
        Ok(_) => check("socket", Health::Good, format!("the driver answers at {}", socket.display()), ""),
        Err(error) => {
            let remedy = "start dvol plugin, as a service before the engine";
            check(
                "socket",
                Health::Bad,
                format!("no driver answers at {}: {error}", socket.display()),
                remedy,
            )
        }
    });
    let registered = about.drivers.iter().any(|driver| driver == "dvol");
    checks.push(match (registered, serving.is_ok()) {
        (false, _) if !about.finds_drivers => {
            let remedy = format!(
                "write under [engine.volume_plugins] in /etc/containers/containers.conf: dvol = \"{}\"",
                socket.display()
            );
            check("driver", Health::Bad, "the engine does not know the volume driver dvol", &remedy)
        }
        (false, true) if !socket.starts_with("/run/docker/plugins") => {
            let found = "the engine has not asked the driver yet";
            let remedy = format!(
                "if it cannot find it, write unix://{} into ~/.local/lib/docker/plugins/dvol.spec",
                socket.display()
            );
            check("driver", Health::Poor, found, &remedy)
        }
        (true, _) => check("driver", Health::Good, "the engine knows the volume driver dvol", ""),
        // Docker finds a driver by its socket when it is first named.
        (false, true) => {
            check("driver", Health::Good, "the engine will find the driver when it is first named", "")
        }
        (false, false) => check(
            "driver",
            Health::Bad,
            "the engine does not know the volume driver dvol",
            "start dvol plugin",
        ),
    });
    if let (Ok(host), Ok(_)) = (&host, &serving) {
        checks.extend(other_pool(pool, host));
    }
    checks
}

/// Whether the engine reaches the pool; nothing to say where both have it at one path.
fn reach(host: &Result<PoolPath, Error>) -> Option<Check> {
    match host {
        Ok(path) if path.is_guess() || !path.differs() => None,
        Ok(path) => {
            let found = format!("the host has it at {}", path.host().display());
            Some(check("pool", Health::Good, found, ""))
        }
        Err(error) => {
            let remedy = host_path_remedy(error).unwrap_or_default();
            Some(check("pool", Health::Bad, error.to_string(), &remedy))
        }
    }
}

/// Whether the driver serves another pool, as the places of its volumes tell.
fn other_pool(pool: &Pool, host: &PoolPath) -> Option<Check> {
    let volumes = pool.containers().volume_directories().ok()?;
    let is_elsewhere = |place: &Path| place.is_absolute() && !place.starts_with(host.host());
    let (name, place) = volumes.iter().find(|(_, place)| is_elsewhere(place))?;
    let found = format!("the driver serves another pool: it has volume {name} at {}", place.display());
    Some(check("driver", Health::Bad, found, "name the driver's pool with -p or DVOL_POOL"))
}

/// Names the volumes that no container reaches, since another driver has their names.
fn names(pool: &Pool) -> Vec<Check> {
    let others = pool.containers().other_volumes(None).unwrap_or_default();
    let ours = pool.store().read(|rows| rows.volumes()).unwrap_or_default();
    let both = ours.iter().filter_map(|ours| others.get_key_value(ours.name.as_str()));
    both.map(|(name, driver)| {
        let found = format!("the engine has a volume {name} of driver {driver}, not dvol's");
        let remedy = format!("dvol rename {name} NEW, or docker volume rm {name}");
        check("names", Health::Bad, found, &remedy)
    })
    .collect()
}
