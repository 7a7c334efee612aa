//! The volumes of a pool, as the driver serves them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::service::{VolumeInfo, VolumeService};
use crate::model::VolumeName;
use crate::ops::{self, Description, Guard};
use crate::pool::{Pool, Sweep};

/// The nice value of what can wait.
const LEAST: i32 = 19;

/// A pool behind the driver.
pub struct PoolService(Pool);

impl PoolService {
    /// Serves `pool`.
    pub fn new(pool: Pool) -> Self {
        PoolService(pool)
    }
}

fn info(description: Description) -> VolumeInfo {
    let mut status = BTreeMap::from([("branch".to_owned(), description.branch.to_string())]);
    if let Some(head) = description.head {
        status.insert("head".to_owned(), head.to_string());
    }
    VolumeInfo {
        name: description.volume,
        mountpoint: description.mountpoint,
        created: description.created,
        status,
    }
}

/// What is told of a volume while its metadata cannot be read: that it is there. An engine that heard anything else
/// would make a local volume of its name.
fn info_from_disk(pool: &Pool, name: &VolumeName, error: &crate::pool::Error) -> Option<VolumeInfo> {
    let (mountpoint, created) = ops::describe_from_disk(pool, name)?;
    let status = BTreeMap::from([("error".to_owned(), error.to_string())]);
    Some(VolumeInfo { name: name.clone(), mountpoint, created, status })
}

fn is_damage(error: &crate::pool::Error) -> bool {
    matches!(error, crate::pool::Error::Store(error) if error.is_damage())
}

fn told<T>(result: Result<T, crate::pool::Error>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn report(sweep: Result<Sweep, crate::pool::Error>) {
    match sweep {
        Ok(sweep) => {
            for (volume, reason) in &sweep.failed {
                tracing::warn!(%volume, reason, "a dead operation cannot be finished or undone now");
            }
        }
        Err(error) => tracing::warn!(%error, "the journal cannot be read now"),
    }
}

impl VolumeService for PoolService {
    fn create(&self, name: &VolumeName, options: BTreeMap<String, String>) -> Result<(), String> {
        told(ops::create(&self.0, name, &options)).map(drop)
    }

    fn remove(&self, name: &VolumeName) -> Result<(), String> {
        told(ops::remove(&self.0, name, Guard::Engine)).map(drop)
    }

    fn list(&self) -> Result<Vec<VolumeInfo>, String> {
        match ops::describe_all(&self.0) {
            Err(error) if is_damage(&error) => {
                tracing::error!(%error, "the volumes are told from their directories");
                let names = ops::volumes_on_disk(&self.0);
                Ok(names.iter().filter_map(|name| info_from_disk(&self.0, name, &error)).collect())
            }
            other => Ok(told(other)?.into_iter().map(info).collect()),
        }
    }

    fn get(&self, name: &VolumeName) -> Result<Option<VolumeInfo>, String> {
        match ops::describe(&self.0, name) {
            Err(error) if is_damage(&error) => match info_from_disk(&self.0, name, &error) {
                Some(info) => Ok(Some(info)),
                None => Err(error.to_string()),
            },
            other => Ok(told(other)?.map(info)),
        }
    }

    fn path(&self, name: &VolumeName) -> Result<PathBuf, String> {
        told(ops::path(&self.0, name))
    }

    fn mount(&self, name: &VolumeName, id: &str) -> Result<PathBuf, String> {
        told(ops::mount(&self.0, name, id))
    }

    fn unmount(&self, name: &VolumeName, id: &str) -> Result<(), String> {
        told(ops::unmount(&self.0, name, id))
    }

    fn recover(&self) {
        report(self.0.recover_all_trees());
    }

    fn spare_time(&self) {
        // A thread of its own, as it stays the least important one.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _ = rustix::process::setpriority_process(None, LEAST);
                if let Err(error) = self.0.take_checksums_behind() {
                    tracing::warn!(%error, "the checksums of commits cannot be taken now");
                }
            });
        });
    }

    fn sweep(&self) {
        report(self.0.recover());
    }
}
