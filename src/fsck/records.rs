//! The findings about one volume.

use super::survey::{Fault, Records, survey};
use super::{Repair, Report};
use crate::error::Error;
use crate::model::{Phase, VolumeName};
use crate::pool::Pool;

/// Checks one volume. What an operation that runs on it meanwhile is about to change is left out.
pub(super) fn check(pool: &Pool, name: &VolumeName, adopt: bool, report: &mut Report) -> Result<(), Error> {
    if faults(pool, name)?.is_empty() {
        return Ok(());
    }
    // Somebody may have been at work between our look at the records and the one at the disk.
    let Some(_lock) = pool.try_lock(name)? else { return Ok(()) };
    for fault in faults(pool, name)? {
        let repair = Repair::Volume { name: name.clone(), about: fault.remedy(adopt), adopt };
        report.add_repairable(fault.severity(), Some(name), &fault.subject(), &fault.what(), repair);
    }
    Ok(())
}

fn faults(pool: &Pool, name: &VolumeName) -> Result<Vec<Fault>, Error> {
    let (records, busy) = pool.store().read(|rows| {
        let busy = rows.journal()?.iter().any(|o| o.volume == *name && o.phase != Phase::Settled);
        Ok::<_, Error>((Records::of(&rows, name)?, busy))
    })?;
    if busy { Ok(Vec::new()) } else { survey(pool, name, &records) }
}
