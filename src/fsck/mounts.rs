//! Checking recorded mounts against the engine's containers, and the rows of the stat index.

use super::{Repair, Report, Severity};
use crate::containers::State;
use crate::error::Error;
use crate::model::{VolumeName, count};
use crate::pool::Pool;

/// Age from which on a mount must have a running container, in microseconds: the container of a
/// younger one may still be starting.
const MIN_AGE_MICROS: i64 = 60_000_000;

/// Checks the mounts of a volume: a recorded mount needs a running container, and a running
/// container needs a recorded mount.
pub(super) fn check(pool: &Pool, volume: &VolumeName, report: &mut Report) -> Result<(), Error> {
    if !pool.containers().is_enabled() {
        return Ok(());
    }
    let bindings = pool.store().read(|rows| rows.bindings(volume))?;
    // An engine that is down does not tell.
    let Ok(users) = pool.containers().users_of(volume) else { return Ok(()) };
    if bindings.is_empty() {
        // A mount may have been recorded between the two questions.
        if pool.store().read(|rows| rows.bindings(volume))?.is_empty() {
            for user in users.iter().filter(|user| user.state != State::Stopped) {
                let what = "runs on the volume, but its mount is not recorded";
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
    for binding in
        bindings.into_iter().filter(|binding| now.saturating_sub(binding.since.micros) > MIN_AGE_MICROS)
    {
        let what = "is a recorded mount, but no container runs on the volume";
        let repair = Repair::Binding(volume.clone(), binding.id.clone());
        report.add_repairable(Severity::Warning, Some(volume), &binding.id, what, repair);
    }
    Ok(())
}

/// Checks that every row of the stat index belongs to a branch or a commit.
pub(super) fn index(pool: &Pool, report: &mut Report) -> Result<(), Error> {
    let stale = pool.stale_index()?.count();
    if stale > 0 {
        let what = format!("has {} of branches or commits that are gone", count(stale, "row"));
        report.add_repairable(Severity::Warning, None, "stat index", &what, Repair::Index);
    }
    Ok(())
}
