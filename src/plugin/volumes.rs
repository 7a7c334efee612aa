//! Serves the volumes of a pool.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, TryLockError};
use std::time::Duration;

use serde_json::{Map, Value};

use super::host_view::HostView;
use super::service::{VolumeInfo, VolumeService};
use crate::error::Error;
use crate::model::VolumeName;
use crate::ops::{self, Bytes, Description, Guard, PoolPath, QuickStatus, StatusCache};
use crate::pool::{Pool, Sweep};

/// The nice value of idle work.
const IDLE_NICE: i32 = 19;
/// How long Get may look at trees: engines call it before each mount.
const QUICK_STATUS_TIME: Duration = Duration::from_millis(25);

/// Finds the advice that an error's text should end with, if there is any.
pub type Advice = fn(&Error) -> Option<String>;

/// A pool behind the driver.
pub struct PoolService {
    pool: Pool,
    /// Where the engine finds the pool.
    host: HostView,
    /// The command line's advice for errors.
    advice: Advice,
    /// Locked while Get looks at a volume: one at a time, so that many Gets do not load the host.
    statuses: Mutex<StatusCache>,
    /// The number of running Mounts, which no look at trees may delay.
    mounting: AtomicUsize,
    /// Whether the recorded mounts may differ from the engine's.
    needs_reconcile: AtomicBool,
}

impl PoolService {
    /// Serves `pool`, and adds `advice` to the errors that people see.
    pub fn new(pool: Pool, advice: Advice) -> Self {
        PoolService {
            pool,
            host: HostView::default(),
            advice,
            statuses: Mutex::default(),
            mounting: AtomicUsize::new(0),
            needs_reconcile: AtomicBool::new(true),
        }
    }

    fn told<T>(&self, result: Result<T, Error>) -> Result<T, String> {
        result.map_err(|error| text_of(&error, self.advice))
    }

    /// Finds the pool where the engine mounts it from.
    fn pool_on_host(&self) -> Result<PoolPath, String> {
        self.host.find(&self.pool, |error| text_of(error, self.advice))
    }

    /// Translates the mount point of a description.
    fn as_host_sees(&self, mut info: VolumeInfo) -> VolumeInfo {
        info.mountpoint = self.host.shown(&info.mountpoint);
        info
    }

    /// Looks briefly at a volume; skips it while another volume is looked at or mounted.
    fn quick_status(&self, name: &VolumeName) -> QuickStatus {
        let mut statuses = match self.statuses.try_lock() {
            Ok(statuses) => statuses,
            Err(TryLockError::Poisoned(statuses)) => statuses.into_inner(),
            Err(TryLockError::WouldBlock) => return QuickStatus::default(),
        };
        let is_mounting = || self.mounting.load(Ordering::Relaxed) > 0;
        ops::quick_status(&self.pool, name, &mut statuses, QUICK_STATUS_TIME, &is_mounting).unwrap_or_else(
            |error| {
                tracing::debug!(volume = %name, %error, "cannot look at the volume");
                QuickStatus::default()
            },
        )
    }
}

fn text_of(error: &Error, advice: Advice) -> String {
    advice(error).map_or_else(|| error.to_string(), |advice| format!("{error}; {advice}"))
}

fn info(description: Description) -> VolumeInfo {
    let mut status = BTreeMap::from([("branch".to_owned(), description.branch.to_string().into())]);
    if let Some(head) = description.head {
        status.insert("head".to_owned(), head.to_string().into());
    }
    VolumeInfo {
        name: description.volume,
        mountpoint: description.mountpoint,
        created: description.created,
        status,
    }
}

/// Describes a volume, with its quick status.
fn info_with_status(description: Description, quick_status: QuickStatus) -> VolumeInfo {
    let max_size = description.max_size;
    let mut info = info(description);
    if let Some(most) = max_size {
        let mut limit = Map::from_iter([("max_size".to_owned(), most.into())]);
        limit.extend(quick_status.working_tree.map(|tree| ("allocated".to_owned(), tree.allocated.into())));
        info.status.insert("limit".to_owned(), limit.into());
    }
    info.status.extend(quick_status.dirty.map(|dirty| ("dirty".to_owned(), dirty.into())));
    let sizes = [("working_tree", quick_status.working_tree), ("commits", quick_status.commits)];
    let sizes: Map<String, Value> =
        sizes.into_iter().filter_map(|(of, bytes)| Some((of.to_owned(), size(bytes?)))).collect();
    if !sizes.is_empty() {
        info.status.insert("sizes".to_owned(), sizes.into());
    }
    info
}

fn size(bytes: Bytes) -> Value {
    let mut size = Map::from_iter([("logical".to_owned(), bytes.logical.into())]);
    size.extend(bytes.unshared.map(|unshared| ("unshared".to_owned(), unshared.into())));
    size.into()
}

/// Counts a Mount while it runs.
struct Mounting<'s>(&'s AtomicUsize);

impl<'s> Mounting<'s> {
    fn begin(count: &'s AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Mounting(count)
    }
}

impl Drop for Mounting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Describes a volume whose metadata cannot be read by its directory. An engine that gets an error
/// instead would create a local volume of that name.
fn info_from_disk(pool: &Pool, name: &VolumeName, error: &str) -> Option<VolumeInfo> {
    let (mountpoint, created) = ops::describe_from_disk(pool, name)?;
    let status = BTreeMap::from([("error".to_owned(), error.into())]);
    Some(VolumeInfo { name: name.clone(), mountpoint, created, status })
}

fn report(sweep: Result<Sweep, Error>) {
    match sweep {
        Ok(sweep) => {
            for (volume, reason) in &sweep.failed {
                tracing::warn!(%volume, reason, "cannot recover an interrupted operation now");
            }
        }
        Err(error) => tracing::warn!(%error, "cannot read the journal now"),
    }
}

impl VolumeService for PoolService {
    fn create(&self, name: &VolumeName, options: BTreeMap<String, String>) -> Result<(), String> {
        self.told(ops::create(&self.pool, name, &options)).map(drop)
    }

    fn remove(&self, name: &VolumeName) -> Result<(), String> {
        self.told(ops::remove(&self.pool, name, Guard::Engine)).map(drop)
    }

    fn list(&self) -> Result<Vec<VolumeInfo>, String> {
        match ops::describe_all(&self.pool) {
            Err(error) => {
                tracing::error!(%error, "cannot read the metadata; listing the directories of volumes instead");
                let names = ops::volumes_on_disk(&self.pool);
                let error = text_of(&error, self.advice);
                let found = names.iter().filter_map(|name| info_from_disk(&self.pool, name, &error));
                Ok(found.map(|info| self.as_host_sees(info)).collect())
            }
            other => Ok(self.told(other)?.into_iter().map(|found| self.as_host_sees(info(found))).collect()),
        }
    }

    fn get(&self, name: &VolumeName) -> Result<Option<VolumeInfo>, String> {
        let found = match ops::describe(&self.pool, name) {
            Err(error) => {
                let error = text_of(&error, self.advice);
                Some(info_from_disk(&self.pool, name, &error).ok_or(error)?)
            }
            other => self.told(other)?.map(|found| info_with_status(found, self.quick_status(name))),
        };
        Ok(found.map(|info| self.as_host_sees(info)))
    }

    fn path(&self, name: &VolumeName) -> Result<PathBuf, String> {
        let pool = self.pool_on_host()?;
        self.told(ops::path(&self.pool, name)).map(|directory| pool.to_host(&directory))
    }

    fn mount(&self, name: &VolumeName, id: &str) -> Result<PathBuf, String> {
        let _mounting = Mounting::begin(&self.mounting);
        // First: a mount that the engine cannot make is not recorded.
        let pool = self.pool_on_host()?;
        self.told(ops::mount(&self.pool, name, id)).map(|directory| pool.to_host(&directory))
    }

    fn unmount(&self, name: &VolumeName, id: &str) -> Result<(), String> {
        self.told(ops::unmount(&self.pool, name, id))
    }

    fn on_activate(&self) {
        self.needs_reconcile.store(true, Ordering::Relaxed);
    }

    fn reconcile(&self) {
        let _ = self.pool_on_host();
        // An activation during the call sets it again.
        if !self.needs_reconcile.swap(false, Ordering::Relaxed) {
            return;
        }
        match self.pool.reconcile_mounts() {
            Ok(reconciled) => {
                if reconciled.look_again {
                    self.needs_reconcile.store(true, Ordering::Relaxed);
                }
                if reconciled.forgotten + reconciled.added > 0 {
                    tracing::info!(
                        reconciled.forgotten,
                        reconciled.added,
                        "reconciled mounts with the engine"
                    );
                }
            }
            Err(error) => {
                self.needs_reconcile.store(true, Ordering::Relaxed);
                tracing::debug!(%error, "cannot reconcile mounts with the engine now");
            }
        }
    }

    fn recover(&self) {
        report(self.pool.recover_all_trees());
        let _ = self.pool_on_host();
    }

    fn idle(&self) {
        // A thread of its own, whose priority stays low.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _ = rustix::process::setpriority_process(None, IDLE_NICE);
                if let Err(error) = self.pool.checksums().take_wanted() {
                    tracing::warn!(%error, "cannot compute the checksums of commits now");
                }
            });
        });
    }

    fn sweep(&self) {
        report(self.pool.recover());
    }
}
