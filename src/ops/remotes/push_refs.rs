//! What a push is to do: which refs it moves, to which commits, and away from what.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::error::Error;
use crate::model::{BranchName, CommitId, RefName, RemoteName, Revision, TagName, VolumeName, VolumeRecord};
use crate::ops::stash::STASHES;
use crate::pool::{Pool, ancestry};
use crate::remotes::{Rejection, Rule, TagNote, Wish};
use crate::store::Rows;

/// How far a push may give up what the remote has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Force {
    /// Not at all.
    #[default]
    No,
    /// If each ref still leads where it led when dvol last looked.
    Lease,
    /// If this ref leads to this commit; the others not at all.
    LeaseOf(String, Revision),
    /// In any case.
    Yes,
}

/// Which tags a push sends beside what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tags {
    /// None.
    #[default]
    Named,
    /// Those with a message, on commits that are pushed, that the remote does not have.
    Follow,
    /// All.
    All,
}

/// One `SRC:DST` of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushSpec {
    /// The branch, tag or commit; `None` to delete the other.
    pub source: Option<String>,
    /// The branch or tag of the remote; `None` for the name of the source.
    pub destination: Option<String>,
}

/// What became of one ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefOutcome {
    /// The ref is new.
    Created,
    /// The ref was moved forward.
    Forward,
    /// The ref was moved, and what it led to was given up.
    Forced,
    /// The ref was deleted.
    Deleted,
    /// The ref led there already.
    UpToDate,
    /// The ref was not moved.
    Rejected(Rejection),
}

/// One ref of a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PushedRef {
    /// The ref of the remote.
    #[serde(rename = "ref")]
    pub reference: RefName,
    /// What was pushed, as it was named; `None` if the ref was to be deleted.
    pub source: Option<String>,
    /// Where it led before.
    pub from: Vec<CommitId>,
    /// Where it was to lead.
    pub to: Option<CommitId>,
    /// What became of it.
    pub outcome: RefOutcome,
    /// Commits of others that it leads to as well, as pushes crossed.
    pub crossed: Vec<CommitId>,
}

/// A ref to move, with the name of what it is moved to.
pub(super) struct Planned {
    pub(super) source: Option<String>,
    pub(super) wish: Wish,
    /// Whether it is a tag that nothing names.
    pub(super) follows: bool,
}

/// Says what a push is about.
pub(super) struct Plan<'p> {
    pub(super) pool: &'p Pool,
    /// The volume or the worktree that is pushed from.
    pub(super) record: &'p VolumeRecord,
    pub(super) theirs: &'p VolumeName,
    pub(super) remote: &'p RemoteName,
    pub(super) force: &'p Force,
}

impl Plan<'_> {
    fn owner(&self) -> &VolumeName {
        self.record.owner()
    }

    /// Makes the list of refs to move: tags first.
    pub(super) fn refs(
        &self,
        rows: &Rows<'_>,
        specs: &[PushSpec],
        tags: Tags,
    ) -> Result<Vec<Planned>, Error> {
        let mut planned = Vec::new();
        if specs.is_empty() && tags != Tags::All {
            planned.push(self.current(rows)?);
        }
        for spec in specs {
            planned.push(self.one(rows, spec)?);
        }
        if tags != Tags::Named {
            let pushed: BTreeSet<CommitId> =
                planned.iter().flat_map(|one| one.wish.chain.iter().cloned()).collect();
            for tag in
                rows.tags(self.owner())?.into_iter().filter(|tag| !tag.name.as_str().starts_with(STASHES))
            {
                let follows = tags == Tags::Follow;
                if follows && (tag.message.is_empty() || !pushed.contains(&tag.commit)) {
                    continue;
                }
                let (name, reference) = (tag.name.to_string(), RefName::Tag(tag.name));
                let one = self.planned(rows, Some(name), reference, Some(tag.commit))?;
                planned.push(Planned { follows, ..one });
            }
        }
        planned.sort_by_key(|one| matches!(one.wish.reference, RefName::Head(_)));
        Ok(planned)
    }

    /// Plans to push the current branch to the one that it follows, else to one of its name.
    fn current(&self, rows: &Rows<'_>) -> Result<Planned, Error> {
        let branch = &self.record.branch;
        let upstream = rows.upstream(self.owner(), branch)?.filter(|one| one.remote == *self.remote);
        let follows = upstream.map_or_else(|| branch.clone(), |one| one.follows);
        let head = self.head(rows, branch)?;
        self.planned(rows, Some(branch.to_string()), RefName::Head(follows), Some(head))
    }

    fn head(&self, rows: &Rows<'_>, branch: &BranchName) -> Result<CommitId, Error> {
        let none = || Error::NoCommits { volume: self.owner().clone(), branch: branch.clone() };
        rows.branch(self.owner(), branch)?.and_then(|branch| branch.head).ok_or_else(none)
    }

    fn one(&self, rows: &Rows<'_>, spec: &PushSpec) -> Result<Planned, Error> {
        let Some(source) = &spec.source else {
            let name = spec.destination.clone().unwrap_or_default();
            let reference = self.destination(rows, &name)?;
            return self.planned(rows, None, reference, None);
        };
        let branch = source.parse::<BranchName>().ok();
        let branch = branch.filter(|branch| matches!(rows.branch(self.owner(), branch), Ok(Some(_))));
        let tag =
            source.parse::<TagName>().ok().map(|tag| rows.tag(self.owner(), &tag)).transpose()?.flatten();
        let (own, commit) = match (branch, tag) {
            (Some(branch), _) => (Some(RefName::Head(branch.clone())), self.head(rows, &branch)?),
            (None, Some(tag)) => (Some(RefName::Tag(tag.name)), tag.commit),
            (None, None) => {
                let revision: Revision = source.parse()?;
                let own = (source == "HEAD").then(|| RefName::Head(self.record.branch.clone()));
                (own, self.pool.resolve_record(rows, self.record, &revision)?.id)
            }
        };
        let reference = match (&spec.destination, own) {
            (Some(name), Some(RefName::Tag(_))) if !name.contains('/') => RefName::Tag(name.parse()?),
            (Some(name), _) => self.destination(rows, name)?,
            (None, Some(own)) => own,
            (None, None) => RefName::Head(source.parse()?),
        };
        self.planned(rows, Some(source.clone()), reference, Some(commit))
    }

    /// Reads the name of a ref of the remote: `heads/B`, `tags/T`, or a name, which is a tag's if
    /// only a tag has it.
    fn destination(&self, rows: &Rows<'_>, name: &str) -> Result<RefName, Error> {
        if let Ok(reference) = name.parse::<RefName>() {
            return Ok(reference);
        }
        let is_tracked = |reference: &RefName| {
            Ok::<_, Error>(rows.tracked(self.owner(), self.remote, reference)?.is_some())
        };
        let branch: BranchName = name.parse()?;
        let (branch, tag) = (RefName::Head(branch), name.parse().ok().map(RefName::Tag));
        match tag {
            Some(tag) if !is_tracked(&branch)? && is_tracked(&tag)? => Ok(tag),
            _ => Ok(branch),
        }
    }

    fn planned(
        &self,
        rows: &Rows<'_>,
        source: Option<String>,
        reference: RefName,
        to: Option<CommitId>,
    ) -> Result<Planned, Error> {
        let tag = match (&reference, &to) {
            (RefName::Tag(name), Some(to)) => {
                let tag = rows.tag(self.owner(), name)?.filter(|tag| tag.commit == *to);
                tag.map(|tag| TagNote { message: tag.message, tagger: tag.tagger, created: tag.created })
            }
            _ => None,
        };
        let chain: BTreeSet<CommitId> = ancestry(rows, self.owner(), to.clone(), usize::MAX)?
            .into_iter()
            .map(|commit| commit.id)
            .collect();
        let rule = match &self.force {
            Force::No => Rule::FastForward,
            Force::Yes => Rule::Any,
            Force::Lease => {
                let tracked = rows.tracked(self.owner(), self.remote, &reference)?;
                Rule::Exactly(tracked.map(|tracked| tracked.commit))
            }
            Force::LeaseOf(name, expected) if reference.short() == name || reference.to_string() == *name => {
                Rule::Exactly(Some(self.pool.resolve_record(rows, self.record, expected)?.id))
            }
            Force::LeaseOf(..) => Rule::FastForward,
        };
        let wish = Wish { volume: self.theirs.clone(), reference, to, rule, tag, chain };
        Ok(Planned { source, wish, follows: false })
    }
}
