//! `commit --amend`: change the message, author or date of the newest commit. Its tree stays as it
//! is.

use serde::Serialize;

use super::reachable::{Excluding, reachable};
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CommitId, CommitRecord, Instant, Reach, Row, RowChange, Signature, Verb,
    VolumeName,
};
use crate::pool::{Pool, current_branch, existing, head_record};

/// A request to amend the newest commit.
#[derive(Debug, Clone)]
pub struct AmendRequest {
    /// The volume; `None` means the current one.
    pub volume: Option<VolumeName>,
    /// The new message; must not be blank.
    pub message: String,
    /// The new author; `None` keeps the old one.
    pub author: Option<Signature>,
    /// The new date; `None` keeps the old one.
    pub date: Option<Instant>,
}

/// A commit that replaced another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Amended {
    /// The volume.
    pub volume: VolumeName,
    /// The branch whose head it is.
    pub branch: BranchName,
    /// Its id.
    pub id: CommitId,
    /// The commit that it replaced.
    pub was: CommitId,
}

/// Replaces HEAD by a commit with the same tree and parent, and a new message, author or date. The
/// old commit stays if a tag or another branch holds it.
///
/// # Errors
/// When the message is blank, there is no commit, or the pool cannot be written.
pub fn amend(pool: &Pool, request: &AmendRequest) -> Result<Amended, Error> {
    if request.message.trim().is_empty() {
        return Err(Error::NoMessage);
    }
    let volume = pool.select(request.volume.as_ref())?;
    pool.store().read(|rows| head_record(&rows, &existing(&rows, &volume)?))?;
    pool.on_branch(|reach| amend_now(pool, reach, &volume, request))
}

fn amend_now(
    pool: &Pool,
    reach: Reach,
    volume: &VolumeName,
    request: &AmendRequest,
) -> Result<Amended, Error> {
    let session = pool.begin_with(reach, Verb::Amend, volume)?;
    let id = pool.new_commit_id();
    let old = pool.store().read(|rows| head_record(&rows, &existing(&rows, volume)?))?;
    let old_tree = layout::commit_tree(&old.volume, &old.id);
    let summary = format!("commit (amend): {}", request.message.lines().next().unwrap_or_default());
    let (group, (branch, staged)) = session.intend(summary, |rows, draft| {
        let record = existing(rows, volume)?;
        let old = head_record(rows, &record)?;
        let branch = current_branch(rows, &record)?;
        let amended = CommitRecord {
            id: id.clone(),
            message: request.message.trim_end().to_owned(),
            author: request.author.clone().unwrap_or_else(|| old.author.clone()),
            date: request.date.unwrap_or(old.date),
            ..old.clone()
        };
        let excluding = Excluding { branch: Some(&branch.name), tag: None };
        let tree = layout::commit_tree(&old.volume, &id);
        let staged = if reachable(rows, &old.volume, excluding, None)?.contains(&old.id) {
            Some(draft.bring_in(tree)?)
        } else {
            // Nothing else holds the old commit: its tree becomes the new one's.
            draft.change(RowChange::delete(Row::Commit(old.clone())));
            draft.relocate(old_tree.clone(), tree)?;
            None
        };
        draft.change(RowChange::insert(Row::Commit(amended)));
        let head = BranchRecord { head: Some(id.clone()), ..branch.clone() };
        draft.change(RowChange::update(Row::Branch(branch.clone()), Row::Branch(head)));
        draft.move_head(Some(id.clone()));
        Ok((branch.name, staged))
    })?;
    if let Some(staged) = staged {
        let source = pool.layout().full(&old_tree);
        pool.check_space([&*source])?;
        pool.copy_tree(&source, &staged)?;
    }
    group.publish()?.finish();
    Ok(Amended { volume: volume.clone(), branch, id, was: old.id })
}
