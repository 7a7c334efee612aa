//! `branch`: list the branches of a volume, delete one.

use serde::Serialize;

use super::protect::refuse_branch;
use super::reachable::{drop_commits, unreachable};
use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, CommitId, Row, RowChange, TagName, Verb, VolumeName};
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
    /// The first line of its newest commit's message.
    pub subject: Option<String>,
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
        let of = existing(&rows, &volume)?;
        let mut branches = Vec::new();
        for record in rows.branches(&volume)? {
            let head = record.head.as_ref().map(|head| rows.commit(&volume, head)).transpose()?.flatten();
            branches.push(BranchEntry {
                current: record.name == of.branch,
                protected: of.protected || record.protected,
                volume: record.volume,
                branch: record.name,
                subject: head.map(|commit| commit.subject().to_owned()),
                head: record.head,
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
        let record = rows.branch(&volume, branch)?.ok_or_else(|| missing(&volume, branch))?;
        let dropped = unreachable(rows, &record, None)?;
        drop_commits(draft, &dropped)?;
        draft.retire(layout::working_tree(&volume, branch))?;
        let head = record.head.clone();
        draft.change(RowChange::delete(Row::Branch(record)));
        let dropped = dropped.into_iter().map(|commit| commit.id).collect();
        Ok(DeletedBranch { volume: volume.clone(), branch: branch.clone(), head, dropped })
    })?;
    group.publish()?.finish();
    Ok(deleted)
}

fn check(rows: &Rows<'_>, volume: &VolumeName, branch: &BranchName, force: bool) -> Result<(), Error> {
    let current = existing(rows, volume)?.branch;
    let record = rows.branch(volume, branch)?.ok_or_else(|| missing(volume, branch))?;
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

pub(super) fn missing(volume: &VolumeName, branch: &BranchName) -> Error {
    Error::NoBranch { volume: volume.clone(), branch: branch.to_string() }
}

/// Refuses a branch name that is the name of a tag: a revision would be ambiguous.
pub(super) fn check_no_tag(rows: &Rows<'_>, volume: &VolumeName, branch: &BranchName) -> Result<(), Error> {
    match branch.as_str().parse::<TagName>() {
        Ok(tag) if rows.tag(volume, &tag)?.is_some() => {
            Err(Error::NameTaken { volume: volume.clone(), name: branch.to_string(), kind: "tag" })
        }
        _ => Ok(()),
    }
}
