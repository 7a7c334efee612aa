//! Which commits are reachable: from the head of a branch, or from a tag.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, BranchRecord, CommitId, CommitRecord, Row, RowChange, TagName, VolumeName};
use crate::pool::{Commits, PlanBuilder, ancestry};
use crate::store::Rows;

/// A branch and a tag to leave out.
#[derive(Default, Clone, Copy)]
pub(super) struct Excluding<'a> {
    pub(super) branch: Option<&'a BranchName>,
    pub(super) tag: Option<&'a TagName>,
}

/// Collects the commits that branches and tags reach, and `also`, which may have been dropped, with
/// its ancestors.
pub(super) fn reachable(
    rows: &Rows<'_>,
    volume: &VolumeName,
    excluding: Excluding<'_>,
    also: Option<&CommitId>,
) -> Result<BTreeSet<CommitId>, Error> {
    let (mut reachable, commits) = (BTreeSet::new(), Commits::new(*rows, volume));
    let branches = rows.branches(volume)?.into_iter().filter(|branch| Some(&branch.name) != excluding.branch);
    let tags = rows.tags(volume)?.into_iter().filter(|tag| Some(&tag.name) != excluding.tag);
    let starts = branches.filter_map(|branch| branch.head).chain(tags.map(|tag| tag.commit));
    for start in starts.chain(also.cloned()) {
        let mut next = Some(start);
        while let Some(id) = next.filter(|id| reachable.insert(id.clone())) {
            next = commits.record(&id)?.and_then(|commit| commit.parent);
        }
    }
    Ok(reachable)
}

/// Lists the commits from `start` on that become unreachable, newest first.
pub(super) fn unreachable_from(
    rows: &Rows<'_>,
    volume: &VolumeName,
    start: Option<CommitId>,
    excluding: Excluding<'_>,
    also: Option<&CommitId>,
) -> Result<Vec<CommitRecord>, Error> {
    let reachable = reachable(rows, volume, excluding, also)?;
    let mut chain = ancestry(rows, volume, start, usize::MAX)?;
    let end = chain.iter().position(|commit| reachable.contains(&commit.id)).unwrap_or(chain.len());
    chain.truncate(end);
    Ok(chain)
}

/// Lists the commits that only `branch` reaches, and will not once its head is `head`, newest
/// first.
pub(super) fn unreachable(
    rows: &Rows<'_>,
    branch: &BranchRecord,
    head: Option<&CommitId>,
) -> Result<Vec<CommitRecord>, Error> {
    let excluding = Excluding { branch: Some(&branch.name), tag: None };
    unreachable_from(rows, &branch.volume, branch.head.clone(), excluding, head)
}

/// Plans to move `commits` to trash.
pub(super) fn drop_commits(draft: &mut PlanBuilder<'_>, commits: &[CommitRecord]) -> Result<(), Error> {
    for commit in commits {
        draft.change(RowChange::delete(Row::Commit(commit.clone())));
        draft.retire(layout::commit_tree(&commit.volume, &commit.id))?;
    }
    Ok(())
}
