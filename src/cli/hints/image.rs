//! Hints for the pool's image.

use std::io;

use crate::cli::space;
use crate::error::Error;
use crate::model::format_size;
use crate::pool::Pool;
use crate::store::StoreError;
use crate::sys::image::ImageError;

/// How much of the host's file system may be free for an error of the disk to be its fault, in
/// bytes.
const FULL_BYTES: u64 = 32 << 20;

/// Names the command that mounts the image, or what keeps it from being mounted.
pub(super) fn repair(error: &Error) -> Option<String> {
    match error {
        Error::ImageNotMounted { .. } => Some("mount it: sudo dvol pool mount".to_owned()),
        Error::Image(ImageError::Hidden { .. }) => Some(
            "mount it on the host: dvol pool mount; or run this container with the pool in a directory of the \
             host that passes mounts on: -v /var/lib/dvol:/var/lib/dvol:rshared"
                .to_owned(),
        ),
        Error::Image(ImageError::NoLoopDevice { .. }) => Some(
            "load the module: modprobe loop; a container needs --device-cgroup-rule='b 7:* rwm', \
             --device /dev/loop-control and -v /dev:/dev"
                .to_owned(),
        ),
        _ => None,
    }
}

/// Returns the hints of errors about the image.
pub(super) fn hints(error: &Error) -> Vec<String> {
    match error {
        Error::NoImage(_) => vec![
            "make one for a new pool: dvol pool create --size SIZE".to_owned(),
            "move the pool into one: dvol pool move image --size SIZE".to_owned(),
        ],
        Error::ImageExists(_) => vec!["show it: dvol pool info".to_owned()],
        Error::NotEmpty(_) => {
            vec!["move the pool that is there: dvol pool move image --size SIZE".to_owned()]
        }
        Error::OldPool(_) => vec!["delete what the last move kept: dvol pool remove --old".to_owned()],
        Error::CannotShrink { .. } => vec![
            "it takes from the host only what is in it: dvol pool info".to_owned(),
            "make a smaller one: dvol pool move directory && dvol pool move image --size SIZE".to_owned(),
        ],
        Error::NotOnline { .. } => {
            vec!["stop the containers and check it unmounted: dvol pool check --offline".to_owned()]
        }
        Error::PoolInUse(containers) => {
            vec![format!("stop them first: docker stop {}", containers.join(" "))]
        }
        Error::CopyDiffers { .. } => {
            vec!["end the programs that write to the pool, and run the command again".to_owned()]
        }
        Error::HostFull { host, .. } => host_hints(&host.display().to_string()),
        Error::Image(ImageError::NoProgram { package, .. }) => {
            vec![format!("install it: apt install {package}")]
        }
        Error::Image(ImageError::Busy(at)) => vec![
            format!("see what uses it: fuser -vm {}", at.display()),
            "stop the containers on its volumes: docker ps --filter volume=VOLUME".to_owned(),
        ],
        Error::Image(ImageError::InUse { place, .. }) => match place {
            Some(place) => vec![format!("unmount it there: umount {}", place.display())],
            None => vec!["find its loop device: losetup --all".to_owned()],
        },
        _ => Vec::new(),
    }
}

/// Returns whether an error of the disk comes from a host without space for the pool's image.
pub(super) fn is_of_host(pool: &Pool, error: &Error) -> bool {
    let is_of_disk = match error {
        Error::HostFull { .. } => return true,
        Error::Disk(error) | Error::Store(StoreError::Disk(error)) => is_failure(&error.source),
        Error::Store(StoreError::Database { .. }) => true,
        _ => false,
    };
    is_of_disk && pool.host_space().is_some_and(|(_, free)| free < FULL_BYTES)
}

/// Returns whether a disk that cannot take a write answers so: XFS shuts itself down then.
fn is_failure(source: &io::Error) -> bool {
    let errno = source.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    errno.is_some_and(|errno| {
        matches!(
            errno,
            rustix::io::Errno::IO
                | rustix::io::Errno::NOSPC
                | rustix::io::Errno::UCLEAN
                | rustix::io::Errno::ROFS
        )
    })
}

/// Says how the host of the pool's image gets space again.
pub(super) fn host_ways(pool: &Pool) -> Vec<String> {
    let Some((host, free)) = pool.host_space() else { return vec![space::LOOK.to_owned()] };
    let mut ways = host_hints(&host.display().to_string());
    if free < FULL_BYTES {
        ways.push(format!(
            "only {} is left there; once there is more, mount the image anew, which loses nothing that was \
             reported: dvol pool unmount && dvol pool mount",
            format_size(free)
        ));
    }
    ways
}

fn host_hints(host: &str) -> Vec<String> {
    vec![
        format!("delete files beside the pool: du -xh --max-depth=2 {host}"),
        "delete trash, which gives its space back to the host: dvol gc --all".to_owned(),
    ]
}
