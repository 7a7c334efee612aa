//! The volumes that the driver remembers, in a file outside of the pool.
//!
//! An engine that asks for a volume and gets an error makes a local volume of that name, and data
//! goes there from then on. So the driver must know its volumes while nothing in the pool can be
//! read: its disk fails, its file system is not mounted, its directory is gone. Then it answers Get
//! and List from this list, and refuses everything else.
//!
//! ```text
//! <state>/<hash of the pool's path>.json   {"pool": PATH, "volumes": {NAME: MICROSECONDS}}
//! ```
//!
//! The driver renews the list every few seconds while it can read the pool, and when it stops. A
//! name that is not in the list does not exist: if the driver claimed every name, no new volume of
//! any other driver could be made meanwhile. Without a list, the driver claims every name that a
//! person chose, as it cannot tell.
//!
//! The list is not part of the pool, so writing it passes no fault point. It may be lost.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::model::{Instant, VolumeName};
use crate::sys::disk;
use crate::sys::error::{At as _, DiskError};

/// How many digits of the hash name a file.
const DIGITS: usize = 16;
/// Mode of the directory of lists.
const MODE: u32 = 0o700;

/// Volumes by name, each with the time when it was made.
pub(super) type Volumes = BTreeMap<VolumeName, Instant>;

/// The list of one pool.
#[derive(Debug)]
pub(super) struct Remembered {
    path: PathBuf,
    pool: PathBuf,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    /// `None` until the pool could be read once, by this driver or one before it.
    volumes: Option<Volumes>,
    /// Whether the file says the same.
    is_saved: bool,
    /// Whether there is a file that cannot be read.
    is_damaged: bool,
}

/// What the file holds.
#[derive(Serialize, Deserialize)]
struct Content {
    pool: PathBuf,
    volumes: BTreeMap<String, i64>,
}

impl Remembered {
    /// Reads the list of the pool at `pool` from the directory `state`, if there is one.
    pub(super) fn open(state: &Path, pool: &Path) -> Self {
        let path = path_of(state, pool);
        let read = read(&path).inspect_err(|error| tracing::warn!(%error, "cannot read the list of volumes"));
        let is_damaged = read.is_err();
        let volumes = read.unwrap_or_default();
        let list = Mutex::new(List { is_saved: volumes.is_some(), volumes, is_damaged });
        Remembered { path, pool: pool.to_owned(), list }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns all volumes; `None` if the pool could never be read.
    pub(super) fn volumes(&self) -> Option<Volumes> {
        self.list().volumes.clone()
    }

    /// Returns whether the pool has had volumes, as far as is known.
    pub(super) fn expects_volumes(&self) -> bool {
        let list = self.list();
        list.volumes.as_ref().map_or(list.is_damaged, |volumes| !volumes.is_empty())
    }

    /// Adds a volume that the pool has.
    pub(super) fn add(&self, name: &VolumeName, created: Instant) {
        let list = &mut *self.list();
        let Some(volumes) = &mut list.volumes else { return };
        if volumes.insert(name.clone(), created) != Some(created) {
            list.is_saved = false;
        }
    }

    /// Forgets a volume that the pool does not have any more.
    pub(super) fn forget(&self, name: &VolumeName) {
        let list = &mut *self.list();
        if list.volumes.as_mut().is_some_and(|volumes| volumes.remove(name).is_some()) {
            list.is_saved = false;
        }
    }

    /// Replaces the list by what the pool has.
    pub(super) fn replace(&self, found: Volumes) {
        let list = &mut *self.list();
        if list.volumes.as_ref() != Some(&found) {
            *list = List { volumes: Some(found), is_saved: false, is_damaged: false };
        }
    }

    /// Writes the list into its file, if that says something else.
    pub(super) fn save(&self) -> Result<(), DiskError> {
        let list = &mut *self.list();
        let (Some(volumes), false) = (&list.volumes, list.is_saved) else { return Ok(()) };
        // A failure is logged once, not at each try: the list holds as long as the driver runs.
        list.is_saved = true;
        let volumes = volumes.iter().map(|(name, created)| (name.to_string(), created.micros)).collect();
        let content = Content { pool: self.pool.clone(), volumes };
        let bytes = serde_json::to_vec(&content).expect("a list consists of strings and numbers");
        let state = self.path.parent().unwrap_or(Path::new("."));
        if !state.is_dir() {
            std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), MODE)
                .recursive(true)
                .create(state)
                .at("create the directory", state)?;
        }
        // Replaced in one step, so that a crash leaves the old list or the new one.
        let fresh = disk::beside(&self.path, ".new");
        let write = || -> io::Result<()> {
            let mut file = std::fs::File::create(&fresh)?;
            file.write_all(&bytes)?;
            file.sync_data()?;
            Ok(rustix::fs::rename(&fresh, &self.path)?)
        };
        write().at("write", &self.path)
    }
}

/// Returns the file in the directory `state` in which a driver remembers volumes of the pool at
/// `pool`; `None` if it remembers none.
pub fn list_of(state: &Path, pool: &Path) -> Option<PathBuf> {
    let path = path_of(state, pool);
    let remembers = match read(&path) {
        Ok(volumes) => volumes.is_some_and(|volumes| !volumes.is_empty()),
        // This user may not know.
        Err(error) => error.source.kind() != io::ErrorKind::PermissionDenied,
    };
    remembers.then_some(path)
}

fn path_of(state: &Path, pool: &Path) -> PathBuf {
    let hash = blake3::hash(pool.as_os_str().as_encoded_bytes()).to_hex();
    state.join(format!("{}.json", &hash[..DIGITS]))
}

/// Reads a list; `None` if there is none.
fn read(path: &Path) -> Result<Option<Volumes>, DiskError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DiskError::new("read", path, error)),
    };
    let content: Content = serde_json::from_slice(&bytes).map_err(io::Error::from).at("read", path)?;
    let volumes = content.volumes.into_iter();
    let volumes =
        volumes.filter_map(|(name, micros)| Some((name.parse().ok()?, Instant { micros, offset: 0 })));
    Ok(Some(volumes.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volumes(names: &[&str]) -> Volumes {
        let at = Instant { micros: 7, offset: 0 };
        names.iter().map(|name| (name.parse().unwrap(), at)).collect()
    }

    #[test]
    fn another_driver_of_the_same_pool_knows_what_was_saved() {
        let state = tempfile::tempdir().unwrap();
        let open = |pool: &str| Remembered::open(&state.path().join("a/b"), Path::new(pool));
        let first = open("/pool");
        assert_eq!(first.volumes(), None);
        first.replace(volumes(&["a", "b"]));
        first.add(&"c".parse().unwrap(), Instant { micros: 7, offset: 0 });
        first.forget(&"a".parse().unwrap());
        first.save().unwrap();
        assert_eq!(open("/pool").volumes(), Some(volumes(&["b", "c"])));
        assert_eq!(open("/other").volumes(), None);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test damages the file")]
    fn a_damaged_list_tells_that_there_was_a_pool() {
        let state = tempfile::tempdir().unwrap();
        let first = Remembered::open(state.path(), Path::new("/pool"));
        first.replace(volumes(&["a"]));
        first.save().unwrap();
        for bytes in ["", "{\"pool\":", "[]"] {
            std::fs::write(first.path(), bytes).unwrap();
            let list = Remembered::open(state.path(), Path::new("/pool"));
            assert!(list.volumes().is_none() && list.expects_volumes());
        }
    }
}
