//! `checkout`: switch a volume to another branch, and make it first where asked.

use serde::Serialize;

use super::status::is_dirty;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CommitId, Instant, Revision, Row, RowChange, Verb, VolumeName, VolumeRecord,
};
use crate::pool::{Error, Pool, Purpose, existing, resolve};
use crate::store::Rows;
use crate::sys::tree::{self, CopyOptions};

/// Where to go.
#[derive(Debug, Clone)]
pub struct CheckoutRequest {
    /// The volume; none means the current one.
    pub volume: Option<VolumeName>,
    /// The branch.
    pub branch: BranchName,
    /// Whether to make the branch, and from which commit.
    pub create: Option<Revision>,
    /// Whether uncommitted changes may stay behind in their branch's working tree.
    pub force: bool,
}

/// A checkout that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedOut {
    /// The volume.
    pub volume: VolumeName,
    /// The branch that was current.
    pub from: BranchName,
    /// The branch that is current now.
    pub branch: BranchName,
    /// Its head.
    pub head: Option<CommitId>,
    /// Whether it was made.
    pub created: bool,
    /// The containers that were restarted.
    pub containers: Vec<String>,
}

/// Makes `branch` the current one of the volume and restarts the containers on it. Throws nothing
/// away: each branch has a working tree of its own.
///
/// # Errors
/// When the branch is missing (or, to be made, there already), the start names no commit, or the
/// current branch has uncommitted changes and `force` is not set; nothing is changed then.
pub fn checkout(pool: &Pool, request: &CheckoutRequest) -> Result<CheckedOut, Error> {
    let volume = pool.select(request.volume.as_ref())?;
    pool.store().read(|rows| plan(&rows, &volume, request, pool.now()))?;
    let session = pool.begin(Verb::Checkout, &volume)?;
    let (record, target) = pool.store().read(|rows| plan(&rows, &volume, request, pool.now()))?;
    if target.name == record.branch {
        return Ok(done(volume, &record, target, false, Vec::new()));
    }
    let creates = request.create.is_some();
    if !creates && !request.force && is_dirty(pool, &record)? {
        return Err(Error::Dirty { volume, branch: record.branch });
    }
    let source = target.head.as_ref().map(|head| pool.layout().full(&layout::commit_tree(&volume, head)));
    if let Some(source) = source.as_ref().filter(|_| creates) {
        pool.check_space(source)?;
    }

    let summary = format!("checkout: moving from {} to {}", record.branch, target.name);
    let (mut pending, staged) = session.intend(summary, |_, draft| {
        let after = VolumeRecord { branch: target.name.clone(), ..record.clone() };
        draft.change(RowChange::update(Row::Volume(record.clone()), Row::Volume(after)));
        draft.move_head(target.head.clone());
        let mut staged = None;
        if creates {
            draft.change(RowChange::insert(Row::Branch(target.clone())));
            staged = Some(draft.bring_in(layout::working_tree(&volume, &target.name))?);
        }
        draft.point(layout::running_point(&volume), &layout::running_point_target(&target.name))?;
        Ok(staged)
    })?;
    if let (Some(source), Some(staged)) = (source, staged) {
        let options = CopyOptions { cancel: Some(pool.interrupted()), ..CopyOptions::default() };
        tree::copy_tree(&source, &staged, &options)?;
    }
    pending.quiesce(Purpose::Swap)?;
    let outcome = pending.publish()?.finish()?;
    Ok(done(volume, &record, target, creates, outcome.containers))
}

/// The volume as it is and the branch as it will be.
fn plan(
    rows: &Rows<'_>,
    volume: &VolumeName,
    request: &CheckoutRequest,
    now: Instant,
) -> Result<(VolumeRecord, BranchRecord), Error> {
    let record = existing(rows, volume)?;
    let there = rows.branch(volume, &request.branch)?;
    let target = match (&request.create, there) {
        (None, Some(branch)) => branch,
        (None, None) => {
            return Err(Error::NoBranch { volume: volume.clone(), branch: request.branch.to_string() });
        }
        (Some(_), Some(branch)) => {
            return Err(Error::BranchExists { volume: volume.clone(), branch: branch.name });
        }
        (Some(start), None) => {
            super::branch::check_no_tag(rows, volume, &request.branch)?;
            if start.volume.as_ref().is_some_and(|other| other != volume) {
                return Err(Error::OtherVolume { revision: start.to_string(), volume: volume.clone() });
            }
            let head = resolve(rows, &record, start)?.id;
            BranchRecord {
                volume: volume.clone(),
                name: request.branch.clone(),
                head: Some(head),
                created: now,
            }
        }
    };
    Ok((record, target))
}

fn done(
    volume: VolumeName,
    before: &VolumeRecord,
    target: BranchRecord,
    created: bool,
    containers: Vec<String>,
) -> CheckedOut {
    CheckedOut {
        volume,
        from: before.branch.clone(),
        branch: target.name,
        head: target.head,
        created,
        containers,
    }
}
