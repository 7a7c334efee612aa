//! `worktree add`: make a worktree, and its branch if need be.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::branch::{missing, refuse_checked_out};
use super::super::branch_change::new_branch;
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CodePlace, CommitId, Instant, Revision, Row, RowChange, Verb, VolumeName,
    VolumeRecord,
};
use crate::pool::{Fill, Found, Look, Pool, bring_back, existing};
use crate::store::Rows;
use crate::sys::tree::{Bounds, FileTime};

/// A request to make a worktree.
#[derive(Debug, Clone)]
pub struct WorktreeRequest {
    /// Its name, under which containers mount it.
    pub name: VolumeName,
    /// The volume, or another worktree of it; `None` means the current one.
    pub volume: Option<VolumeName>,
    /// The branch that it shows.
    pub branch: WorktreeBranch,
    /// How many microseconds it lives; `None` for ever.
    pub lifetime: Option<i64>,
    /// The options that the engine gave the driver.
    pub options: BTreeMap<String, String>,
    /// The worktree of git that it is for.
    pub code: Option<CodePlace>,
}

/// The branch that a new worktree shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorktreeBranch {
    /// One that exists.
    Existing(BranchName),
    /// One that is made from a commit.
    New(BranchName, Revision),
    /// One that is made from a commit unless it exists.
    Either(BranchName, Revision),
}

impl WorktreeBranch {
    fn name(&self) -> &BranchName {
        match self {
            WorktreeBranch::Existing(name)
            | WorktreeBranch::New(name, _)
            | WorktreeBranch::Either(name, _) => name,
        }
    }
}

/// A worktree that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddedWorktree {
    /// Its name.
    pub worktree: VolumeName,
    /// The volume that it belongs to.
    pub volume: VolumeName,
    /// The branch that it shows.
    pub branch: BranchName,
    /// The head of that branch.
    pub head: Option<CommitId>,
    /// Whether the branch was made.
    pub created: bool,
    /// When it expires, by RFC 3339.
    pub expires: Option<String>,
}

/// What a new worktree shows.
struct Plan {
    record: VolumeRecord,
    branch: BranchRecord,
    /// The commit that the branch is made from.
    start: Option<Found>,
}

/// Makes a worktree of a volume. The current volume and all branches stay as they are, but the new
/// one.
///
/// # Errors
/// When the name is taken, here or in the engine by another driver; the branch does not exist or,
/// to be made, exists already; it is checked out elsewhere; or the copy fails. Nothing is left
/// then.
pub fn add_worktree(pool: &Pool, request: &WorktreeRequest) -> Result<AddedWorktree, Error> {
    let chosen = pool.select(request.volume.as_ref())?;
    pool.store().read(|rows| plan(pool, &rows, &chosen, request))?;
    let mut sessions = pool.begin_whole(Verb::AddWorktree, [&request.name, &chosen])?;
    let session = sessions.take(&request.name);
    let summary = format!("worktree: {} on {}", request.name, request.branch.name());
    let begun = Bounds::now();
    let (group, (added, fills, start)) = session.intend(summary, |rows, draft| {
        let Plan { record, branch, start } = plan(pool, rows, &chosen, request)?;
        let mut fills = Vec::new();
        if let Some(found) = &start {
            fills = bring_back(rows, draft, found)?;
            draft.change(RowChange::insert(Row::Branch(branch.clone())));
            let staged = draft.bring_in(layout::working_tree(record.owner(), &branch.name))?;
            fills.push(Fill { source: pool.layout().full(&found.tree), staged });
        }
        draft.bring_in_worktree(&record)?;
        draft.move_head(branch.head.clone());
        let added = AddedWorktree {
            worktree: record.name.clone(),
            volume: record.owner().clone(),
            branch: branch.name,
            head: branch.head,
            created: start.is_some(),
            expires: record.expires.map(Instant::to_rfc3339),
        };
        draft.change(RowChange::insert(Row::Volume(record)));
        Ok((added, fills, start.map(|found| found.commit.id)))
    })?;
    pool.fill(&fills)?;
    let made = Bounds { changed: FileTime::a_tick_after(FileTime::fine()), ..begun };
    let published = group.with((added, start)).publish_known(|(added, start)| {
        let (AddedWorktree { volume, branch, .. }, commit) = (added, start.as_ref()?);
        Some(Look { volume, branch, commit, parent: None, bounds: made, exchanged: None })
    })?;
    let (added, _) = published.finish().volumes.swap_remove(0);
    Ok(added)
}

/// Looks up what the worktree will be, and refuses what cannot be.
fn plan(pool: &Pool, rows: &Rows<'_>, chosen: &VolumeName, request: &WorktreeRequest) -> Result<Plan, Error> {
    let volume = existing(rows, chosen)?;
    if rows.volume(&request.name)?.is_some() {
        return Err(Error::VolumeExists(request.name.clone()));
    }
    let there = rows.branch(volume.owner(), request.branch.name())?;
    let (branch, start) = match (&request.branch, there) {
        (WorktreeBranch::Existing(_) | WorktreeBranch::Either(..), Some(there)) => (there, None),
        (WorktreeBranch::Existing(name), None) => return Err(missing(volume.owner(), name)),
        (WorktreeBranch::New(name, start) | WorktreeBranch::Either(name, start), _) => {
            let (branch, found) = new_branch(pool, rows, chosen, name, start)?;
            (branch, Some(found))
        }
    };
    let now = pool.now();
    let record = VolumeRecord {
        options: request.options.clone(),
        code: request.code.clone(),
        worktree_of: Some(volume.owner().clone()),
        expires: request.lifetime.map(|micros| Instant { micros: now.micros.saturating_add(micros), ..now }),
        ..VolumeRecord::new(request.name.clone(), now, branch.name.clone())
    };
    refuse_checked_out(rows, &record, &branch.name)?;
    Ok(Plan { record, branch, start })
}
