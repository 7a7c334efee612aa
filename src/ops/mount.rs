//! `mount`, `unmount` and `path`, as the driver is told them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::layout;
use crate::model::VolumeName;
use crate::pool::{Mounted, Pool, existing};

/// How long a mount waits for an operation: well under the 120 s that an engine waits for it.
const GATE_LIMIT: Duration = Duration::from_secs(90);

/// Records a mount and gives the resolved working tree of the current branch. Waits while an
/// operation has the gate shut, and clears up what a dead one left. The current volume stays.
///
/// # Errors
/// When there is no such volume, or the gate stays shut too long.
pub fn mount(pool: &Pool, volume: &VolumeName, id: &str) -> Result<PathBuf, Error> {
    let begun = Instant::now();
    // A name that no volume has gets no gate.
    if !pool.layout().gate_lock(volume).exists() {
        pool.select(Some(volume))?;
    }
    let bind = |ignore_journal| {
        let limit = GATE_LIMIT.saturating_sub(begun.elapsed());
        let _gate = pool.pass_gate(volume, limit)?;
        pool.bind(volume, id, ignore_journal)
    };
    let mut bound = bind(false)?;
    if bound == Mounted::Busy {
        pool.recover_trees(volume)?;
        bound = bind(true)?;
    }
    match bound {
        Mounted::On(branch) => Ok(pool.layout().full(&layout::working_tree(volume, &branch))),
        Mounted::NoVolume | Mounted::Busy => Err(Error::NoVolume(volume.clone())),
    }
}

/// Forgets a mount; one that is not known is forgotten already.
///
/// # Errors
/// When the metadata cannot be written.
pub fn unmount(pool: &Pool, volume: &VolumeName, id: &str) -> Result<(), Error> {
    if !pool.store().is_there()? {
        return Ok(());
    }
    pool.unbind(volume, id)
}

/// The resolved working tree of the current branch.
///
/// # Errors
/// When there is no such volume, or the metadata cannot be read.
pub fn path(pool: &Pool, volume: &VolumeName) -> Result<PathBuf, Error> {
    let branch = pool.store().read(|rows| existing(&rows, volume))?.branch;
    Ok(pool.layout().full(&layout::working_tree(volume, &branch)))
}
