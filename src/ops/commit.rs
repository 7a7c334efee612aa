//! `commit`: keep the working tree of the current branch.

use serde::Serialize;

use super::restore::millis;
use super::snapshot::Snapshot;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CodeState, CommitId, CommitRecord, Instant, Row, RowChange, Signature, Verb,
    VolumeName,
};
use crate::pool::{Error, Pool, Setting, existing};
use crate::sys::tree::CopyStats;

/// What to commit, and in whose words.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// The volume; none means the current one.
    pub volume: Option<VolumeName>,
    /// What the author says; may not be blank.
    pub message: String,
    /// The author, where the caller names one: it wins over the pool's settings.
    pub author: Option<Signature>,
    /// The author when neither the caller nor the settings name one.
    pub fallback: Signature,
    /// When it was made; none means now.
    pub date: Option<Instant>,
    /// The code that the commit is made beside.
    pub code: Option<CodeState>,
}

/// A new commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Committed {
    /// The volume.
    pub volume: VolumeName,
    /// The branch that it is the head of.
    pub branch: BranchName,
    /// Its id.
    pub id: CommitId,
    /// The commit before it.
    pub parent: Option<CommitId>,
    /// The containers that were stopped or paused for it.
    pub containers: Vec<String>,
    /// What was copied while containers still ran, and how; all of it when none ran.
    pub copied: CopyStats,
    /// What was copied, and what was kept of the first pass, while containers were held.
    pub quiesced: CopyStats,
    /// How long containers were held, without their start, in milliseconds.
    pub downtime_ms: u64,
}

/// Copies the working tree of the current branch into a new commit.
///
/// # Errors
/// When the message is blank, the space does not suffice, a container cannot be held, or the copy
/// fails; nothing is changed then.
pub fn commit(pool: &Pool, request: &CommitRequest) -> Result<Committed, Error> {
    if request.message.trim().is_empty() {
        return Err(Error::NoMessage);
    }
    let volume = pool.select(request.volume.as_ref())?;
    let session = pool.begin(Verb::Commit, &volume)?;
    let id = pool.new_commit_id();
    let summary = format!("commit: {}", request.message.lines().next().unwrap_or_default());
    let (record, branch) = pool.store().read(|rows| {
        let record = existing(&rows, &volume)?;
        let branch = rows.branch(&volume, &record.branch)?;
        let branch =
            branch.ok_or_else(|| Error::Inconsistent(format!("branch {} has no record", record.branch)))?;
        Ok::<_, Error>((record, branch))
    })?;
    let working_tree = pool.layout().full(&layout::working_tree(&volume, &record.branch));
    pool.check_space(&working_tree)?;

    let (pending, staged) = session.intend(summary, |rows, draft| {
        let commit = CommitRecord {
            volume: volume.clone(),
            id: id.clone(),
            parent: branch.head.clone(),
            message: request.message.trim_end().to_owned(),
            author: match &request.author {
                Some(author) => author.clone(),
                None => configured_author(rows, &volume, &request.fallback)?,
            },
            date: request.date.unwrap_or_else(|| pool.now()),
            code: request.code.clone(),
        };
        let head = BranchRecord { head: Some(id.clone()), ..branch.clone() };
        draft.change(RowChange::insert(Row::Commit(commit)));
        draft.change(RowChange::update(Row::Branch(branch.clone()), Row::Branch(head)));
        draft.move_head(Some(id.clone()));
        draft.bring_in(layout::commit_tree(&volume, &id))
    })?;
    let snapshot =
        Snapshot { pool, working_tree: &working_tree, staged: &staged, branch: &branch, commit: &id };
    let (outcome, copied, quiesced) = snapshot.run(pending)?;
    Ok(Committed {
        volume,
        branch: record.branch,
        id,
        parent: branch.head,
        containers: outcome.containers,
        copied,
        quiesced,
        downtime_ms: millis(outcome.downtime),
    })
}

pub(super) fn configured_author(
    rows: &crate::store::Rows<'_>,
    volume: &VolumeName,
    fallback: &Signature,
) -> Result<Signature, Error> {
    let or = |key: &str, fallback: &str| {
        let value = Setting::find(key)?.value(rows, Some(volume))?;
        Ok::<_, Error>(if value.is_empty() { fallback.to_owned() } else { value })
    };
    Ok(Signature { name: or("user.name", &fallback.name)?, email: or("user.email", &fallback.email)? })
}
