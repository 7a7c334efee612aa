//! `pull`: fetch, then move the current branch forward to what the branch that it follows has.

use serde::Serialize;

use super::data::{DataReceived, bring_in};
use super::fetch::{link, no_ref, read, record};
use super::remote::Access;
use super::track::apart;
use crate::error::Error;
use crate::model::{BranchName, CommitId, RefName, RemoteName, VolumeName};
use crate::ops::reset::{ResetDone, forward};
use crate::ops::status::has_changes;
use crate::pool::{Pool, ancestry, existing};

/// A request to move a branch forward.
#[derive(Debug, Clone)]
pub struct PullRequest {
    /// The volume; `None` means the current one.
    pub volume: Option<VolumeName>,
    /// The branch of the remote; `None` means the one that the current branch follows.
    pub branch: Option<BranchName>,
    /// Whether to take a commit of a machine of another architecture.
    pub force: bool,
    /// Whether only to look whether the pull would be refused.
    pub check: bool,
}

/// A finished pull.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pulled {
    /// The volume.
    pub volume: VolumeName,
    /// The branch.
    pub branch: BranchName,
    /// The remote.
    pub remote: RemoteName,
    /// The branch of the remote.
    pub follows: BranchName,
    /// The head before.
    pub from: Option<CommitId>,
    /// The head now.
    pub to: CommitId,
    /// How many records of commits came in.
    pub commits: usize,
    /// The data that came in.
    pub data: Option<DataReceived>,
    /// Bytes that came over the wire.
    pub received: u64,
    /// What the move did; `None` if the branch was up to date.
    pub moved: Option<ResetDone>,
}

/// Fetches, and moves the current branch forward. Containers restart, as with a reset.
///
/// # Errors
/// When the branch follows none, has commits of its own, or its working tree has changes; when the
/// remote cannot be read; and as a reset.
pub fn pull(pool: &Pool, access: &Access, request: &PullRequest) -> Result<Pulled, Error> {
    let volume = pool.select(request.volume.as_ref())?;
    let volume_record = pool.store().read(|rows| existing(&rows, &volume))?;
    let owner = volume_record.owner();
    let (branch, remote) = (volume_record.branch.clone(), access.remote.name.clone());
    let upstream = pool.store().read(|rows| rows.upstream(owner, &branch))?;
    let follows =
        request.branch.clone().or(upstream.filter(|one| one.remote == remote).map(|one| one.follows));
    let none = || Error::NoUpstream { volume: volume.clone(), branch: branch.clone() };
    let follows = follows.ok_or_else(none)?;
    let (repository, records) = read(pool, access)?;
    let theirs = link(pool, owner, &remote)?.volume;
    let fetched = record(pool, access, owner, &theirs, &records, false)?;
    let reference = RefName::Head(follows.clone());
    let tracked = pool.store().read(|rows| rows.tracked(owner, &remote, &reference))?;
    let tracked = tracked.ok_or_else(|| no_ref(access, &theirs, reference.to_string()))?;
    if !tracked.others.is_empty() {
        let heads = tracked.others.len() + 1;
        return Err(Error::CrossedRef { volume, remote, reference, heads });
    }
    let to = tracked.commit;
    let (from, is_there, is_forward) = pool.store().read(|rows| {
        let head = rows.branch(owner, &branch)?.and_then(|branch| branch.head);
        let has = |start: Option<CommitId>, id: &CommitId| {
            Ok::<_, Error>(ancestry(&rows, owner, start, usize::MAX)?.iter().any(|commit| commit.id == *id))
        };
        let is_there = has(head.clone(), &to)?;
        let is_forward = match &head {
            Some(head) => has(Some(to.clone()), head)?,
            None => true,
        };
        Ok::<_, Error>((head, is_there, is_forward))
    })?;
    let mut pulled = Pulled {
        volume: volume.clone(),
        branch: branch.clone(),
        remote: remote.clone(),
        follows: follows.clone(),
        to: from.clone().filter(|_| is_there).unwrap_or_else(|| to.clone()),
        from: from.clone(),
        commits: fetched.commits,
        data: None,
        received: 0,
        moved: None,
    };
    if !is_there {
        let upstream = format!("{remote}/{follows}");
        if !is_forward {
            let (ahead, behind) = pool.store().read(|rows| apart(&rows, owner, from, Some(to)))?;
            return Err(Error::Diverged { volume, branch, upstream, ahead, behind });
        }
        if has_changes(pool, &volume_record)? {
            return Err(Error::DirtyPull { volume, branch });
        }
        let _lock = repository.lock_to_read(&access.holder, &pool.waiting())?;
        let stored = records.commit(&theirs, &to).filter(|stored| !stored.note.without_data);
        let stored = stored.ok_or_else(|| no_ref(access, &theirs, to.to_string()))?;
        pool.refuse_other_architecture(&stored.note.record, request.force)?;
        if request.check {
            return Ok(pulled);
        }
        pool.tell_if_made_elsewhere(&volume, &stored.note.record);
        pulled.data = bring_in(pool, &repository, &volume_record, stored)?;
        pulled.moved = Some(forward(pool, &volume, &to, &upstream)?);
    }
    pulled.received = repository.traffic().received;
    Ok(pulled)
}
