//! `branch NAME` and `branch -m`: make a branch without switching to it, and rename one.

use serde::Serialize;

use super::branch::{check_no_tag, missing};
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CommitId, Revision, Row, RowChange, Verb, VolumeName, VolumeRecord,
};
use crate::pool::{Fill, Found, Pool, bring_back, existing, refuse_other};
use crate::store::Rows;

/// A new branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreatedBranch {
    /// The volume.
    pub volume: VolumeName,
    /// The branch.
    pub branch: BranchName,
    /// Its head.
    pub head: CommitId,
}

/// A renamed branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RenamedBranch {
    /// The volume.
    pub volume: VolumeName,
    /// Its old name.
    pub from: BranchName,
    /// Its new name.
    pub branch: BranchName,
}

/// Makes a branch from the commit `start`. The current branch stays.
///
/// # Errors
/// When the name is taken, `start` names no commit of this volume, or the copy fails.
pub fn create_branch(
    pool: &Pool,
    volume: Option<&VolumeName>,
    name: &BranchName,
    start: &Revision,
) -> Result<CreatedBranch, Error> {
    let volume = pool.select(volume)?;
    pool.store().read(|rows| new_branch(pool, &rows, &volume, name, start))?;
    let session = pool.begin(Verb::CreateBranch, &volume)?;
    let (group, (head, fills)) = session.intend(format!("branch: creating {name}"), |rows, draft| {
        let (branch, found) = new_branch(pool, rows, &volume, name, start)?;
        let mut fills = bring_back(rows, draft, &found)?;
        draft.change(RowChange::insert(Row::Branch(branch)));
        let staged = draft.bring_in(layout::working_tree(&rows.owner(&volume)?, name))?;
        fills.push(Fill { source: pool.layout().full(&found.tree), staged });
        Ok((found.commit.id, fills))
    })?;
    pool.fill(&fills)?;
    group.publish()?.finish();
    Ok(CreatedBranch { volume, branch: name.clone(), head })
}

pub(super) fn new_branch(
    pool: &Pool,
    rows: &Rows<'_>,
    volume: &VolumeName,
    name: &BranchName,
    start: &Revision,
) -> Result<(BranchRecord, Found), Error> {
    let record = existing(rows, volume)?;
    check_free(rows, volume, name)?;
    refuse_other(rows, start, volume)?;
    let found = pool.resolve(rows, &record, start)?;
    let (volume, head, created) = (record.owner().clone(), Some(found.commit.id.clone()), pool.now());
    Ok((BranchRecord { volume, name: name.clone(), head, created, protected: false }, found))
}

/// Renames a branch. Its working tree keeps its inode: containers go on undisturbed, and find the
/// tree under the new name when they start again.
///
/// # Errors
/// When the branch does not exist, the new name is taken, or the pool cannot be written.
pub fn rename_branch(
    pool: &Pool,
    volume: Option<&VolumeName>,
    from: Option<&BranchName>,
    to: &BranchName,
) -> Result<RenamedBranch, Error> {
    let volume = pool.select(volume)?;
    let check = |rows: &Rows<'_>| -> Result<(VolumeRecord, BranchRecord), Error> {
        let record = existing(rows, &volume)?;
        let from = from.unwrap_or(&record.branch);
        let branch = rows.branch(record.owner(), from)?.ok_or_else(|| missing(&volume, from))?;
        check_free(rows, &volume, to)?;
        Ok((record, branch))
    };
    pool.store().read(|rows| check(&rows))?;
    let session = pool.begin(Verb::RenameBranch, &volume)?;
    let (group, from) = session.intend(format!("branch: renaming to {to}"), |rows, draft| {
        let (record, branch) = check(rows)?;
        let (from, owner) = (branch.name.clone(), record.owner());
        draft.relocate(layout::working_tree(owner, &from), layout::working_tree(owner, to))?;
        draft.change(RowChange::delete(Row::Branch(branch.clone())));
        draft.change(RowChange::insert(Row::Branch(BranchRecord { name: to.clone(), ..branch })));
        // Also if another worktree has it checked out.
        for place in rows.worktrees(owner)?.into_iter().filter(|place| place.branch == from) {
            let after = VolumeRecord { branch: to.clone(), ..place.clone() };
            draft.point(layout::running_point(&place.name), &layout::running_point_target_of(&after))?;
            draft.change(RowChange::update(Row::Volume(place), Row::Volume(after)));
        }
        Ok(from)
    })?;
    // No mount may learn the old path while it goes away.
    let group = group.shut_gates()?;
    group.publish()?.finish();
    Ok(RenamedBranch { volume, from, branch: to.clone() })
}

fn check_free(rows: &Rows<'_>, volume: &VolumeName, name: &BranchName) -> Result<(), Error> {
    if rows.branch(&rows.owner(volume)?, name)?.is_some() {
        return Err(Error::BranchExists { volume: volume.clone(), branch: name.clone() });
    }
    check_no_tag(rows, volume, name)
}
