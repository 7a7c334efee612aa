//! A pool: metadata, trees and containers joined into operations that hold as a whole or not at
//! all.
//!
//! An operation goes through types that only lead forward:
//!
//! | step | type | what it holds |
//! | --- | --- | --- |
//! | [`Pool::begin`], [`Pool::begin_all`] | [`Session`], [`Sessions`] | the lock of each volume |
//! | [`Session::intend`] | [`Group`] | a plan in the journal for each volume |
//! | [`Group::quiesce`] | [`Quiesced`] | gates and containers besides |
//! | [`Quiesced::publish`] | [`Published`] | operations that hold |
//! | [`Published::finish`] | [`Outcome`] | the result; containers run, locks are free |
//!
//! Dropping a [`Group`] or [`Quiesced`] undoes its operations. When a process dies at any point,
//! the next operation on the volume, the driver or fsck finishes or undoes what it left
//! ([`Pool::recover`]).

mod adopt;
mod containers;
mod history;
mod hold;
mod notice;
mod operation;
mod rebuild;
mod remotes;
mod seed;
mod settings;
mod trees;

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::containers::ContainerRuntime;
use crate::error::Error;
use crate::layout::{self, Layout};
use crate::model::{CommitId, Instant, OperationId, Quiesce};
use crate::store::Store;
use crate::sys::clock::Clock;
use crate::sys::disk;
use crate::sys::error::{At as _, DiskError};
use crate::sys::ids::IdSource;
use crate::sys::locks::{LockError, LockFile, LockGuard, Wait};
use crate::sys::tree::RefusedFlags;

pub use containers::labels::FindComposeVolume;
use containers::mounts::Bindings;
pub use containers::mounts::Mounted;
pub use containers::quiesce::{Preview, Purpose, Quiesced};
pub use containers::reconcile::Reconciled;
pub(crate) use history::commits::{Commits, bring_back};
pub use history::commits::{Found, Home, deleted_volume, taken_from_trash};
pub use history::lines::Lines;
pub use history::resolve::ancestry;
pub(crate) use history::resolve::{branch_before, head_record, refuse_other};
pub use history::select::{FindVolumes, Meant, VolumeCandidates};
pub(crate) use history::select::{current_branch, existing};
pub use history::undo_stack::{Step, UndoStack};
pub(crate) use history::walk::History;
pub use hold::Held;
pub use notice::Notice;
pub use operation::exchanged::{ExchangePaths, TreeUndo};
pub use operation::group::{Group, Member};
pub use operation::plan::PlanBuilder;
pub use operation::publish::{Disruption, HeldName, Outcome, Published};
pub use operation::recover::{Recovered, Sweep};
pub use operation::session::{Session, Sessions};
pub use operation::trash::TrashEntry;
pub use operation::undo_plan::{UndoPlan, plan_undo};
pub(crate) use remotes::{remotes_with, tracked_called};
pub use seed::SeedLock;
pub use settings::{SETTINGS, Setting, parse_age, parse_size};
pub use trees::checksums::{Checksums, Damage, Verified};
pub use trees::copy::{Fill, Watcher, Work};
pub use trees::index::{Exchanged, Look, StoredIndex};
pub use trees::limit::{MAX_SIZE, max_size};
pub use trees::started::StartMarks;

/// How long to wait for a lock where no limit is given.
const DEFAULT_LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// How many bytes count as much to copy for little that changed, where nothing else is said.
const MUCH_COPIED: u64 = 1 << 30;

/// What a pool is opened with.
#[derive(Clone)]
pub struct Options {
    /// Engine of the containers on its volumes.
    pub containers: Arc<dyn ContainerRuntime>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes new ids.
    pub ids: Arc<dyn IdSource>,
    /// Receives what a person should hear while an operation runs.
    pub notices: Arc<dyn Fn(&Notice) + Send + Sync>,
    /// Shows the progress of long copies.
    pub watcher: Option<Arc<dyn Watcher>>,
    /// Interrupts the operation that runs when it is set: the operation is undone.
    pub interrupted: Arc<AtomicBool>,
    /// How long to wait for a lock.
    pub lock_timeout: Duration,
    /// How long a container may take to stop; `None` means its own stop timeout.
    pub stop_timeout: Option<Duration>,
    /// How containers are kept from writing; `None` means what the settings say.
    pub quiesce: Option<Quiesce>,
    /// This machine's processor architecture.
    pub architecture: String,
    /// Whether to wait until containers that were started are ready; `None` means what the settings
    /// say.
    pub wait: Option<bool>,
    /// How many bytes count as much to copy for little that changed.
    pub much_copied: u64,
    /// Finds out which volume a command means that names none.
    pub candidates: Arc<FindVolumes>,
    /// Finds out which new volumes a compose project will look for.
    pub compose: Arc<FindComposeVolume>,
}

impl Options {
    /// Options by which a pool prints nothing and follows its settings.
    pub fn new(containers: Arc<dyn ContainerRuntime>, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        Options {
            containers,
            clock,
            ids,
            notices: Arc::new(|_| ()),
            watcher: None,
            interrupted: Arc::default(),
            lock_timeout: DEFAULT_LOCK_TIMEOUT,
            stop_timeout: None,
            quiesce: None,
            architecture: std::env::consts::ARCH.to_owned(),
            wait: None,
            much_copied: MUCH_COPIED,
            candidates: Arc::new(|| Ok(VolumeCandidates::default())),
            compose: Arc::new(|_| None),
        }
    }
}

/// A pool. Holds no lock and no file open between calls.
pub struct Pool {
    layout: Layout,
    store: Store,
    options: Options,
    bindings: Bindings,
    /// The ids of containers that the engine was stopping when the user interrupted that.
    stopping: Mutex<BTreeSet<String>>,
    /// Whether a notice has named the volume that was meant.
    has_told_volume: AtomicBool,
    /// Counts the entries whose flags of chattr(1) the operation that runs cannot keep.
    refused_flags: Arc<RefusedFlags>,
}

impl Pool {
    /// Opens the pool at `layout`. Touches nothing on disk.
    pub fn new(layout: Layout, options: Options) -> Self {
        let store = Store::new(&layout, options.lock_timeout);
        Pool {
            layout,
            store,
            options,
            bindings: Bindings::default(),
            stopping: Mutex::default(),
            has_told_volume: AtomicBool::default(),
            refused_flags: Arc::default(),
        }
    }

    /// Gives a handle to the same pool that stops containers, whatever the settings say.
    pub fn stopping_containers(&self) -> Self {
        let options = Options { quiesce: Some(Quiesce::Stop), ..self.options.clone() };
        Pool::new(self.layout.clone(), options)
    }

    /// Gives a handle to the same pool that ignores Ctrl-C, for work that must run to completion.
    pub fn uninterrupted(&self) -> Self {
        let options = Options { interrupted: Arc::default(), ..self.options.clone() };
        Pool::new(self.layout.clone(), options)
    }

    /// Gives a handle to the same pool that does not wait until containers are ready, for steps
    /// after which they are restarted again.
    pub fn without_waiting(&self) -> Self {
        let options = Options { wait: Some(false), ..self.options.clone() };
        Pool::new(self.layout.clone(), options)
    }

    /// Returns the paths of the pool.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the metadata.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the container engine.
    pub fn containers(&self) -> &dyn ContainerRuntime {
        self.options.containers.as_ref()
    }

    /// Returns the flag that interrupts an operation.
    pub fn interrupted(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.options.interrupted)
    }

    /// Returns the time now.
    pub fn now(&self) -> Instant {
        let (micros, offset) = self.options.clock.now();
        Instant { micros, offset }
    }

    /// Makes the id of a new commit.
    pub fn new_commit_id(&self) -> CommitId {
        self.options.ids.next().parse().expect("an id source gives 32 lowercase hex digits")
    }

    fn new_operation_id(&self) -> OperationId {
        self.options.ids.next().parse().expect("an id source gives 32 lowercase hex digits")
    }

    pub(crate) fn tell(&self, notice: &Notice) {
        (self.options.notices)(notice);
    }

    /// Remembers that the engine is stopping a container and dvol does not wait for that.
    fn note_stopping(&self, id: &str) {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
    }

    fn is_stopping(&self, id: &str) -> bool {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    fn check_interrupted(&self) -> Result<(), Error> {
        if self.options.interrupted.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Takes a lock exclusively; tells for what and for whom it waits. Setting `cancel` ends the
    /// wait.
    fn lock_exclusively(
        &self,
        file: PathBuf,
        what: &str,
        verb: &str,
        cancel: Option<&AtomicBool>,
    ) -> Result<LockGuard, Error> {
        self.lock(file, LockFile::exclusive, what, verb, cancel)
    }

    /// Takes a lock in the way that `take` says; otherwise as [`Pool::lock_exclusively`] does.
    fn lock(
        &self,
        file: PathBuf,
        take: impl FnOnce(&LockFile, &Wait<'_>) -> Result<LockGuard, LockError>,
        what: &str,
        verb: &str,
        cancel: Option<&AtomicBool>,
    ) -> Result<LockGuard, Error> {
        let waiting = |holder: &str| self.tell_waiting(what, holder);
        let wait = Wait { what, verb, limit: self.options.lock_timeout, notice: &waiting, cancel };
        Ok(take(&LockFile::new(file), &wait)?)
    }

    fn tell_waiting(&self, what: &str, holder: &str) {
        self.tell(&Notice::Waiting { what: what.to_owned(), holder: holder.to_owned() });
    }

    /// Lists the pool's own directories that are missing, or whose name another file has.
    pub fn missing_directories(&self) -> Vec<PathBuf> {
        let own = self.layout.own_directories().into_iter();
        own.filter(|path| !path.symlink_metadata().is_ok_and(|found| found.is_dir())).collect()
    }

    /// Lets a group pass the pool's directory: the one that an engine maps the root group of
    /// containers to, as the engine does for its own directories. Returns whether it could not yet.
    ///
    /// # Errors
    /// When the directory cannot be read or changed.
    pub fn open_to_group(&self, group: u32) -> Result<bool, DiskError> {
        let root = self.layout.root();
        let found = root.metadata().at("read the attributes of", root)?;
        let mode = found.mode() & 0o7777;
        let passes = |bit| mode & bit == bit;
        if passes(0o001) || passes(0o010) && found.gid() == group {
            return Ok(false);
        }
        disk::set_group(root, group)?;
        disk::set_mode(root, mode & 0o700 | layout::POOL_MODE)?;
        Ok(true)
    }

    /// Makes the pool's own directories that are missing. A file in the place of one moves to
    /// lost+found. A pool that was a plain directory before gets the mode of a pool.
    ///
    /// # Errors
    /// When a directory cannot be made.
    pub fn prepare_directories(&self) -> Result<(), DiskError> {
        let missing = self.missing_directories();
        if missing.is_empty() {
            return Ok(());
        }
        let root = self.layout.root();
        if root.is_dir() && !self.layout.private().exists() {
            disk::set_mode(root, layout::POOL_MODE)?;
        }
        disk::ensure_directory(root, layout::POOL_MODE)?;
        for directory in &missing {
            if disk::inode(directory)?.is_some() && *directory != self.layout.private() && !directory.is_dir()
            {
                let name = directory.file_name().unwrap_or_default().to_string_lossy();
                disk::rename_to_free(directory, &self.layout.lost_and_found(), layout::PRIVATE_MODE, &name)?;
            }
            disk::ensure_directory(directory, layout::PRIVATE_MODE)?;
        }
        disk::sync_directory(root)
    }
}
