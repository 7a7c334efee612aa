//! Checking one volume's records against its directories.

use super::survey::{Fault, VolumeRecords, freeing, survey};
use super::{Repair, Report};
use crate::error::Error;
use crate::layout;
use crate::model::{Phase, VolumeName};
use crate::pool::Pool;

/// Checks one volume, unless an operation is working on it.
pub(super) fn check(pool: &Pool, name: &VolumeName, adopt: bool, report: &mut Report) -> Result<(), Error> {
    if faults(pool, name)?.is_empty() {
        return Ok(());
    }
    // An operation may have come between the look at the records and the look at the disk, so look
    // again under the lock.
    let Some(_lock) = pool.try_lock(name)? else { return Ok(()) };
    for fault in faults(pool, name)? {
        let (severity, subject, what) = (fault.severity(), fault.subject(), fault.what());
        let Some(about) = fault.remedy(adopt) else {
            let advice = match &fault {
                Fault::Obstacle(branch, obstacle) => {
                    let tree = pool.layout().full(&layout::working_tree(name, branch));
                    format!("{}, then dvol can move it", freeing(obstacle, &tree))
                }
                _ => String::new(),
            };
            report.add(severity, Some(name), &subject, &what, &advice);
            continue;
        };
        let repair = Repair::Volume { name: name.clone(), about, adopt };
        report.add_repairable(severity, Some(name), &subject, &what, repair);
    }
    Ok(())
}

/// Finds the faults of a volume; none while an operation works on it.
fn faults(pool: &Pool, name: &VolumeName) -> Result<Vec<Fault>, Error> {
    let (records, busy) = pool.store().read(|rows| {
        let busy = rows.journal()?.iter().any(|o| o.owner() == name && o.phase != Phase::Settled);
        Ok::<_, Error>((VolumeRecords::of(&rows, name)?, busy))
    })?;
    if busy { Ok(Vec::new()) } else { survey(pool, name, &records) }
}
