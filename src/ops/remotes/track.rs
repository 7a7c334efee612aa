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

/// A branch of a remote, as it was when dvol last looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteBranch {
    /// The volume.
    pub volume: VolumeName,
    /// The remote.
    pub remote: RemoteName,
    /// The branch.
    pub branch: BranchName,
    /// Its newest commit.
    pub head: CommitId,
    /// The first line of that commit's message.
    pub subject: Option<String>,
}

/// Lists the branches of remotes, as they were when dvol last looked.
///
/// # Errors
/// When the volume does not exist, or the metadata cannot be read.
pub fn remote_branches(pool: &Pool, volume: Option<&VolumeName>) -> Result<Vec<RemoteBranch>, Error> {
    let volume = pool.select(volume)?;
    pool.store().read(|rows| {
        let owner = rows.owner(&volume)?;
        let mut branches = Vec::new();
        for one in rows.tracking(&owner, None)? {
            let RefName::Head(branch) = one.reference else { continue };
            for head in std::iter::once(one.commit).chain(one.others) {
                let commit = rows.commit(&owner, &head)?;
                branches.push(RemoteBranch {
                    volume: owner.clone(),
                    remote: one.remote.clone(),
                    branch: branch.clone(),
                    subject: commit.map(|commit| commit.subject().to_owned()),
                    head,
                });
            }
        }
        Ok(branches)
    })
}

/// Which branch of a remote a branch follows from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpstreamSet {
    /// The volume.
    pub volume: VolumeName,
    /// The branch.
    pub branch: BranchName,
    /// The remote; `None` if the branch follows none.
    pub remote: Option<RemoteName>,
    /// The branch there.
    pub follows: Option<BranchName>,
}

/// Makes a branch follow one of a remote, or none.
///
/// # Errors
/// When the volume, the branch or the remote does not exist, or the remote had no such branch when
/// dvol last looked.
pub fn set_upstream(
    pool: &Pool,
    volume: Option<&VolumeName>,
    branch: Option<&BranchName>,
    follows: Option<(RemoteName, BranchName)>,
) -> Result<UpstreamSet, Error> {
    let volume = pool.select(volume)?;
    pool.store().write(|writer| {
        let record = existing(writer, &volume)?;
        let (volume, branch) = (record.owner(), branch.unwrap_or(&record.branch));
        if writer.branch(volume, branch)?.is_none() {
            return Err(Error::NoBranch { volume: volume.clone(), branch: branch.to_string() });
        }
        let (remote, follows) = follows.unzip();
        if let (Some(remote), Some(follows)) = (remote.clone(), follows.clone()) {
            let there = writer.remote(Some(volume), &remote)?.ok_or(Error::NoRemote(remote.clone()))?;
            let reference = RefName::Head(follows.clone());
            if writer.tracked(volume, &remote, &reference)?.is_none() {
                let (url, reference) = (Box::new(there.url), reference.to_string());
                return Err(Error::NoRemoteRef { url, volume: volume.clone(), reference });
            }
            writer.set_upstream(volume, &UpstreamRecord { branch: branch.clone(), remote, follows })?;
        } else {
            writer.unset_upstream(volume, branch)?;
        }
        Ok(UpstreamSet { volume: volume.clone(), branch: branch.clone(), remote, follows })
    })
}
