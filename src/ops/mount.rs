//! `mount`, `unmount` and `path`, as the engine asks the driver for them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::layout;
use crate::model::VolumeName;
use crate::pool::{Mounted, Pool, existing};

/// How long a mount waits for an operation: well under the 120 s that the engine waits for the
/// driver.
const GATE_LIMIT: Duration = Duration::from_secs(90);

/// Records a mount and gives the working tree of the current branch. Waits while an operation has
/// the gate shut, and recovers what a dead operation left. The current volume stays.
///
/// # Errors
/// When the volume does not exist, or the gate stays shut too long.
pub fn mount(pool: &Pool, volume: &VolumeName, id: &str) -> Result<PathBuf, Error> {
    let begun = Instant::now();
    // No gate is made for a name that no volume has.
    if !pool.layout().gate_lock(volume).exists() {
        pool.select(Some(volume))?;
    }
    let bind = |ignore_journal| {
        let limit = GATE_LIMIT.saturating_sub(begun.elapsed());
        let _gate = pool.pass_gate(volume, limit)?;
        pool.bind(volume, id, ignore_journal)
    };
    let mut mounted = bind(false)?;
    if mounted == Mounted::Busy {
        pool.recover_trees(volume)?;
        mounted = bind(true)?;
    }
    match mounted {
        Mounted::On(tree) => Ok(pool.layout().full(&tree)),
        Mounted::NoVolume | Mounted::Busy => Err(Error::NoVolume(volume.clone())),
    }
}

/// Forgets a mount. A mount that is not on record is not an error.
///
/// # Errors
/// When the metadata cannot be written.
pub fn unmount(pool: &Pool, volume: &VolumeName, id: &str) -> Result<(), Error> {
    if !pool.store().is_there()? {
        return Ok(());
    }
    pool.unbind(volume, id)
}

/// Returns the working tree of the current branch.
///
/// # Errors
/// When the volume does not exist, or the metadata cannot be read.
pub fn path(pool: &Pool, volume: &VolumeName) -> Result<PathBuf, Error> {
    let record = pool.store().read(|rows| existing(&rows, volume))?;
    Ok(pool.layout().full(&layout::working_tree(record.owner(), &record.branch)))
}
