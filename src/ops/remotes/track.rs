//! Which branch of a remote a branch follows, and how the two stand to each other.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::error::Error;
use crate::model::{BranchName, CommitId, RefName, RemoteName, UpstreamRecord, VolumeName};
use crate::pool::{Pool, ancestry, existing};
use crate::store::Rows;

/// How a branch stands to the one that it follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpstreamState {
    /// The remote.
    pub remote: RemoteName,
    /// The branch there.
    pub branch: BranchName,
    /// Its commit when dvol last looked; `None` if there was none.
    pub commit: Option<CommitId>,
    /// How many commits the own branch has that the other has not.
    pub ahead: usize,
    /// How many the other has that the own has not.
    pub behind: usize,
}

/// Returns how a branch stands to the one that it follows, if it follows one.
///
/// # Errors
/// When the metadata cannot be read.
pub fn upstream_state(
    rows: &Rows<'_>,
    volume: &VolumeName,
    branch: &BranchName,
) -> Result<Option<UpstreamState>, Error> {
    let volume = &rows.owner(volume)?;
    let Some(UpstreamRecord { remote, follows, .. }) = rows.upstream(volume, branch)? else {
        return Ok(None);
    };
    let tracked = rows.tracked(volume, &remote, &RefName::Head(follows.clone()))?;
    let commit = tracked.map(|tracked| tracked.commit);
    let head = rows.branch(volume, branch)?.and_then(|branch| branch.head);
    let (ahead, behind) = apart(rows, volume, head, commit.clone())?;
    Ok(Some(UpstreamState { remote, branch: follows, commit, ahead, behind }))
}

/// Counts the commits that each of two has and the other has not.
pub(super) fn apart(
    rows: &Rows<'_>,
    volume: &VolumeName,
    one: Option<CommitId>,
    other: Option<CommitId>,
) -> Result<(usize, usize), Error> {
    let chain = |start| -> Result<BTreeSet<CommitId>, Error> {
        Ok(ancestry(rows, volume, start, usize::MAX)?.into_iter().map(|commit| commit.id).collect())
    };
    let (one, other) = (chain(one)?, chain(other)?);
    Ok((one.difference(&other).count(), other.difference(&one).count()))
}

/// Makes a branch follow one of a remote, or none.
///
/// # Errors
/// When the volume, the branch or the remote does not exist.
pub fn set_upstream(
    pool: &Pool,
    volume: &VolumeName,
    branch: &BranchName,
    follows: Option<(RemoteName, BranchName)>,
) -> Result<(), Error> {
    pool.store().write(|writer| {
        let volume = existing(writer, volume)?.owner().clone();
        let volume = &volume;
        if writer.branch(volume, branch)?.is_none() {
            return Err(Error::NoBranch { volume: volume.clone(), branch: branch.to_string() });
        }
        let Some((remote, follows)) = follows else { return Ok(writer.unset_upstream(volume, branch)?) };
        if writer.remote(Some(volume), &remote)?.is_none() {
            return Err(Error::NoRemote(remote));
        }
        Ok(writer.set_upstream(volume, &UpstreamRecord { branch: branch.clone(), remote, follows })?)
    })
}
