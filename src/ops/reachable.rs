//! Which commits are reachable: from the head of a branch, from a tag, or from a branch or tag of a
//! remote.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CommitId, CommitRecord, Row, RowChange, TagName, Verb, VolumeName,
};
use crate::pool::{Commits, PlanBuilder, Pool, ancestry};
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
    // What a remote has, and what is on its way there, stays as well.
    let tracked =
        rows.tracking(volume, None)?.into_iter().flat_map(|at| at.others.into_iter().chain([at.commit]));
    let sending = rows.links(volume)?.into_iter().flat_map(|link| link.sending);
    for start in starts.chain(tracked).chain(sending).chain(also.cloned()) {
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

/// Drops the commits of a volume that nothing reaches any more, now that less is known of remotes.
pub(super) fn drop_unreachable(pool: &Pool, volume: &VolumeName, summary: &str) -> Result<(), Error> {
    let gone = |rows: &Rows<'_>| -> Result<Vec<CommitRecord>, Error> {
        let reachable = reachable(rows, volume, Excluding::default(), None)?;
        let mut commits = rows.commits(volume)?;
        commits.retain(|commit| !reachable.contains(&commit.id));
        commits.sort_by(CommitRecord::newest_first);
        Ok(commits)
    };
    if pool.store().read(|rows| gone(&rows))?.is_empty() {
        return Ok(());
    }
    let session = pool.begin(Verb::Fetch, volume)?;
    let (group, ()) = session.intend(summary.to_owned(), |rows, draft| drop_commits(draft, &gone(rows)?))?;
    group.publish()?.finish();
    Ok(())
}
