//! Serves the volumes of a pool.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::Duration;

use serde_json::{Map, Value};

use super::host_view::HostView;
use super::remembered::Remembered;
use super::service::{VolumeInfo, VolumeService};
use super::troubles::{News, Troubles};
use crate::containers::IDENTIFY;
use crate::error::Error;
use crate::model::VolumeName;
use crate::ops::{self, AccessOf, Bytes, Description, Guard, PoolPath, QuickStatus, StatusCache};
use crate::pool::{Pool, Sweep};

/// The nice value of idle work.
const IDLE_NICE: i32 = 19;
/// How long Get may look at trees: engines call it before each mount.
const QUICK_STATUS_TIME: Duration = Duration::from_millis(25);

/// Finds the advice that an error's text should end with, if there is any.
pub type Advice = fn(&Error) -> Option<String>;

/// A pool behind the driver.
pub struct PoolService {
    pub(super) pool: Pool,
    /// The volumes that the pool has had.
    pub(super) remembered: Remembered,
    /// Whether the pool was missing at the last look, which is logged when it changes.
    pub(super) was_missing: AtomicBool,
    /// What the metadata looked like when the volumes were remembered.
    pub(super) last_seen: Mutex<Option<FileState>>,
    /// Where the engine finds the pool.
    host: HostView,
    /// The command line's advice for errors.
    advice: Advice,
    /// Finds the passwords of remotes.
    access: AccessOf,
    /// Locked while Get looks at a volume: one at a time, so that many Gets do not load the host.
    statuses: Mutex<StatusCache>,
    /// The number of running Mounts, which no look at trees may delay.
    mounting: AtomicUsize,
    /// Whether the recorded mounts may differ from the engine's.
    needs_reconcile: AtomicBool,
    /// What keeps background work from being done.
    troubles: Troubles,
    /// What the last recovery could not delete.
    left_behind: Mutex<BTreeSet<PathBuf>>,
}

/// Inode, length and time of change of a file.
pub(super) type FileState = (u64, u64, i64, i64);

impl PoolService {
    /// Serves `pool`, remembers its volumes in the directory `state`, and adds `advice` to the
    /// errors that people see.
    pub fn new(pool: Pool, state: &Path, advice: Advice, access: AccessOf) -> Self {
        PoolService {
            remembered: Remembered::open(state, pool.layout().root()),
            was_missing: AtomicBool::new(false),
            last_seen: Mutex::default(),
            pool,
            host: HostView::default(),
            advice,
            access,
            statuses: Mutex::default(),
            mounting: AtomicUsize::new(0),
            needs_reconcile: AtomicBool::new(true),
            troubles: Troubles::default(),
            left_behind: Mutex::default(),
        }
    }

    fn told<T>(&self, result: Result<T, Error>) -> Result<T, String> {
        result.map_err(|error| self.text_of(&error))
    }

    /// Words an error for the engine's user.
    pub(super) fn text_of(&self, error: &Error) -> String {
        text_of(error, self.advice)
    }

    /// Finds the pool where the engine mounts it from.
    fn pool_on_host(&self) -> Result<PoolPath, String> {
        self.host.find(&self.pool, |error| text_of(error, self.advice))
    }

    /// Lets an engine pass the pool's directory that maps root to another user. Container runtimes
    /// of today do not need it: they open what they mount before they change users.
    fn open_to_engine(&self) {
        // An engine that does not answer is asked again, together with its mounts.
        let Ok(Some(group)) = self.pool.containers().remapped_group() else { return };
        match self.pool.open_to_group(group) {
            Ok(false) => {}
            Ok(true) => tracing::info!(group, "opened the pool to the group of the engine's containers"),
            Err(error) => tracing::warn!(group, %error, "cannot open the pool to the engine's containers"),
        }
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

impl PoolService {
    /// Logs what a recovery could not do, once for as long as it cannot.
    fn report(&self, sweep: Result<Sweep, Error>) {
        let failed = sweep.as_ref().err();
        self.troubles.log("journal", failed, "cannot read the journal now", "can read the journal again");
        let Ok(sweep) = sweep else { return };
        for (volume, reason) in &sweep.failed {
            if self.troubles.news(&format!("volume {volume}"), Some(reason)) == News::Began {
                tracing::warn!(%volume, reason, "cannot recover an interrupted operation now");
            }
        }
        let still: Vec<String> = sweep.failed.iter().map(|(volume, _)| volume.to_string()).collect();
        for volume in self.troubles.over("volume ", &still) {
            tracing::info!(volume, "no interrupted operation is left");
        }
        let mut known = self.left_behind.lock().unwrap_or_else(PoisonError::into_inner);
        let left: BTreeMap<_, _> = sweep.left.iter().map(|left| (left.reason.path.clone(), left)).collect();
        for (path, left) in left.iter().filter(|(path, _)| !known.contains(*path)) {
            tracing::warn!(path = %path.display(), "deleted trash, but an entry of it {left}");
        }
        *known = left.into_keys().collect();
    }
}

impl VolumeService for PoolService {
    fn create(&self, name: &VolumeName, options: BTreeMap<String, String>) -> Result<(), String> {
        self.require_pool()?;
        if options.contains_key(IDENTIFY) {
            return Err(self.told(self.pool.identity())?);
        }
        let created = self.told(ops::create(&self.pool, name, &options, self.access))?;
        if created {
            self.remembered.add(name, self.pool.now());
        }
        Ok(())
    }

    fn remove(&self, name: &VolumeName) -> Result<(), String> {
        self.require_pool()?;
        self.told(ops::remove(&self.pool, name, Guard::Engine, false))?;
        self.remembered.forget(name);
        Ok(())
    }

    fn list(&self) -> Result<Vec<VolumeInfo>, String> {
        let found = match self.readable(ops::describe_all(&self.pool), Vec::is_empty) {
            Ok(found) => found.into_iter().map(info).collect(),
            Err(error) => {
                tracing::error!(%error, "cannot read the metadata; listing the volumes that are remembered");
                self.list_unreadable(&error)
            }
        };
        Ok(found.into_iter().map(|info| self.as_host_sees(info)).collect())
    }

    fn get(&self, name: &VolumeName) -> Result<Option<VolumeInfo>, String> {
        let found = match self.readable(ops::describe(&self.pool, name), Option::is_none) {
            Ok(Some(found)) => {
                self.remembered.add(name, found.created);
                Some(info_with_status(found, self.quick_status(name)))
            }
            Ok(None) => None,
            Err(error) => self.get_unreadable(name, &error)?,
        };
        Ok(found.map(|info| self.as_host_sees(info)))
    }

    fn path(&self, name: &VolumeName) -> Result<PathBuf, String> {
        self.require_pool()?;
        let pool = self.pool_on_host()?;
        self.told(ops::path(&self.pool, name)).map(|directory| pool.to_host(&directory))
    }

    fn mount(&self, name: &VolumeName, id: &str) -> Result<PathBuf, String> {
        let _mounting = Mounting::begin(&self.mounting);
        self.require_pool()?;
        // First: a mount that the engine cannot make is not recorded.
        let pool = self.pool_on_host()?;
        self.told(ops::mount(&self.pool, name, id)).map(|directory| pool.to_host(&directory))
    }

    fn unmount(&self, name: &VolumeName, id: &str) -> Result<(), String> {
        let forgotten = match self.require_pool() {
            // A container can end without the pool.
            Err(_) => Ok(()),
            Ok(()) => self.told(ops::unmount(&self.pool, name, id)),
        };
        if forgotten.is_err() || self.is_missing() {
            self.needs_reconcile.store(true, Ordering::Relaxed);
        }
        forgotten
    }

    fn on_activate(&self) {
        self.needs_reconcile.store(true, Ordering::Relaxed);
    }

    fn reconcile(&self) {
        if self.is_missing() {
            return;
        }
        let _ = self.pool_on_host();
        // An activation during the call sets it again.
        if !self.needs_reconcile.swap(false, Ordering::Relaxed) {
            return;
        }
        self.open_to_engine();
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
        if !self.is_missing() {
            self.report(self.pool.recover_all_trees());
            self.remember();
        }
        let _ = self.pool_on_host();
    }

    fn idle(&self) {
        if self.is_missing() {
            return;
        }
        // A thread of its own, whose priority stays low.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _ = rustix::process::setpriority_process(None, IDLE_NICE);
                self.troubles.log(
                    "checksums",
                    self.pool.checksums().take_wanted().err().as_ref(),
                    "cannot compute the checksums of commits now",
                    "can compute the checksums of commits again",
                );
            });
        });
    }

    fn sweep(&self) {
        if !self.is_missing() {
            self.report(self.pool.recover());
            self.remember();
        }
    }

    fn leave(&self) {
        if !self.is_missing() {
            self.remember();
        }
    }
}
