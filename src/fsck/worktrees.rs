//! Checking a worktree against its volume and its directory, and repairing it.

use super::{Repair, Report, Severity};
use crate::error::Error;
use crate::layout;
use crate::model::{Phase, Row, RowChange, Verb, VolumeName, VolumeRecord};
use crate::pool::Pool;
use crate::store::Rows;
use crate::sys::disk;

/// Checks one worktree, unless an operation is working on its volume.
pub(super) fn check(pool: &Pool, record: &VolumeRecord, report: &mut Report) -> Result<(), Error> {
    let Some(what) = fault(pool, &record.name)? else { return Ok(()) };
    // An operation may have come between the look at the record and the look at the disk.
    let Some(_lock) = pool.try_lock(record.owner())? else { return Ok(()) };
    if fault(pool, &record.name)?.is_some() {
        let repair = Repair::Worktree(record.name.clone());
        report.add_repairable(Severity::Error, Some(&record.name), "worktree", what, repair);
    }
    Ok(())
}

/// Says what is wrong with a worktree; `None` while an operation works on its volume.
fn fault(pool: &Pool, name: &VolumeName) -> Result<Option<&'static str>, Error> {
    let found = pool.store().read(|rows| {
        let Some(record) = rows.volume(name)? else { return Ok(None) };
        let is_of_volume = |owner: &VolumeName| owner == record.owner();
        if rows.journal()?.iter().any(|one| is_of_volume(one.owner()) && one.phase != Phase::Settled) {
            return Ok::<_, Error>(None);
        }
        Ok(Some((lost(&rows, &record)?, record)))
    })?;
    let Some((lost, record)) = found else { return Ok(None) };
    if lost.is_some() {
        return Ok(lost);
    }
    let point = pool.layout().full(&layout::running_point(name));
    let target = layout::running_point_target_of(&record);
    let is_right = disk::read_symlink(&point).ok().flatten() == Some(target);
    Ok((!is_right).then_some("its running point does not name its branch"))
}

/// Says why a worktree can show no branch.
fn lost(rows: &Rows<'_>, record: &VolumeRecord) -> Result<Option<&'static str>, Error> {
    let is_volume = rows.volume(record.owner())?.is_some_and(|owner| !owner.is_worktree());
    if !is_volume || rows.branch(record.owner(), &record.branch)?.is_none() {
        return Ok(Some("its branch is gone"));
    }
    let others = rows.worktrees(record.owner())?;
    // Of two, the first one keeps the branch; the volume always does.
    let is_taken = others.iter().any(|other| {
        other.branch == record.branch
            && other.name != record.name
            && (!other.is_worktree() || other.name < record.name)
    });
    Ok(is_taken.then_some("its branch is checked out elsewhere"))
}

/// Makes the directory and the running point of a worktree again; forgets one that can show no
/// branch.
pub(super) fn mend(pool: &Pool, name: &VolumeName) -> Result<&'static str, Error> {
    let session = pool.begin(Verb::Repair, name)?;
    let (group, done) = session.intend(format!("fsck --repair: {name}"), |rows, draft| {
        let record = rows.volume(name)?.ok_or_else(|| Error::NoVolume(name.clone()))?;
        if lost(rows, &record)?.is_some() {
            draft.forget_name(rows, name)?;
            draft.retire(layout::volume(name))?;
            draft.change(RowChange::delete(Row::Volume(record)));
            return Ok("forgotten");
        }
        let place = layout::volume(name);
        if disk::inode(&pool.layout().full(&place))?.is_some() {
            draft.set_aside(place)?;
        }
        draft.bring_in_worktree(&record)?;
        Ok("made again")
    })?;
    group.publish()?.finish();
    Ok(done)
}
