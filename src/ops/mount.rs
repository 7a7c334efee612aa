//! `mount`, `unmount` and `path`, as the driver is told them.

use std::path::PathBuf;
use std::time::Duration;

use crate::layout;
use crate::model::{Binding, VolumeName};
use crate::pool::{Error, Pool, existing};

/// How long a mount waits for an operation: well under the 120 s that an engine waits for it.
const GATE_LIMIT: Duration = Duration::from_secs(90);

/// Records a mount and gives the resolved working tree of the current branch. Waits while an
/// operation has the gate shut. The current volume stays.
///
/// # Errors
/// When there is no such volume, or the gate stays shut too long.
pub fn mount(pool: &Pool, volume: &VolumeName, id: &str) -> Result<PathBuf, Error> {
    pool.select(Some(volume))?;
    pool.recover_trees(volume)?;
    let _gate = pool.pass_gate(volume, GATE_LIMIT)?;
    let branch = pool.store().write(|writer| {
        let record = existing(writer, volume)?;
        writer.bind(&Binding { volume: volume.clone(), id: id.to_owned(), since: pool.now() })?;
        Ok::<_, Error>(record.branch)
    })?;
    Ok(pool.layout().full(&layout::working_tree(volume, &branch)))
}

/// Forgets a mount; one that is not known is forgotten already.
///
/// # Errors
/// When the metadata cannot be written.
pub fn unmount(pool: &Pool, volume: &VolumeName, id: &str) -> Result<(), Error> {
    if !pool.layout().metadata().exists() {
        return Ok(());
    }
    Ok(pool.store().write(|writer| writer.unbind(volume, id))?)
}

/// The resolved working tree of the current branch.
///
/// # Errors
/// When there is no such volume, or the metadata cannot be read.
pub fn path(pool: &Pool, volume: &VolumeName) -> Result<PathBuf, Error> {
    let branch = pool.store().read(|rows| existing(&rows, volume))?.branch;
    Ok(pool.layout().full(&layout::working_tree(volume, &branch)))
}
