//! `protect` and `unprotect`: keep resets, forgets, expiry and deletions away from a branch, a tag
//! or a volume, unless `--force` is given.
//!
//! The mark is a field of the record, so it follows a rename, and undo brings it back with the
//! record. Commits go on as before: they add to what is protected.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::Error;
use crate::model::{
    Base, BranchName, BranchRecord, CommitId, Protectable, Revision, Row, RowChange, TagRecord, Verb,
    VolumeName, VolumeRecord,
};
use crate::pool::{Pool, ancestry, existing};
use crate::store::Rows;

/// A protected branch, tag, volume or worktree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProtectedEntry {
    /// The volume or worktree.
    pub volume: VolumeName,
    /// What is protected: "volume", "worktree", "branch" or "tag".
    pub kind: &'static str,
    /// The name of the branch or tag; `None` for a volume or a worktree.
    pub name: Option<String>,
}

/// What became protected, or is no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProtectDone {
    /// What this is about.
    #[serde(flatten)]
    pub entry: ProtectedEntry,
    /// Whether it is protected now.
    pub protected: bool,
    /// Whether that is new.
    pub changed: bool,
}

impl ProtectedEntry {
    fn new(volume: &VolumeName, what: &Protectable) -> Self {
        let name = what.name().map(str::to_owned);
        ProtectedEntry { volume: volume.clone(), kind: what.kind(), name }
    }
}

/// Lists what is protected in one volume, or in all.
///
/// # Errors
/// When the volume does not exist, or the metadata cannot be read.
pub fn protected(pool: &Pool, volume: Option<&VolumeName>) -> Result<Vec<ProtectedEntry>, Error> {
    pool.store().read(|rows| {
        let volumes = match volume {
            Some(volume) => vec![existing(&rows, volume)?],
            None => rows.volumes()?,
        };
        let mut found = Vec::new();
        for record in volumes {
            let name = record.name.clone();
            let protected = protected_in(&rows, &record)?;
            found.extend(protected.iter().map(|what| ProtectedEntry::new(&name, what)));
        }
        Ok(found)
    })
}

/// Protects a branch or tag of a volume, or the volume; or ends that.
///
/// # Errors
/// When it does not exist, or the metadata cannot be written.
pub fn protect(
    pool: &Pool,
    volume: Option<&VolumeName>,
    name: Option<&Revision>,
    protected: bool,
) -> Result<ProtectDone, Error> {
    let volume = match (volume, name.and_then(|name| name.volume.as_ref())) {
        (None, Some(named)) => named.clone(),
        (volume, _) => pool.select(volume)?,
    };
    let look = |rows: &Rows<'_>| find(rows, &volume, name, protected);
    let told = |(what, change): (Protectable, Option<RowChange>)| ProtectDone {
        entry: ProtectedEntry::new(&volume, &what),
        protected,
        changed: change.is_some(),
    };
    let found = pool.store().read(|rows| look(&rows))?;
    if found.1.is_none() {
        return Ok(told(found));
    }
    let session = pool.begin(Verb::Protect, &volume)?;
    let verb = if protected { "protect" } else { "unprotect" };
    let (group, found) = session.intend(format!("{verb}: {}", found.0), |rows, draft| {
        let (what, change) = look(rows)?;
        change.clone().into_iter().for_each(|change| draft.change(change));
        Ok((what, change))
    })?;
    group.publish()?.finish();
    Ok(told(found))
}

/// Finds what is meant, and the change of its record if one is needed.
fn find(
    rows: &Rows<'_>,
    volume: &VolumeName,
    name: Option<&Revision>,
    protected: bool,
) -> Result<(Protectable, Option<RowChange>), Error> {
    let record = existing(rows, volume)?;
    let (what, was, before, after) = match name {
        None => {
            let after = VolumeRecord { protected, ..record.clone() };
            (itself(&record), record.protected, Row::Volume(record), Row::Volume(after))
        }
        Some(name) => match named(rows, volume, name)? {
            Named::Branch(before) => {
                let after = BranchRecord { protected, ..before.clone() };
                let what = Protectable::Branch(before.name.clone());
                (what, before.protected, Row::Branch(before), Row::Branch(after))
            }
            Named::Tag(before) => {
                let after = TagRecord { protected, ..before.clone() };
                let what = Protectable::Tag(before.name.clone());
                (what, before.protected, Row::Tag(before), Row::Tag(after))
            }
        },
    };
    Ok((what, (was != protected).then(|| RowChange::update(before, after))))
}

/// A record that a name stands for.
enum Named {
    Branch(BranchRecord),
    Tag(TagRecord),
}

fn named(rows: &Rows<'_>, volume: &VolumeName, name: &Revision) -> Result<Named, Error> {
    let missing = || Error::NothingToProtect { volume: volume.clone(), name: name.to_string() };
    let Base::Name(word) = &name.base else { return Err(missing()) };
    if !name.steps.is_empty() || name.volume.as_ref().is_some_and(|named| named != volume) {
        return Err(missing());
    }
    let owner = rows.owner(volume)?;
    if let Ok(branch) = word.parse()
        && let Some(branch) = rows.branch(&owner, &branch)?
    {
        return Ok(Named::Branch(branch));
    }
    let tag = word.parse().ok().map(|tag| rows.tag(&owner, &tag)).transpose()?.flatten();
    tag.map(Named::Tag).ok_or_else(missing)
}

/// Lists what is protected in a volume. A worktree has nothing but itself: branches and tags are
/// its volume's.
pub(super) fn protected_in(rows: &Rows<'_>, record: &VolumeRecord) -> Result<Vec<Protectable>, Error> {
    let mut found = Vec::new();
    found.extend(record.protected.then(|| itself(record)));
    if record.is_worktree() {
        return Ok(found);
    }
    let branches = rows.branches(&record.name)?.into_iter().filter(|branch| branch.protected);
    found.extend(branches.map(|branch| Protectable::Branch(branch.name)));
    let tags = rows.tags(&record.name)?.into_iter().filter(|tag| tag.protected);
    found.extend(tags.map(|tag| Protectable::Tag(tag.name)));
    Ok(found)
}

/// Lists what is protected in a volume and in its worktrees.
pub(super) fn protected_with_worktrees(
    rows: &Rows<'_>,
    owner: &VolumeName,
) -> Result<Vec<Protectable>, Error> {
    let mut found = protected_in(rows, &existing(rows, owner)?)?;
    let places = rows.worktrees(owner)?.into_iter();
    let places = places.filter(|place| place.is_worktree() && place.protected);
    found.extend(places.map(|place| Protectable::Worktree(place.name)));
    Ok(found)
}

/// Returns the volume or worktree of a record as what can be protected.
fn itself(record: &VolumeRecord) -> Protectable {
    match record.is_worktree() {
        true => Protectable::Worktree(record.name.clone()),
        false => Protectable::Volume,
    }
}

/// Refuses `action` on a branch if it, its volume or the worktree that shows it is protected.
pub(super) fn refuse_branch(rows: &Rows<'_>, branch: &BranchRecord, action: &str) -> Result<(), Error> {
    let places = rows.worktrees(&branch.volume)?.into_iter();
    let mut places = places.filter(|place| place.is_worktree() && place.branch == branch.name);
    if let Some(place) = places.find(|place| place.protected) {
        let (action, what) = (action.to_owned(), itself(&place));
        return Err(Error::Protected { volume: place.name, action, what });
    }
    let what = || Protectable::Branch(branch.name.clone());
    refuse(rows, &branch.volume, (branch.protected, what), action)
}

/// Refuses `action` on a tag if it or its volume is protected.
pub(super) fn refuse_tag(rows: &Rows<'_>, tag: &TagRecord, action: &str) -> Result<(), Error> {
    refuse(rows, &tag.volume, (tag.protected, || Protectable::Tag(tag.name.clone())), action)
}

fn refuse(
    rows: &Rows<'_>,
    volume: &VolumeName,
    (protected, what): (bool, impl FnOnce() -> Protectable),
    action: &str,
) -> Result<(), Error> {
    let what = match existing(rows, volume)?.protected {
        true => Protectable::Volume,
        false if protected => what(),
        false => return Ok(()),
    };
    Err(Error::Protected { volume: volume.clone(), action: action.to_owned(), what })
}

/// Refuses to delete a volume if it, or anything in it, is protected.
pub(super) fn refuse_volume(rows: &Rows<'_>, record: &VolumeRecord) -> Result<(), Error> {
    match protected_in(rows, record)?.into_iter().next() {
        Some(what) => {
            let (verb, kind) =
                if record.is_worktree() { ("remove", "worktree") } else { ("delete", "volume") };
            let action = format!("{verb} {kind} {}", record.name);
            Err(Error::Protected { volume: record.name.clone(), action, what })
        }
        None => Ok(()),
    }
}

/// Lists the commits of a volume that must keep their data, each with what protects it: those that
/// lead to the head of a protected branch or worktree, those with a protected tag, and all of a
/// protected volume.
pub(super) fn protected_commits(
    rows: &Rows<'_>,
    owner: &VolumeName,
) -> Result<BTreeMap<CommitId, Protectable>, Error> {
    let leading_to = |branch: &BranchName| -> Result<Vec<CommitId>, Error> {
        let head = rows.branch(owner, branch)?.and_then(|branch| branch.head);
        let chain = ancestry(rows, owner, head, usize::MAX)?;
        Ok(chain.into_iter().map(|commit| commit.id).collect())
    };
    let mut found = BTreeMap::new();
    for what in protected_with_worktrees(rows, owner)? {
        let commits = match &what {
            Protectable::Volume => rows.commit_ids(owner)?,
            Protectable::Worktree(worktree) => leading_to(&existing(rows, worktree)?.branch)?,
            Protectable::Branch(branch) => leading_to(branch)?,
            Protectable::Tag(tag) => rows.tag(owner, tag)?.into_iter().map(|tag| tag.commit).collect(),
        };
        for commit in commits {
            found.entry(commit).or_insert_with(|| what.clone());
        }
    }
    Ok(found)
}
