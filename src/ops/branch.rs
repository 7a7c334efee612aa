//! `branch`: list the branches of a volume, delete one.

use serde::Serialize;

use super::protect::refuse_branch;
use super::reachable::{drop_commits, unreachable};
use super::remotes::{UpstreamState, upstream_state};
use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, CommitId, Row, RowChange, TagName, Verb, VolumeName, VolumeRecord};
use crate::pool::{Pool, existing};
use crate::store::Rows;

/// One branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BranchEntry {
    /// The volume.
    pub volume: VolumeName,
    /// Its name.
    pub branch: BranchName,
    /// Its newest commit; `None` if it has none.
    pub head: Option<CommitId>,
    /// Whether it is the current branch.
    pub current: bool,
    /// Whether it is protected, by itself or with its volume.
    pub protected: bool,
    /// The worktree, or the volume itself, that has the branch checked out, if that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<VolumeName>,
    /// The first line of its newest commit's message.
    pub subject: Option<String>,
    /// The branch of a remote that it follows, and how the two stand to each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamState>,
}

/// The branches of a volume, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchList {
    /// The volume.
    pub volume: VolumeName,
    /// Its branches.
    pub branches: Vec<BranchEntry>,
}

/// A branch that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeletedBranch {
    /// The volume.
    pub volume: VolumeName,
    /// The branch.
    pub branch: BranchName,
    /// Its head.
    pub head: Option<CommitId>,
    /// The commits that became unreachable, newest first; they are in trash.
    pub dropped: Vec<CommitId>,
}

/// Lists the branches of a volume.
///
/// # Errors
/// When the volume does not exist, or the metadata cannot be read.
pub fn branches(pool: &Pool, volume: Option<&VolumeName>) -> Result<BranchList, Error> {
    let volume = pool.select(volume)?;
    pool.store().read(|rows| {
        let own = existing(&rows, &volume)?;
        let owner = existing(&rows, own.owner())?;
        let places = rows.worktrees(own.owner())?;
        let mut branches = Vec::new();
        for record in rows.branches(own.owner())? {
            let head = record.head.as_ref().map(|head| rows.commit(own.owner(), head));
            let head = head.transpose()?.flatten();
            let place = places.iter().find(|place| place.branch == record.name && place.name != volume);
            branches.push(BranchEntry {
                current: record.name == own.branch,
                protected: owner.protected || record.protected,
                place: place.map(|place| place.name.clone()),
                subject: head.map(|commit| commit.subject().to_owned()),
                upstream: upstream_state(&rows, own.owner(), &record.name)?,
                head: record.head,
                volume: record.volume,
                branch: record.name,
            });
        }
        Ok(BranchList { volume: volume.clone(), branches })
    })
}

/// Deletes a branch and its working tree, with `force` also one that alone holds commits. They move
/// to trash.
///
/// # Errors
/// When the branch does not exist or is the current one, or commits would be dropped without
/// `force`.
pub fn delete_branch(
    pool: &Pool,
    volume: Option<&VolumeName>,
    branch: &BranchName,
    force: bool,
) -> Result<DeletedBranch, Error> {
    let volume = pool.select(volume)?;
    pool.store().read(|rows| check(&rows, &volume, branch, force))?;
    let session = pool.begin(Verb::DeleteBranch, &volume)?;
    let (group, deleted) = session.intend(format!("branch: deleting {branch}"), |rows, draft| {
        check(rows, &volume, branch, force)?;
        let owner = rows.owner(&volume)?;
        let record = rows.branch(&owner, branch)?.ok_or_else(|| missing(&volume, branch))?;
        let dropped = unreachable(rows, &record, None)?;
        drop_commits(draft, &dropped)?;
        draft.retire(layout::working_tree(&owner, branch))?;
        let head = record.head.clone();
        draft.change(RowChange::delete(Row::Branch(record)));
        let dropped = dropped.into_iter().map(|commit| commit.id).collect();
        Ok(DeletedBranch { volume: volume.clone(), branch: branch.clone(), head, dropped })
    })?;
    group.publish()?.finish();
    Ok(deleted)
}

fn check(rows: &Rows<'_>, volume: &VolumeName, branch: &BranchName, force: bool) -> Result<(), Error> {
    let own = existing(rows, volume)?;
    let record = rows.branch(own.owner(), branch)?.ok_or_else(|| missing(volume, branch))?;
    refuse_checked_out(rows, &own, branch)?;
    let current = own.branch;
    let (volume, branch) = (volume.clone(), branch.clone());
    if current == branch {
        return Err(Error::CurrentBranch { volume, branch });
    }
    if !force {
        refuse_branch(rows, &record, &format!("delete branch {branch} of volume {volume}"))?;
    }
    match unreachable(rows, &record, None)?.len() {
        commits if commits > 0 && !force => Err(Error::Unmerged { volume, branch, commits }),
        _ => Ok(()),
    }
}

/// Refuses a branch that another place than `own` has checked out.
pub(super) fn refuse_checked_out(
    rows: &Rows<'_>,
    own: &VolumeRecord,
    branch: &BranchName,
) -> Result<(), Error> {
    let places = rows.worktrees(own.owner())?;
    match places.into_iter().find(|place| place.branch == *branch && place.name != own.name) {
        Some(place) => {
            let (volume, branch) = (own.owner().clone(), branch.clone());
            Err(Error::CheckedOut { volume, branch, place: place.name })
        }
        None => Ok(()),
    }
}

pub(super) fn missing(volume: &VolumeName, branch: &BranchName) -> Error {
    Error::NoBranch { volume: volume.clone(), branch: branch.to_string() }
}

/// Refuses a branch name that is the name of a tag: a revision would be ambiguous.
pub(super) fn check_no_tag(rows: &Rows<'_>, volume: &VolumeName, branch: &BranchName) -> Result<(), Error> {
    match branch.as_str().parse::<TagName>() {
        Ok(tag) if rows.tag(&rows.owner(volume)?, &tag)?.is_some() => {
            Err(Error::NameTaken { volume: volume.clone(), name: branch.to_string(), kind: "tag" })
        }
        _ => Ok(()),
    }
}
