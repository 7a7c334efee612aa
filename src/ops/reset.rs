//! `reset --hard`: make the working tree equal to a commit, and that commit the head.

use serde::Serialize;

use super::held::{drop_commits, unheld};
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CommitId, CommitRecord, Revision, Row, RowChange, Verb, VolumeName,
};
use crate::pool::{Error, Pool, Purpose, existing, resolve};
use crate::store::Rows;
use crate::sys::tree::CopyStats;

/// Where to reset to.
#[derive(Debug, Clone)]
pub struct ResetRequest {
    /// The volume; none means the current one.
    pub volume: Option<VolumeName>,
    /// The commit.
    pub revision: Revision,
    /// Whether the working tree may be replaced; a reset without that is refused.
    pub hard: bool,
}

/// A reset that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResetDone {
    /// The volume.
    pub volume: VolumeName,
    /// The branch.
    pub branch: BranchName,
    /// The head before.
    pub from: Option<CommitId>,
    /// The head now.
    pub to: CommitId,
    /// What the author said of it.
    pub message: String,
    /// The commits that nothing holds any more, newest first; they are in trash.
    pub dropped: Vec<CommitId>,
    /// The containers that were restarted.
    pub containers: Vec<String>,
    /// What was copied, and how.
    pub copied: CopyStats,
}

/// Makes the working tree of the current branch equal to a commit's, moves the head there, and
/// drops the newer commits that no other branch and no tag holds.
///
/// # Errors
/// When `hard` is not set, the revision names no commit of this volume, the space does not suffice,
/// a container cannot be held, or the copy fails; nothing is changed then.
pub fn reset(pool: &Pool, request: &ResetRequest) -> Result<ResetDone, Error> {
    let volume = pool.select(request.volume.as_ref())?;
    if !request.hard {
        return Err(Error::HardRequired(volume));
    }
    // A revision that names nothing is refused before anything is locked.
    pool.store().read(|rows| target(&rows, &volume, &request.revision))?;
    let session = pool.begin(Verb::Reset, &volume)?;
    let (commit, _) = pool.store().read(|rows| target(&rows, &volume, &request.revision))?;
    let source = pool.layout().full(&layout::commit_tree(&volume, &commit.id));
    pool.check_space(&source)?;

    let summary = format!("reset: moving to {}", request.revision);
    let (mut pending, (staged, branch, dropped)) = session.intend(summary, |rows, draft| {
        let (commit, branch) = target(rows, &volume, &request.revision)?;
        let head = BranchRecord { head: Some(commit.id.clone()), ..branch.clone() };
        draft.change(RowChange::update(Row::Branch(branch.clone()), Row::Branch(head)));
        let dropped = unheld(rows, &branch, Some(&commit.id))?;
        drop_commits(draft, &dropped)?;
        draft.move_head(Some(commit.id));
        let staged = draft.replace(layout::working_tree(&volume, &branch.name))?;
        Ok((staged, branch, dropped))
    })?;
    let copied = pool.copy_tree(&source, &staged)?;
    pending.quiesce(Purpose::Swap)?;
    let outcome = pending.publish()?.finish()?;
    Ok(ResetDone {
        volume,
        branch: branch.name,
        from: branch.head,
        to: commit.id,
        message: commit.message,
        dropped: dropped.into_iter().map(|commit| commit.id).collect(),
        containers: outcome.containers,
        copied,
    })
}

fn target(
    rows: &Rows<'_>,
    volume: &VolumeName,
    revision: &Revision,
) -> Result<(CommitRecord, BranchRecord), Error> {
    let record = existing(rows, volume)?;
    if revision.volume.as_ref().is_some_and(|other| other != volume) {
        return Err(Error::OtherVolume { revision: revision.to_string(), volume: volume.clone() });
    }
    let commit = resolve(rows, &record, revision)?;
    let branch = rows.branch(volume, &record.branch)?;
    let branch =
        branch.ok_or_else(|| Error::Inconsistent(format!("branch {} has no record", record.branch)))?;
    Ok((commit, branch))
}
