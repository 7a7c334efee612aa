//! `reset --hard`: make the working tree equal to a commit, and that commit the head.

use std::path::PathBuf;

use serde::Serialize;

use super::reachable::{drop_commits, unreachable};
use super::restore::{self, Restore, millis};
use crate::error::Error;
use crate::model::{
    BranchName, BranchRecord, CommitId, ProjectName, Revision, Row, RowChange, Verb, VolumeName,
};
use crate::pool::{Found, Pool, bring_back, current_branch, existing, refuse_other};
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
    /// The containers that were restarted for it, and for all that was reset with it.
    pub containers: Vec<String>,
    /// What was copied while containers still ran, and how.
    pub copied: CopyStats,
    /// What was copied, and what was found unchanged and stayed, while containers were held.
    pub quiesced: CopyStats,
    /// How long containers were held, without their start, in milliseconds.
    pub downtime_ms: u64,
}

/// Makes the working tree of the current branch equal to a commit's, moves the head there, and
/// drops the newer commits that no other branch and no tag holds.
///
/// # Errors
/// When `hard` is not set, the revision names no commit of this volume, the space does not suffice,
/// a container cannot be held, or the copy fails; nothing is changed then.
pub fn reset(pool: &Pool, request: &ResetRequest) -> Result<ResetDone, Error> {
    let volume = pool.select(request.volume.as_ref())?;
    Ok(reset_all(pool, &[volume], None, request)?.swap_remove(0))
}

/// The same for all volumes of a compose project. The revision is looked up in each of them; the id of a commit
/// that was made of the whole project names that commit of each.
///
/// # Errors
/// As [`reset`], also when an id names a commit in some of the volumes only, or other commits; and when no volume
/// belongs to the project.
pub fn reset_project(
    pool: &Pool,
    project: &ProjectName,
    request: &ResetRequest,
) -> Result<Vec<ResetDone>, Error> {
    reset_all(pool, &pool.volumes_of_project(project)?, Some(project), request)
}

/// A volume's branch and the commit that it goes to.
struct Target {
    branch: BranchRecord,
    found: Found,
}

fn reset_all(
    pool: &Pool,
    volumes: &[VolumeName],
    project: Option<&ProjectName>,
    request: &ResetRequest,
) -> Result<Vec<ResetDone>, Error> {
    if !request.hard {
        return Err(Error::HardRequired(volumes.to_vec()));
    }
    // A revision that names nothing is refused before anything is locked.
    pool.store().read(|rows| targets(pool, &rows, volumes, &request.revision))?;
    let begun = pool.sync_and_bound()?;
    let sessions = pool.begin_all(Verb::Reset, volumes, project)?;
    let targets = pool.store().read(|rows| targets(pool, &rows, volumes, &request.revision))?;
    let sources: Vec<PathBuf> = targets.iter().map(|to| pool.layout().full(&to.found.tree)).collect();
    pool.check_space(sources.iter().map(PathBuf::as_path))?;
    let known =
        |Target { branch, found }: &Target| pool.tree_index(&branch.volume, &branch.name, &found.commit.id);
    let indexes = targets.iter().map(known).collect::<Result<Vec<_>, _>>()?;

    let (mut all, mut planned) = (Vec::new(), Vec::new());
    for ((session, Target { branch, found }), index) in sessions.into_iter().zip(&targets).zip(&indexes) {
        let id = &found.commit.id;
        let summary = format!("reset: moving to {}", request.revision);
        let (pending, plan) = session.intend(summary, |rows, draft| {
            let fills = bring_back(rows, draft, found)?;
            let head = BranchRecord { head: Some(id.clone()), ..branch.clone() };
            draft.change(RowChange::update(Row::Branch(branch.clone()), Row::Branch(head)));
            let dropped = unreachable(rows, branch, Some(id))?;
            drop_commits(draft, &dropped)?;
            draft.move_head(Some(id.clone()));
            let staged = restore::plan(draft, branch, index.as_ref())?;
            Ok((staged, dropped, fills))
        })?;
        all.push(pending);
        planned.push(plan);
    }
    planned.iter().try_for_each(|(.., fills)| pool.fill(fills))?;
    let each = targets.iter().zip(&sources).zip(&planned).zip(&indexes);
    let restores: Vec<Restore<'_>> = each
        .map(|(((to, source), (staged, ..)), index)| Restore {
            pool,
            source,
            staged: staged.as_deref(),
            branch: &to.branch,
            commit: &to.found.commit.id,
            index: index.as_ref(),
        })
        .collect();
    let (outcome, copied) = restore::run(&restores, all.into(), begun)?;
    let each = targets.into_iter().zip(planned).zip(copied);
    let done = each.map(|((Target { branch, found }, (_, dropped, _)), copied)| ResetDone {
        volume: branch.volume,
        branch: branch.name,
        from: branch.head,
        to: found.commit.id,
        message: found.commit.message,
        dropped: dropped.into_iter().map(|commit| commit.id).collect(),
        containers: outcome.containers.clone(),
        copied: copied.early,
        quiesced: copied.quiesced,
        downtime_ms: millis(outcome.downtime),
    });
    Ok(done.collect())
}

fn targets(
    pool: &Pool,
    rows: &Rows<'_>,
    volumes: &[VolumeName],
    revision: &Revision,
) -> Result<Vec<Target>, Error> {
    let records = volumes.iter().map(|volume| existing(rows, volume)).collect::<Result<Vec<_>, _>>()?;
    volumes.iter().try_for_each(|volume| refuse_other(revision, volume))?;
    let commits = pool.resolve_in_each(rows, &records, revision)?;
    let both = records.iter().zip(commits);
    both.map(|(record, found)| Ok(Target { branch: current_branch(rows, record)?, found })).collect()
}
