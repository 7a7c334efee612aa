//! Resolving a revision, as a person types it, to a commit.

use std::path::PathBuf;

use super::commits::{Commits, Found, MAX_PAST_OPERATIONS, kept};
use crate::error::Error;
use crate::layout::Layout;
use crate::model::{
    Base, BranchName, CommitId, CommitRecord, Operation, Revision, Row, Step, TagName, Verb, VolumeName,
    VolumeRecord,
};
use crate::pool::{Pool, tracked_called};
use crate::store::{Rows, StoreError};

/// How many commits are named if a prefix is ambiguous.
const MAX_CANDIDATES: usize = 5;

impl Pool {
    /// Resolves `revision` in `volume` to a commit, which may be a dropped one that trash still
    /// holds.
    ///
    /// # Errors
    /// When the revision names none or several, or goes past the root; and when the metadata cannot
    /// be read.
    pub fn resolve(
        &self,
        rows: &Rows<'_>,
        volume: &VolumeRecord,
        revision: &Revision,
    ) -> Result<Found, Error> {
        // HEAD of a worktree is not that of its volume.
        let other = revision.volume.as_ref().filter(|name| **name != volume.name);
        let other =
            other.map(|name| rows.volume(name)?.ok_or_else(|| Error::NoVolume(name.clone()))).transpose()?;
        Lookup { layout: &self.layout, rows, volume: other.as_ref().unwrap_or(volume), revision }.resolve()
    }

    /// Resolves `revision` as [`Pool::resolve`] does, to the record of a commit whose tree may be
    /// gone.
    ///
    /// # Errors
    /// As [`Pool::resolve`].
    pub fn resolve_record(
        &self,
        rows: &Rows<'_>,
        volume: &VolumeRecord,
        revision: &Revision,
    ) -> Result<CommitRecord, Error> {
        match self.resolve(rows, volume, revision) {
            Ok(found) => Ok(found.commit),
            Err(gone) => match &gone {
                Error::Forgotten { volume, id, .. } | Error::Elsewhere { volume, id, .. } => {
                    rows.commit(volume, id)?.ok_or(gone)
                }
                _ => Err(gone),
            },
        }
    }

    /// Returns the record of a commit of `volume`, dropped or not.
    ///
    /// # Errors
    /// When the metadata cannot be read.
    pub fn commit_record(&self, volume: &VolumeName, id: &CommitId) -> Result<Option<CommitRecord>, Error> {
        Ok(self.store.read(|rows| Commits::new(rows, &rows.owner(volume)?).record(id))?)
    }

    /// Returns the full path of a commit's tree.
    ///
    /// # Errors
    /// When there is no such commit, or its tree is not in trash any more.
    pub(crate) fn commit_tree(&self, volume: &VolumeName, id: &CommitId) -> Result<PathBuf, Error> {
        let found =
            self.store.read(|rows| Commits::new(rows, &rows.owner(volume)?).find(&self.layout, id, id))?;
        let unknown = || Error::UnknownRevision { revision: id.to_string(), volume: volume.clone() };
        Ok(self.layout.full(&found.ok_or_else(unknown)?.tree))
    }

    /// Returns the full path of a commit's tree; `None` if its data is gone or elsewhere, or if
    /// another process has deleted the commit since the caller read of it.
    ///
    /// # Errors
    /// When the metadata cannot be read.
    pub(crate) fn commit_tree_if_here(
        &self,
        volume: &VolumeName,
        id: &CommitId,
    ) -> Result<Option<PathBuf>, Error> {
        match self.commit_tree(volume, id) {
            Err(
                Error::Forgotten { .. }
                | Error::Elsewhere { .. }
                | Error::Dropped { .. }
                | Error::UnknownRevision { .. },
            ) => Ok(None),
            tree => tree.map(Some),
        }
    }

    /// Refuses a revision that means different commits in these volumes. An id, or a prefix of one,
    /// must name the same commit in all of them: one that was made of all at once.
    ///
    /// # Errors
    /// [`Error::NotJoint`]; and as [`Pool::resolve`].
    pub(crate) fn check_joint(
        &self,
        rows: &Rows<'_>,
        volumes: &[VolumeRecord],
        revision: &Revision,
    ) -> Result<(), Error> {
        let Base::Name(text) = &revision.base else { return Ok(()) };
        if volumes.len() < 2 || !Revision::is_prefix(text) {
            return Ok(());
        }
        let mut named = Vec::new();
        for volume in volumes {
            let lookup = Lookup { layout: &self.layout, rows, volume, revision };
            if lookup.by_name(text)?.is_some() {
                return Ok(());
            }
            named.push((volume, lookup.by_prefix(text)?.map(|found| found.commit.id)));
        }
        if named.iter().any(|(_, id)| *id != named[0].1) {
            let what = |id: &Option<CommitId>| id.as_ref().map_or("none", CommitId::short).to_owned();
            let candidates =
                named.iter().map(|(volume, id)| format!("{} in {}", what(id), volume.name)).collect();
            return Err(Error::NotJoint { revision: revision.to_string(), candidates });
        }
        Ok(())
    }
}

/// Refuses a revision that names a commit of another volume. A volume and its worktrees have the
/// same commits.
pub(crate) fn refuse_other(rows: &Rows<'_>, revision: &Revision, volume: &VolumeName) -> Result<(), Error> {
    match &revision.volume {
        Some(other) if other != volume && rows.owner(other)? != rows.owner(volume)? => {
            Err(Error::OtherVolume { revision: revision.to_string(), volume: volume.clone() })
        }
        _ => Ok(()),
    }
}

/// A revision to be looked up in one volume.
struct Lookup<'l> {
    layout: &'l Layout,
    rows: &'l Rows<'l>,
    volume: &'l VolumeRecord,
    revision: &'l Revision,
}

impl Lookup<'_> {
    fn commits(&self) -> Commits<'_> {
        Commits::new(*self.rows, self.volume.owner())
    }

    fn unknown(&self) -> Error {
        Error::UnknownRevision { revision: self.revision.to_string(), volume: self.volume.name.clone() }
    }

    /// Resolves the whole revision.
    fn resolve(&self) -> Result<Found, Error> {
        let start = self.base()?;
        if self.revision.generations() == 0 {
            return Ok(start);
        }
        let commits = self.commits();
        let (mut commit, mut climbed) = (start.commit.clone(), 0);
        for step in &self.revision.steps {
            let count = match *step {
                Step::Parent(n) if n > 1 => return Err(Error::NoSuchParent(self.revision.to_string())),
                Step::Parent(n) | Step::Ancestor(n) => n,
            };
            for _ in 0..count {
                let parent = commit.parent.as_ref().map(|id| commits.record(id)).transpose()?.flatten();
                commit = parent.ok_or_else(|| Error::PastRoot {
                    revision: self.revision.to_string(),
                    volume: self.volume.name.clone(),
                    start: start.commit.id.clone(),
                    ancestors: climbed,
                })?;
                climbed += 1;
            }
        }
        self.find(&commit.id)
    }

    /// Resolves the revision without its steps.
    fn base(&self) -> Result<Found, Error> {
        let Lookup { rows, volume, .. } = *self;
        let past = || Error::NoSuchPast { revision: self.revision.to_string(), volume: volume.name.clone() };
        match &self.revision.base {
            Base::Head | Base::HeadBefore(0) => Ok(kept(head_record(rows, volume)?)),
            Base::HeadBefore(n) => {
                let moves = operations(rows, &volume.name, |o| o.head_before != o.head_after)?;
                let head = match moves.get(*n as usize) {
                    Some(operation) => &operation.head_after,
                    None => &moves.get(*n as usize - 1).ok_or_else(past)?.head_before,
                };
                self.find(head.as_ref().ok_or_else(past)?)
            }
            Base::OrigHead => {
                let resets = operations(rows, &volume.name, |o| o.verb == Verb::Reset)?;
                self.find(resets.first().and_then(|o| o.head_before.as_ref()).ok_or_else(past)?)
            }
            Base::BranchBefore(n) => {
                let branch = branch_before(rows, &volume.name, *n)?.ok_or_else(past)?;
                Ok(kept(head_of(rows, volume.owner(), &branch)?))
            }
            Base::Upstream => {
                let none =
                    || Error::NoUpstream { volume: volume.name.clone(), branch: volume.branch.clone() };
                let upstream = rows.upstream(volume.owner(), &volume.branch)?.ok_or_else(none)?;
                let name = format!("{}/{}", upstream.remote, upstream.follows);
                let tracked = tracked_called(rows, volume.owner(), &name)?.ok_or_else(|| self.unknown())?;
                self.find(&tracked.commit)
            }
            Base::Name(name) => match self.by_name(name)? {
                Some(found) => Ok(found),
                None => self.by_prefix(name)?.ok_or_else(|| self.unknown()),
            },
        }
    }

    fn find(&self, id: &CommitId) -> Result<Found, Error> {
        self.commits().find(self.layout, id, self.revision)?.ok_or_else(|| self.unknown())
    }

    /// Finds the commit of a branch or a tag.
    fn by_name(&self, name: &str) -> Result<Option<Found>, Error> {
        let Lookup { rows, volume, .. } = *self;
        if let Ok(branch) = name.parse::<BranchName>()
            && rows.branch(volume.owner(), &branch)?.is_some()
        {
            return Ok(Some(kept(head_of(rows, volume.owner(), &branch)?)));
        }
        let owner = volume.owner();
        let tag = name.parse::<TagName>().ok().map(|tag| rows.tag(owner, &tag)).transpose()?.flatten();
        if let Some(tag) = tag {
            return self.find(&tag.commit).map(Some);
        }
        let tracked = tracked_called(rows, owner, name)?;
        tracked.map(|tracked| self.find(&tracked.commit)).transpose()
    }

    /// Finds the commit whose id begins with `text`. Dropped commits count only if no other
    /// matches.
    fn by_prefix(&self, text: &str) -> Result<Option<Found>, Error> {
        if !Revision::is_prefix(text) {
            return Ok(None);
        }
        let volume = self.volume.owner();
        let found = self.rows.commits_like(volume, text, MAX_CANDIDATES)?;
        let mut ids: Vec<CommitId> = found.into_iter().map(|commit| commit.id).collect();
        if ids.is_empty() {
            ids = self.commits().dropped_like(text, MAX_CANDIDATES)?;
        }
        match ids.as_slice() {
            [] => Ok(None),
            [id] => Ok(Some(self.find(id)?)),
            _ => Err(Error::AmbiguousRevision {
                prefix: text.to_owned(),
                volume: volume.clone(),
                candidates: ids,
            }),
        }
    }
}

/// Returns the head of a volume's current branch.
pub(crate) fn head_record(rows: &Rows<'_>, volume: &VolumeRecord) -> Result<CommitRecord, Error> {
    head_of(rows, volume.owner(), &volume.branch)
}

/// Returns the head of a branch.
fn head_of(rows: &Rows<'_>, volume: &VolumeName, branch: &BranchName) -> Result<CommitRecord, Error> {
    let none = || Error::NoCommits { volume: volume.clone(), branch: branch.clone() };
    let head = rows.branch(volume, branch)?.and_then(|record| record.head).ok_or_else(none)?;
    rows.commit(volume, &head)?.ok_or_else(|| Error::Damaged(format!("commit {head} has no record")))
}

/// Lists the done operations on a volume that `keep` selects, newest first.
fn operations(
    rows: &Rows<'_>,
    volume: &VolumeName,
    keep: impl Fn(&Operation) -> bool,
) -> Result<Vec<Operation>, StoreError> {
    let mut found = rows.operations(volume, MAX_PAST_OPERATIONS)?;
    found.retain(keep);
    Ok(found)
}

/// Returns the branch that was current `n` checkouts ago.
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

/// Lists at most `most` commits from `head` towards the root, newest first.
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
