//! Where the engine finds the pool.
//!
//! A process in a container sees the pool at the destination of a mount, which the engine knows by
//! its source. The engine mounts volumes from paths of its own, so the driver tells it those.

use std::path::{Path, PathBuf};

use crate::containers::HostMount;
use crate::error::Error;
use crate::pool::Pool;
use crate::sys::own_container;

/// How much of a container's id people are shown.
const SHORT: usize = 12;

/// The pool's path here and on the engine's host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolPath {
    here: PathBuf,
    host: PathBuf,
    is_guess: bool,
}

impl PoolPath {
    /// Returns the pool's path on the host.
    pub fn host(&self) -> &Path {
        &self.host
    }

    /// Returns whether the host has the pool at another path.
    pub fn differs(&self) -> bool {
        self.host != self.here
    }

    /// Returns whether only the kernel was asked, which cannot know.
    pub fn is_guess(&self) -> bool {
        self.is_guess
    }

    /// Translates a path in the pool to the host's.
    pub fn to_host(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.here).map_or_else(|_| path.to_owned(), |inside| self.host.join(inside))
    }
}

/// Finds the pool on the engine's host. Asks the engine only inside a container, for the mounts of
/// that container; where the engine does not know it, the engine runs in there too.
///
/// # Errors
/// When the engine cannot reach the pool, or does not answer while the kernel shows that the host
/// must have the pool at another path.
pub fn host_path(pool: &Pool) -> Result<PoolPath, Error> {
    let here = pool.layout().root().to_owned();
    let same = |is_guess| Ok(PoolPath { host: here.clone(), here: here.clone(), is_guess });
    let real = std::fs::canonicalize(&here).unwrap_or_else(|_| here.clone());
    for id in own_container::ids() {
        match pool.containers().mounts_of(&id) {
            Ok(None) => {}
            Ok(Some(mounts)) => {
                let container = id.get(..SHORT).unwrap_or(&id).to_owned();
                let host = source_of(&real, &mounts);
                let host = host.ok_or_else(|| Error::PoolInContainer { pool: here.clone(), container })?;
                return Ok(PoolPath { host, here, is_guess: false });
            }
            Err(_) if own_container::may_have_same_path_outside(&real).unwrap_or(true) => {
                return same(true);
            }
            Err(cause) => return Err(Error::PoolOnHost { pool: here, cause }),
        }
    }
    same(false)
}

/// Says how to run this container so that the engine reaches the pool, where that is what failed.
pub fn host_path_remedy(error: &Error) -> Option<String> {
    let outer = |pool: &Path| pool.parent().unwrap_or(pool).display().to_string();
    match error {
        Error::PoolInContainer { pool, .. } => {
            let outer = outer(pool);
            Some(format!(
                "docker create -v {outer} --name=dvol-volumes IMAGE makes a volume for it; then run this container \
                 with --volumes-from dvol-volumes, or with a directory of the host: -v {outer}:{outer}"
            ))
        }
        Error::PoolOnHost { pool, .. } => {
            let outer = outer(pool);
            Some(format!(
                "run this container with the engine's socket, -v /var/run/docker.sock:/var/run/docker.sock, or with \
                 the pool at one path inside and outside: -v {outer}:{outer}"
            ))
        }
        _ => None,
    }
}

/// Translates `path` by the innermost mount that holds it.
fn source_of(path: &Path, mounts: &[HostMount]) -> Option<PathBuf> {
    let holding = mounts.iter().filter(|mount| path.starts_with(&mount.destination));
    let mount = holding.max_by_key(|mount| mount.destination.components().count())?;
    let inside = path.strip_prefix(&mount.destination).ok()?;
    Some(if inside.as_os_str().is_empty() { mount.source.clone() } else { mount.source.join(inside) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_translated_by_the_innermost_mount_that_holds_it() {
        let mount = |source: &str, destination: &str| HostMount {
            source: source.into(),
            destination: destination.into(),
        };
        let mounts = [
            mount("/data", "/var/lib"),
            mount("/volumes/x/_data", "/var/lib/dvol"),
            mount("/sock", "/var/run/docker.sock"),
        ];
        let on_host = |path: &str| source_of(Path::new(path), &mounts);
        assert_eq!(on_host("/var/lib/dvol/volumes"), Some("/volumes/x/_data/volumes".into()));
        assert_eq!(on_host("/var/lib/dvol"), Some("/volumes/x/_data".into()));
        assert_eq!(on_host("/var/lib/dvol2"), Some("/data/dvol2".into()));
        assert_eq!(on_host("/home/pool"), None);
    }

    #[test]
    fn paths_in_the_pool_are_told_as_the_host_has_them() {
        let path = PoolPath {
            here: "/var/lib/dvol/volumes".into(),
            host: "/x/_data/volumes".into(),
            is_guess: false,
        };
        assert!(path.differs());
        let point = path.to_host(Path::new("/var/lib/dvol/volumes/db/running_point"));
        assert_eq!(point, Path::new("/x/_data/volumes/db/running_point"));
    }
}
