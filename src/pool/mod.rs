//! A pool: metadata, trees and containers joined into operations that hold as a whole or not at all.
//!
//! An operation goes through types that only lead forward: [`Pool::begin`] locks the volume and
//! cleans up after the dead and gives a [`Session`]; [`Session::intend`] writes the plan into the
//! journal and gives a [`Pending`]; [`Pending::quiesce`] keeps containers from writing;
//! [`Pending::publish`] moves trees and metadata over and gives a [`Published`];
//! [`Published::finish`] lets containers go and clears up ([`Group::release_early`] lets them go before, where trees were only read). A `Pending` that is dropped instead is
//! undone; a process that dies at any point is finished or undone by whoever comes next
//! ([`Pool::recover`]).

mod adopt;
mod containers;
mod history;
mod notice;
mod operation;
mod rebuild;
mod settings;
mod trees;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::containers::ContainerRuntime;
use crate::error::Error;
use crate::layout::{self, Layout};
use crate::model::{CommitId, Instant, OperationId, Quiesce};
use crate::store::Store;
use crate::sys::clock::Clock;
use crate::sys::disk;
use crate::sys::error::DiskError;
use crate::sys::ids::IdSource;

use containers::mounts::Bindings;
pub use containers::mounts::Mounted;
pub use containers::quiesce::{Ahead, Purpose};
pub use containers::reconcile::Reconciled;
pub(crate) use history::commits::{Commits, bring_back};
pub use history::commits::{Found, Home};
pub use history::resolve::ancestry;
pub(crate) use history::resolve::{branch_before, head_record, refuse_other};
pub(crate) use history::select::{current_branch, existing};
pub(crate) use history::walk::History;
pub use notice::Notice;
pub use operation::exchanged::{ExchangePaths, TreeUndo};
pub use operation::group::Group;
pub use operation::plan::PlanBuilder;
pub use operation::publish::{Outcome, Published, finish_all};
pub use operation::recover::{Recovered, Sweep};
pub use operation::session::{Pending, Session};
pub use operation::trash::TrashEntry;
pub use operation::undo_plan::{UndoPlan, plan_undo, volumes_of};
pub use settings::{SETTINGS, Setting};
pub use trees::checksums::{Damage, Verified};
pub use trees::copy::{Fill, Watcher};
pub use trees::index::{Exchanged, Look, StoredIndex};
pub use trees::limit::{MAX_SIZE, max_size};

/// What a pool is opened with.
#[derive(Clone)]
pub struct Options {
    /// The containers on its volumes.
    pub containers: Arc<dyn ContainerRuntime>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// Told what a person should hear while an operation runs.
    pub notices: Arc<dyn Fn(&Notice) + Send + Sync>,
    /// Somebody who watches long copies.
    pub watcher: Option<Arc<dyn Watcher>>,
    /// Set from outside to interrupt: the operation that runs is undone.
    pub interrupted: Arc<AtomicBool>,
    /// How long to wait for a lock.
    pub lock_timeout: Duration,
    /// How long a container may take to stop; none means its own stop timeout.
    pub stop_timeout: Option<Duration>,
    /// How containers are kept from writing; none means what the settings say.
    pub quiesce: Option<Quiesce>,
    /// Whether to wait for the health checks of containers that were started; none means what the
    /// settings say.
    pub wait: Option<bool>,
}

/// A pool. Holds no lock and no file open between calls.
pub struct Pool {
    layout: Layout,
    store: Store,
    options: Options,
    bindings: Bindings,
}

impl Pool {
    /// The pool at `layout`. Touches nothing on disk.
    pub fn new(layout: Layout, options: Options) -> Self {
        let store = Store::new(&layout, options.lock_timeout);
        Pool { layout, store, options, bindings: Bindings::default() }
    }

    /// The same pool for what is to be done to its end: no interrupt of this one reaches it.
    pub fn uninterrupted(&self) -> Self {
        let options = Options { interrupted: Arc::default(), ..self.options.clone() };
        Pool::new(self.layout.clone(), options)
    }

    /// Where everything lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The metadata.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The containers.
    pub fn containers(&self) -> &dyn ContainerRuntime {
        self.options.containers.as_ref()
    }

    /// The flag that interrupts a copy.
    pub fn interrupted(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.options.interrupted)
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        let (micros, offset) = self.options.clock.now();
        Instant { micros, offset }
    }

    /// A new commit's id.
    pub fn new_commit_id(&self) -> CommitId {
        self.options.ids.next().parse().expect("an id source gives 32 lowercase hex digits")
    }

    fn new_operation_id(&self) -> OperationId {
        self.options.ids.next().parse().expect("an id source gives 32 lowercase hex digits")
    }

    fn tell(&self, notice: &Notice) {
        (self.options.notices)(notice);
    }

    fn check_interrupted(&self) -> Result<(), Error> {
        if self.options.interrupted.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Makes the pool's own directories where they are missing.
    pub fn prepare_directories(&self) -> Result<(), DiskError> {
        let own = self.layout.own_directories();
        if own.last().is_some_and(|last| last.is_dir()) {
            return Ok(());
        }
        disk::ensure_directory(self.layout.root(), layout::POOL_MODE)?;
        for directory in &own {
            disk::ensure_directory(directory, layout::PRIVATE_MODE)?;
        }
        disk::sync_directory(self.layout.root())
    }
}
