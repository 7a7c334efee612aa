//! From a revision as a person wrote it to a commit.

use super::Error;
use crate::model::{
    Base, BranchName, CommitId, CommitRecord, Operation, Revision, Row, Step, TagName, Verb, VolumeName,
    VolumeRecord,
};
use crate::store::{Rows, StoreError};

/// So many candidates are named when a prefix is ambiguous.
const CANDIDATES: usize = 5;
/// So far back the operation log is read for `HEAD@{N}` and its like.
const PAST: usize = 10_000;

/// The commit that `revision` names in `volume`.
///
/// # Errors
/// When it names none or several, or goes past the root; or the metadata cannot be read.
pub fn resolve(rows: &Rows<'_>, volume: &VolumeRecord, revision: &Revision) -> Result<CommitRecord, Error> {
    if let Some(other) = revision.volume.as_ref().filter(|name| **name != volume.name) {
        let record = rows.volume(other)?.ok_or_else(|| Error::NoVolume(other.clone()))?;
        return resolve_in(rows, &record, revision);
    }
    resolve_in(rows, volume, revision)
}

/// The commits that `revision` names in each of these volumes. An id, or the prefix of one, must be the same
/// commit's in all of them: the one of a commit that was made of all at once.
///
/// # Errors
/// As [`resolve`]; and [`Error::NotJoint`].
pub(crate) fn resolve_in_each(
    rows: &Rows<'_>,
    volumes: &[VolumeRecord],
    revision: &Revision,
) -> Result<Vec<CommitRecord>, Error> {
    let is_name = |text: &str, record: &VolumeRecord| {
        let branch = text.parse().ok().map(|name| rows.branch(&record.name, &name)).transpose()?.flatten();
        let tag = text.parse().ok().map(|name| rows.tag(&record.name, &name)).transpose()?.flatten();
        Ok::<_, StoreError>(branch.is_some() || tag.is_some())
    };
    if let Base::Name(text) = &revision.base
        && volumes.len() > 1
        && Revision::is_prefix(text)
    {
        let mut named = Vec::new();
        for record in volumes {
            if is_name(text, record)? {
                return volumes.iter().map(|record| resolve(rows, record, revision)).collect();
            }
            named.push((record, by_prefix(rows, &record.name, text)?));
        }
        let same = named.iter().all(|(_, commit)| {
            commit.as_ref().map(|commit| &commit.id) == named[0].1.as_ref().map(|commit| &commit.id)
        });
        if !same {
            let what = |commit: &Option<CommitRecord>| {
                commit.as_ref().map_or("none", |commit| commit.id.short()).to_owned()
            };
            let candidates =
                named.iter().map(|(record, commit)| format!("{} in {}", what(commit), record.name)).collect();
            return Err(Error::NotJoint { revision: revision.to_string(), candidates });
        }
    }
    volumes.iter().map(|record| resolve(rows, record, revision)).collect()
}

fn resolve_in(rows: &Rows<'_>, volume: &VolumeRecord, revision: &Revision) -> Result<CommitRecord, Error> {
    let start = base(rows, volume, revision)?;
    let mut commit = start.clone();
    let mut climbed = 0;
    for step in &revision.steps {
        let count = match *step {
            Step::Parent(n) if n > 1 => return Err(Error::NoSuchParent(revision.to_string())),
            Step::Parent(n) | Step::Ancestor(n) => n,
        };
        for _ in 0..count {
            let parent =
                commit.parent.as_ref().map(|id| rows.commit(&volume.name, id)).transpose()?.flatten();
            commit = parent.ok_or_else(|| Error::PastRoot {
                revision: revision.to_string(),
                volume: volume.name.clone(),
                start: start.id.clone(),
                ancestors: climbed,
            })?;
            climbed += 1;
        }
    }
    Ok(commit)
}

fn base(rows: &Rows<'_>, volume: &VolumeRecord, revision: &Revision) -> Result<CommitRecord, Error> {
    let unknown = || Error::UnknownRevision { revision: revision.to_string(), volume: volume.name.clone() };
    let past = || Error::NoSuchPast { revision: revision.to_string(), volume: volume.name.clone() };
    let find = |id: &CommitId| match rows.commit(&volume.name, id)? {
        Some(commit) => Ok(commit),
        None => Err(dropped(rows, &volume.name, revision, id.as_str())?.unwrap_or_else(unknown)),
    };
    match &revision.base {
        Base::Head => head_of(rows, &volume.name, &volume.branch),
        Base::HeadBefore(0) => head_of(rows, &volume.name, &volume.branch),
        Base::HeadBefore(n) => {
            let moves = operations(rows, &volume.name, |o| o.head_before != o.head_after)?;
            let operation = moves.get(*n as usize - 1).ok_or_else(past)?;
            find(operation.head_before.as_ref().ok_or_else(past)?)
        }
        Base::OrigHead => {
            let resets = operations(rows, &volume.name, |o| o.verb == Verb::Reset)?;
            find(resets.first().and_then(|o| o.head_before.as_ref()).ok_or_else(past)?)
        }
        Base::BranchBefore(n) => {
            let branch = branch_before(rows, &volume.name, *n)?.ok_or_else(past)?;
            head_of(rows, &volume.name, &branch)
        }
        Base::Name(name) => {
            if let Ok(branch) = name.parse::<BranchName>()
                && rows.branch(&volume.name, &branch)?.is_some()
            {
                return head_of(rows, &volume.name, &branch);
            }
            if let Ok(tag) = name.parse::<TagName>()
                && let Some(tag) = rows.tag(&volume.name, &tag)?
            {
                return find(&tag.commit);
            }
            match by_prefix(rows, &volume.name, name)? {
                Some(commit) => Ok(commit),
                None if Revision::is_prefix(name) => {
                    Err(dropped(rows, &volume.name, revision, name)?.unwrap_or_else(unknown))
                }
                None => Err(unknown()),
            }
        }
    }
}

/// The head of a volume's current branch.
pub(crate) fn head_record(rows: &Rows<'_>, volume: &VolumeRecord) -> Result<CommitRecord, Error> {
    head_of(rows, &volume.name, &volume.branch)
}

fn head_of(rows: &Rows<'_>, volume: &VolumeName, branch: &BranchName) -> Result<CommitRecord, Error> {
    let none = || Error::NoCommits { volume: volume.clone(), branch: branch.clone() };
    let head = rows.branch(volume, branch)?.and_then(|record| record.head).ok_or_else(none)?;
    rows.commit(volume, &head)?.ok_or_else(|| Error::Inconsistent(format!("commit {head} has no record")))
}

fn by_prefix(rows: &Rows<'_>, volume: &VolumeName, text: &str) -> Result<Option<CommitRecord>, Error> {
    if !Revision::is_prefix(text) {
        return Ok(None);
    }
    let mut found = rows.commits_like(volume, text, CANDIDATES)?;
    match found.len() {
        0 | 1 => Ok(found.pop()),
        _ => Err(Error::AmbiguousRevision {
            prefix: text.to_owned(),
            volume: volume.clone(),
            candidates: found.into_iter().map(|commit| commit.id).collect(),
        }),
    }
}

/// Who dropped the commit whose id begins with `prefix`: the operation log knows for as long as it goes back.
fn dropped(
    rows: &Rows<'_>,
    volume: &VolumeName,
    revision: &Revision,
    prefix: &str,
) -> Result<Option<Error>, StoreError> {
    let log = operations(rows, volume, |_| true)?;
    let last = log.first().map(|operation| operation.number);
    let found = log.into_iter().find_map(|operation| {
        let id = operation.plan.changes.iter().find_map(|change| match (&change.before, &change.after) {
            (Some(Row::Commit(commit)), None) if commit.id.as_str().starts_with(prefix) => {
                Some(commit.id.clone())
            }
            _ => None,
        })?;
        Some(Error::Dropped {
            revision: revision.to_string(),
            volume: volume.clone(),
            id,
            operation: operation.number,
            is_last: last == Some(operation.number),
            summary: operation.summary,
        })
    });
    Ok(found)
}

fn operations(
    rows: &Rows<'_>,
    volume: &VolumeName,
    keep: impl Fn(&Operation) -> bool,
) -> Result<Vec<Operation>, StoreError> {
    let mut found = rows.operations(volume, PAST)?;
    found.retain(keep);
    Ok(found)
}

/// The branch that was current `n` checkouts ago.
pub(crate) fn branch_before(
    rows: &Rows<'_>,
    volume: &VolumeName,
    n: u32,
) -> Result<Option<BranchName>, StoreError> {
    let left = operations(rows, volume, |o| o.verb == Verb::Checkout)?.into_iter().filter_map(|operation| {
        operation.plan.changes.into_iter().find_map(|change| match change.before {
            Some(Row::Volume(before)) => Some(before.branch),
            _ => None,
        })
    });
    Ok(left.into_iter().nth((n as usize).saturating_sub(1)))
}

/// The chain of commits from `head` to the root, newest first, `most` of them.
///
/// # Errors
/// When the metadata cannot be read.
pub fn ancestry(
    rows: &Rows<'_>,
    volume: &VolumeName,
    head: Option<CommitId>,
    most: usize,
) -> Result<Vec<CommitRecord>, StoreError> {
    let mut chain = Vec::new();
    let mut next = head;
    while let Some(id) = next.filter(|_| chain.len() < most) {
        let Some(commit) = rows.commit(volume, &id)? else { break };
        next = commit.parent.clone();
        chain.push(commit);
    }
    Ok(chain)
}
