//! Brings the data of a commit in, whose record is here already.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::Error;
use crate::layout;
use crate::model::{CommitId, CommitRecord, Reach, Row, RowChange, Verb, VolumeRecord};
use crate::pool::{Pool, Work, ancestry};
use crate::remotes::{Received, Receiving, Repository, Stored};
use crate::store::Rows;

/// The data of a commit that came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataReceived {
    /// The commit.
    pub id: CommitId,
    /// Entries in its tree, the root included.
    pub entries: u64,
    /// Bytes in its files, without holes.
    pub bytes: u64,
    /// How many of these this machine had already.
    pub here: u64,
}

/// Brings the data of a commit in, if it is not here. `record` is of the volume or the worktree
/// that wants it.
pub(super) fn bring_in(
    pool: &Pool,
    repository: &Repository,
    record: &VolumeRecord,
    stored: &Stored,
) -> Result<Option<DataReceived>, Error> {
    pool.on_branch(|reach| bring_in_beside(pool, reach, repository, record, stored))
}

fn bring_in_beside(
    pool: &Pool,
    reach: Reach,
    repository: &Repository,
    record: &VolumeRecord,
    stored: &Stored,
) -> Result<Option<DataReceived>, Error> {
    let (owner, id) = (record.owner(), &stored.note.record.id);
    let session = pool.begin_with(reach, Verb::Fetch, &record.name)?;
    let is_missing = |rows: &Rows<'_>| -> Result<Option<CommitRecord>, Error> {
        Ok(rows.commit(owner, id)?.filter(|commit| commit.forgotten))
    };
    if pool.store().read(|rows| is_missing(&rows))?.is_none() {
        return Ok(None);
    }
    let similar = pool.store().read(|rows| similar(pool, &rows, record, id))?;
    let (group, staged) = session.intend(format!("fetch: {}", id.short()), |rows, draft| {
        let missing = is_missing(rows)?.ok_or_else(|| Error::Damaged(format!("commit {id} is gone")))?;
        let whole = CommitRecord { forgotten: false, ..missing.clone() };
        draft.change(RowChange::update(Row::Commit(missing), Row::Commit(whole)));
        draft.bring_in(layout::commit_tree(owner, id))
    })?;
    let received = receive(pool, repository, stored, &staged, &similar)?;
    group.publish()?.finish();
    Ok(Some(DataReceived {
        id: id.clone(),
        entries: received.entries,
        bytes: received.bytes,
        here: received.here,
    }))
}

/// Writes the tree of a commit into an empty directory, and compares it with its checksum.
pub(super) fn receive(
    pool: &Pool,
    repository: &Repository,
    stored: &Stored,
    into: &Path,
    similar: &[PathBuf],
) -> Result<Received, Error> {
    pool.check_room_for(&stored.note)?;
    let (cancel, progress) = (pool.interrupted(), pool.progress());
    let receiving = Receiving { into, similar, cancel: &cancel, progress: &progress };
    let size = (stored.note.entries, stored.note.bytes);
    let received = pool.watched_transfer(Work::Write, size, || repository.receive(stored, &receiving))?;
    if pool.sum_of_tree(into)? != stored.note.sums {
        return Err(Error::OtherSums(stored.note.record.id.clone()));
    }
    Ok(received)
}

/// Finds the trees that are most likely to have pieces of a commit: that of the nearest ancestor
/// whose data is here, and that of the current head.
fn similar(
    pool: &Pool,
    rows: &Rows<'_>,
    record: &VolumeRecord,
    id: &CommitId,
) -> Result<Vec<PathBuf>, Error> {
    let owner = record.owner();
    let nearest = ancestry(rows, owner, Some(id.clone()), usize::MAX)?;
    let branch = rows.branch(owner, &record.branch)?;
    let head = ancestry(rows, owner, branch.and_then(|branch| branch.head), 1)?;
    let has_data = |commit: &CommitRecord| !commit.forgotten;
    let found = nearest.into_iter().find(has_data).into_iter().chain(head.into_iter().filter(has_data));
    let mut ids: Vec<CommitId> = found.map(|commit| commit.id).collect();
    ids.dedup();
    Ok(ids.iter().map(|id| pool.layout().full(&layout::commit_tree(owner, id))).collect())
}
