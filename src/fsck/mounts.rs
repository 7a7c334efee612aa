//! What the driver was told, against what the engine says; and rows of what is gone.

use super::{Repair, Report, Severity};
use crate::containers::State;
use crate::error::Error;
use crate::model::{VolumeName, count};
use crate::pool::Pool;

/// A mount that is younger may be of a container that is just being started, in microseconds.
const YOUNG: i64 = 60_000_000;

/// Checks the mounts of a volume: some container must run on it where there is one, and there must be one where a
/// container runs.
pub(super) fn check(pool: &Pool, volume: &VolumeName, report: &mut Report) -> Result<(), Error> {
    if !pool.containers().is_enabled() {
        return Ok(());
    }
    let bindings = pool.store().read(|rows| rows.bindings(volume))?;
    // An engine that is down says nothing of its containers.
    let Ok(users) = pool.containers().users_of(volume) else { return Ok(()) };
    if bindings.is_empty() {
        // Its mount, or its end, may have come between the two questions.
        if pool.store().read(|rows| rows.bindings(volume))?.is_empty() {
            for user in users.iter().filter(|user| user.state != State::Stopped) {
                let what = "runs on the volume, but no mount is on record";
                report.add_repairable(Severity::Warning, Some(volume), &user.name, what, Repair::Mounts);
            }
        }
        return Ok(());
    }
    if users.iter().any(|user| user.state != State::Stopped)
        || !pool.unmanaged_containers(&[volume], false)?.is_empty()
    {
        return Ok(());
    }
    let now = pool.now().micros;
    for binding in bindings.into_iter().filter(|binding| now.saturating_sub(binding.since.micros) > YOUNG) {
        let what = "is mounted by the records, but no container runs on the volume";
        let repair = Repair::Binding(volume.clone(), binding.id.clone());
        report.add_repairable(Severity::Warning, Some(volume), &binding.id, what, repair);
    }
    Ok(())
}

/// Checks that the stat index knows nothing of what is gone.
pub(super) fn index(pool: &Pool, report: &mut Report) -> Result<(), Error> {
    let stale = pool.store().read(|rows| rows.stale_index())?;
    if stale > 0 {
        let what = format!("the stat index has {} of branches or commits that are gone", count(stale, "row"));
        report.add_repairable(Severity::Warning, None, "index", &what, Repair::Index);
    }
    Ok(())
}
