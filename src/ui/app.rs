//! What all requests share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::access::Access;
use super::jobs::Jobs;
use super::live::{Event, Live};
use crate::error::Error;
use crate::model::{Instant, VolumeName, VolumeRecord};
use crate::ops::{self, VolumeUsage};
use crate::pool::{Lines, Pool};

/// Says what to do about an error.
pub type Advise = fn(&Error, Option<&Pool>) -> Vec<String>;

/// Of how many volumes the lines are kept.
const MAX_LINES: usize = 16;

/// The pool, the commands that run, and what is known of sizes.
pub(super) struct App {
    pub(super) pool: Pool,
    pub(super) access: Access,
    pub(super) jobs: Jobs,
    pub(super) live: Live,
    pub(super) advise: Advise,
    /// The driver's socket.
    pub(super) socket: PathBuf,
    sizes: Mutex<Sizes>,
    /// The lines of the volumes whose history was shown last, the newest at the end. A volume that
    /// is made anew has another time.
    lines: Mutex<Vec<(VolumeName, Instant, Lines)>>,
}

/// Sizes that no request waits for.
#[derive(Debug, Clone, Default)]
pub(super) struct Sizes {
    /// What trash holds of each volume: how many operations, and their bytes.
    pub(super) trash: BTreeMap<VolumeName, (usize, u64)>,
    /// What was measured last.
    pub(super) measured: Option<Measured>,
    /// Whether a measurement runs.
    pub(super) is_measuring: bool,
    /// Why the last one failed.
    pub(super) failed: Option<String>,
}

/// A measurement of the whole pool.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) when: Instant,
    pub(super) usage: Vec<VolumeUsage>,
}

impl Measured {
    /// Returns what was measured of a volume.
    pub(super) fn of(&self, volume: &VolumeName) -> Option<&VolumeUsage> {
        self.usage.iter().find(|usage| usage.volume.as_ref() == Some(volume))
    }
}

impl App {
    pub(super) fn new(
        pool: Pool,
        access: Access,
        jobs: Jobs,
        live: Live,
        advise: Advise,
        socket: PathBuf,
    ) -> Self {
        App { pool, access, jobs, live, advise, socket, sizes: Mutex::default(), lines: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Sizes> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what is known of sizes.
    pub(super) fn sizes(&self) -> Sizes {
        self.lock().clone()
    }

    /// Runs `read` with the lines that are known of a volume's history. Another thread that needs
    /// them meanwhile finds them by itself.
    pub(super) fn with_lines<T>(&self, owner: &VolumeRecord, read: impl FnOnce(&mut Lines) -> T) -> T {
        let kept = || self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |(name, created, _): &(VolumeName, Instant, Lines)| {
            *name == owner.name && *created == owner.created
        };
        let mut lines = {
            let mut kept = kept();
            kept.iter().position(is_it).map(|at| kept.remove(at).2).unwrap_or_default()
        };
        let read = read(&mut lines);
        let mut kept = kept();
        kept.retain(|one| !is_it(one));
        if kept.len() == MAX_LINES {
            kept.remove(0);
        }
        kept.push((owner.name.clone(), owner.created, lines));
        read
    }

    /// Reads again what trash holds: operations note that when they fill it.
    pub(super) fn read_trash(&self) {
        // What cannot be read now is read after the next change.
        if let Ok(trash) = self.pool.trash_by_volume() {
            self.lock().trash = trash;
        }
    }

    /// Measures all trees of the pool, unless another thread does so already.
    pub(super) fn measure(&self) {
        if std::mem::replace(&mut self.lock().is_measuring, true) {
            return;
        }
        self.live.tell(Event::Changed);
        let measured = ops::du_pool(&self.pool);
        let mut sizes = self.lock();
        sizes.is_measuring = false;
        match measured {
            Ok(usage) => {
                (sizes.measured, sizes.failed) = (Some(Measured { when: self.pool.now(), usage }), None);
            }
            Err(error) => sizes.failed = Some(error.to_string()),
        }
        drop(sizes);
        self.live.tell(Event::Changed);
    }
}
