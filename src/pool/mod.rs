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
mod align;
mod bindings;
mod checksums;
mod commits;
mod copy;
mod draft;
mod error;
mod group;
mod history;
mod hold;
mod index;
mod limit;
mod moves;
mod notice;
mod outsiders;
mod project;
mod publish;
mod quiesce;
mod rebuild;
mod recover;
mod release;
mod replaced;
mod resolve;
mod select;
mod session;
mod settings;
mod space;
mod steady;
mod takeback;
mod trash;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::containers::ContainerRuntime;
use crate::layout::{self, Layout};
use crate::model::{CommitId, Instant, OperationId, Quiesce};
use crate::store::Store;
use crate::sys::clock::Clock;
use crate::sys::disk;
use crate::sys::error::DiskError;
use crate::sys::ids::IdSource;

pub use align::Alignment;
use bindings::Bindings;
pub use bindings::Bound;
pub use checksums::{Damage, Verified};
pub(crate) use commits::{Commits, bring_back};
pub use commits::{Found, Home};
pub use copy::{Fill, Watcher};
pub use draft::Draft;
pub use error::Error;
pub use group::Group;
pub(crate) use history::History;
pub use index::{Exchanged, Look, StoredIndex};
pub use limit::{MAX_SIZE, max_size};
pub use notice::Notice;
pub use publish::{Outcome, Published, finish_all};
pub use quiesce::{Ahead, Purpose};
pub use recover::{Recovered, Sweep};
pub use replaced::{Places, Remade};
pub use resolve::ancestry;
pub(crate) use resolve::{branch_before, head_record, refuse_other};
pub(crate) use select::{current_branch, existing};
pub use session::{Pending, Session};
pub use settings::{SETTINGS, Setting};
pub use takeback::{TakeBack, take_back, volumes_of};
pub use trash::TrashEntry;

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
        let gate = self.layout.locks().join("gate");
        if gate.is_dir() {
            return Ok(());
        }
        disk::ensure_directory(self.layout.root(), layout::POOL_MODE)?;
        disk::ensure_directory(&self.layout.private(), layout::PRIVATE_MODE)?;
        for directory in [
            self.layout.staging(),
            self.layout.trash(),
            self.layout.locks(),
            self.layout.locks().join("volume"),
            gate,
        ] {
            disk::ensure_directory(&directory, layout::PRIVATE_MODE)?;
        }
        disk::sync_directory(self.layout.root())
    }
}
