//! `stash`: put the changes of a working tree aside, and bring them back.
//!
//! A stash is a commit beside the branch whose parent is the head, and a tag with a reserved name
//! that holds it. So nothing drops or forgets it, and `du`, `fsck` and `export` know it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::capture::Capture;
use super::commit::configured_author;
use super::excused::note_starts;
use super::log::rfc3339;
use super::reachable::{Excluding, drop_commits, unreachable_from};
use super::restore::{self, Restore};
use super::restore_paths::exchange_paths;
use super::shown;
use super::status::has_changes;
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchRecord, CommitId, CommitRecord, Instant, MadeOn, Reach, Revision, Row, RowChange, Signature,
    TagName, TagRecord, Verb, VolumeName,
};
use crate::pool::{Disruption, Group, PlanBuilder, Pool, Purpose, current_branch, existing, head_record};
use crate::store::Rows;
use crate::sys::tree::{self, ChangeKind, Compare, PathSet};

/// What the tags that hold stashes begin with; a number with six digits follows.
pub(super) const STASHES: &str = "dvol-stash/";

/// How many conflicting paths are named.
const MAX_NAMED: usize = 10;

/// A stash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StashEntry {
    /// The volume.
    pub volume: VolumeName,
    /// Its number in `stash@{N}`: 0 is the newest.
    pub number: usize,
    /// The commit that holds it.
    pub commit: CommitId,
    /// The head from which it was made.
    pub base: Option<CommitId>,
    /// Its message.
    pub message: String,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    pub date: Instant,
}

/// A stash that was made, brought back or dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stashed {
    /// What was done: `push`, `pop`, `apply` or `drop`.
    pub action: &'static str,
    /// The stash, with its number before.
    #[serde(flatten)]
    pub stash: StashEntry,
    /// What became of the containers.
    #[serde(flatten)]
    pub disruption: Disruption,
}

/// A stash as the metadata has it.
#[derive(Clone)]
struct Kept {
    entry: StashEntry,
    tag: TagRecord,
}

/// Lists the stashes of a volume, the newest first.
///
/// # Errors
/// When the volume does not exist, or the metadata cannot be read.
pub fn stashes(pool: &Pool, volume: Option<&VolumeName>) -> Result<Vec<StashEntry>, Error> {
    let volume = pool.select(volume)?;
    let kept = pool.store().read(|rows| {
        existing(&rows, &volume)?;
        all(&rows, &volume)
    })?;
    Ok(kept.into_iter().map(|kept| kept.entry).collect())
}

/// Returns one stash.
///
/// # Errors
/// [`Error::NoStash`] when there is none of that number; and as [`stashes`].
pub fn stash(pool: &Pool, volume: Option<&VolumeName>, number: usize) -> Result<StashEntry, Error> {
    let volume = pool.select(volume)?;
    pool.store().read(|rows| {
        existing(&rows, &volume)?;
        Ok(one(&rows, &volume, number)?.entry)
    })
}

fn all(rows: &Rows<'_>, volume: &VolumeName) -> Result<Vec<Kept>, Error> {
    let owner = rows.owner(volume)?;
    let mut tags = rows.tags(&owner)?;
    tags.retain(|tag| tag.name.as_str().starts_with(STASHES));
    tags.sort_by(|one, other| other.name.cmp(&one.name));
    let entry = |(number, tag): (usize, TagRecord)| {
        let base = rows.commit(&owner, &tag.commit)?.and_then(|commit| commit.parent);
        let (commit, message, date) = (tag.commit.clone(), tag.message.clone(), tag.created);
        let entry = StashEntry { volume: volume.clone(), number, commit, base, message, date };
        Ok(Kept { entry, tag })
    };
    tags.into_iter().enumerate().map(entry).collect()
}

fn one(rows: &Rows<'_>, volume: &VolumeName, number: usize) -> Result<Kept, Error> {
    let found = all(rows, volume)?.into_iter().nth(number);
    found.ok_or_else(|| Error::NoStash { volume: volume.clone(), number })
}

/// The copy of the working tree, beside the reset to the head.
struct Stashing(Capture<()>);

impl restore::Beside for Stashing {
    fn copy_first(&mut self, pool: &Pool) -> Result<(), Error> {
        self.0.copy_first(pool)
    }

    fn copy_rest(&mut self, pool: &Pool) -> Result<(), Error> {
        self.0.copy_rest(pool)
    }
}

/// Puts the changes of the working tree aside and makes it equal to the head. Returns `None` if
/// there are no changes.
///
/// # Errors
/// When the branch has no commit, the space does not suffice, a container cannot be held, or the
/// copy fails. Nothing is changed then.
pub fn stash_push(
    pool: &Pool,
    volume: Option<&VolumeName>,
    message: Option<&str>,
    author: &Signature,
) -> Result<Option<Stashed>, Error> {
    let volume = pool.select(volume)?;
    pool.on_branch(|reach| push_now(pool, reach, &volume, message, author))
}

fn push_now(
    pool: &Pool,
    reach: Reach,
    volume: &VolumeName,
    message: Option<&str>,
    author: &Signature,
) -> Result<Option<Stashed>, Error> {
    let begun = pool.sync_and_bound()?;
    let session = pool.begin_with(reach, Verb::Stash, volume)?;
    let (record, branch, head, found) = pool.store().read(|rows| {
        let record = existing(&rows, volume)?;
        let head = head_record(&rows, &record)?;
        let found = pool.resolve(&rows, &record, &Revision::head())?;
        Ok::<_, Error>((record.clone(), current_branch(&rows, &record)?, head, found))
    })?;
    if !has_changes(pool, &record)? {
        return Ok(None);
    }
    let source = pool.layout().full(&found.tree);
    let working_tree = pool.layout().full(&layout::working_tree(&branch.volume, &branch.name));
    pool.find_space_for(|| Ok(tree::measure_tree(&working_tree)?.blocks), &[&source])?;
    let swap = (Purpose::Swap, std::slice::from_ref(volume));
    let index = pool.known_tree(&branch.volume, &branch.name, (&head.id, &source), swap)?;
    let text = match message {
        Some(message) => format!("On {}: {message}", branch.name),
        None => format!("WIP on {}: {} {}", branch.name, head.id.short(), head.subject()),
    };
    let (id, made_on) = (pool.new_commit_id(), pool.made_on(volume.as_str()));
    let mut made = None;
    let mut group = Group::new(pool);
    group.intend(session, format!("stash: {text}"), |rows, draft| {
        let tag = put_aside(pool, rows, draft, volume, (&branch, &id), (&text, author, made_on))?;
        made = Some(StashEntry {
            volume: volume.clone(),
            number: 0,
            commit: id.clone(),
            base: branch.head.clone(),
            message: text.clone(),
            date: tag.created,
        });
        let staged = draft.bring_in(layout::commit_tree(&branch.volume, &id))?;
        let beside = Stashing(Capture::new(branch.clone(), id.clone(), (working_tree, staged), ()));
        Restore::plan(rows, draft, (volume, branch.clone()), (head.id.clone(), source.clone()), index, beside)
    })?;
    let disruption = restore::run(pool, group, begun, Purpose::Swap)?.disruption;
    note_starts(pool, [volume], &disruption);
    Ok(made.map(|stash| Stashed { action: "push", stash, disruption }))
}

/// Drafts the rows of a new stash.
fn put_aside(
    pool: &Pool,
    rows: &Rows<'_>,
    draft: &mut PlanBuilder<'_>,
    place: &VolumeName,
    (branch, id): (&BranchRecord, &CommitId),
    (text, author, made_on): (&str, &Signature, MadeOn),
) -> Result<TagRecord, Error> {
    let volume = &branch.volume;
    let newest = all(rows, volume)?.into_iter().next();
    let number = newest.and_then(|kept| kept.tag.name.as_str()[STASHES.len()..].parse::<u32>().ok());
    let name: TagName = format!("{STASHES}{:06}", number.map_or(0, |number| number + 1)).parse()?;
    let (author, now) = (configured_author(rows, place, author)?, pool.now());
    draft.change(RowChange::insert(Row::Commit(CommitRecord {
        volume: volume.clone(),
        id: id.clone(),
        parent: branch.head.clone(),
        message: text.to_owned(),
        author: author.clone(),
        date: now,
        code: None,
        forgotten: false,
        size: None,
        made_on: Some(made_on),
    })));
    let tag = TagRecord {
        volume: volume.clone(),
        name,
        commit: id.clone(),
        created: now,
        tagger: author,
        message: text.to_owned(),
        protected: false,
    };
    draft.change(RowChange::insert(Row::Tag(tag.clone())));
    Ok(tag)
}

/// Brings a stash back into the working tree, and drops it if `pops`. If the branch is where the
/// stash was made and has no changes, the working tree becomes the stash's. Otherwise only the
/// paths that the stash changed come back.
///
/// # Errors
/// [`Error::StashConflict`] when a path that the stash changed differs from its base in the working
/// tree; as a reset otherwise. Nothing is changed then.
pub fn stash_apply(
    pool: &Pool,
    volume: Option<&VolumeName>,
    number: usize,
    pops: bool,
) -> Result<Stashed, Error> {
    let volume = pool.select(volume)?;
    pool.on_branch(|reach| apply_now(pool, reach, &volume, number, pops))
}

fn apply_now(
    pool: &Pool,
    reach: Reach,
    volume: &VolumeName,
    number: usize,
    pops: bool,
) -> Result<Stashed, Error> {
    let begun = pool.sync_and_bound()?;
    let session = pool.begin_with(reach, Verb::Stash, volume)?;
    let (record, branch, kept, found, base) = pool.store().read(|rows| {
        let record = existing(&rows, volume)?;
        let kept = one(&rows, volume, number)?;
        let find = |id: &CommitId| pool.resolve(&rows, &record, &id.as_str().parse()?);
        let found = find(&kept.entry.commit)?;
        let base = kept.entry.base.as_ref().map(find).transpose()?;
        Ok::<_, Error>((record.clone(), current_branch(&rows, &record)?, kept, found, base))
    })?;
    let source = pool.layout().full(&found.tree);
    let action = if pops { "pop" } else { "apply" };
    let summary = format!("stash {action}: {}", kept.entry.message);
    let take = |rows: &Rows<'_>, draft: &mut PlanBuilder<'_>| -> Result<(), Error> {
        draft.made_of(&kept.entry.commit);
        if pops { draft_drop(rows, draft, &kept) } else { Ok(()) }
    };
    let disruption = if branch.head == kept.entry.base && !has_changes(pool, &record)? {
        let swap = (Purpose::Swap, std::slice::from_ref(volume));
        let index = pool.known_tree(&branch.volume, &branch.name, (&kept.entry.commit, &source), swap)?;
        let mut group = Group::new(pool);
        group.intend(session, summary, |rows, draft| {
            take(rows, draft)?;
            Restore::plan(
                rows,
                draft,
                (volume, branch),
                (kept.entry.commit.clone(), source.clone()),
                index,
                (),
            )
        })?;
        restore::run(pool, group, begun, Purpose::Discard)?.disruption
    } else {
        let base = base.map(|found| pool.layout().full(&found.tree));
        let working_tree = pool.layout().full(&layout::working_tree(&branch.volume, &branch.name));
        let wanted = changes(base.as_deref(), &source)?;
        let check = || check_conflicts(&kept.entry, &wanted, &changes(base.as_deref(), &working_tree)?);
        check()?;
        let only = PathSet::new(wanted.keys().cloned());
        let (group, staged) = session.intend(summary, |rows, draft| {
            take(rows, draft)?;
            draft.replace(layout::working_tree(&branch.volume, &branch.name))
        })?;
        let commit = kept.entry.commit.clone();
        let capture = Capture::new(branch, commit, (working_tree.clone(), staged), ());
        // Containers may have written since the first check.
        exchange_paths(pool, group.with(capture), &source, &only, check)?
    };
    Ok(Stashed { action, stash: kept.entry, disruption })
}

/// Drops a stash.
///
/// # Errors
/// [`Error::NoStash`] when there is none of that number; and when the metadata cannot be written.
pub fn stash_drop(pool: &Pool, volume: Option<&VolumeName>, number: usize) -> Result<Stashed, Error> {
    let volume = pool.select(volume)?;
    let session = pool.begin(Verb::Stash, &volume)?;
    let kept = pool.store().read(|rows| {
        existing(&rows, &volume)?;
        one(&rows, &volume, number)
    })?;
    let summary = format!("stash drop: {}", kept.entry.message);
    let (group, ()) = session.intend(summary, |rows, draft| draft_drop(rows, draft, &kept))?;
    group.publish()?.finish();
    Ok(Stashed { action: "drop", stash: kept.entry, disruption: Disruption::default() })
}

fn draft_drop(rows: &Rows<'_>, draft: &mut PlanBuilder<'_>, kept: &Kept) -> Result<(), Error> {
    let Kept { entry, tag } = kept;
    draft.change(RowChange::delete(Row::Tag(tag.clone())));
    let excluding = Excluding { branch: None, tag: Some(&tag.name) };
    let dropped = unreachable_from(rows, &tag.volume, Some(entry.commit.clone()), excluding, None)?;
    drop_commits(draft, &dropped)
}

/// Collects what differs between two trees. A new directory stands for everything in it.
fn changes(old: Option<&Path>, new: &Path) -> Result<BTreeMap<PathBuf, ChangeKind>, Error> {
    let mut found = BTreeMap::new();
    tree::compare_with(old, new, &Compare { fold: true, ..Compare::default() }, &mut |change| {
        let path = if change.path == Path::new(".") { PathBuf::new() } else { change.path };
        found.insert(path, change.kind);
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Refuses paths that changed on both sides since their common base.
fn check_conflicts(
    stash: &StashEntry,
    wanted: &BTreeMap<PathBuf, ChangeKind>,
    here: &BTreeMap<PathBuf, ChangeKind>,
) -> Result<(), Error> {
    let meets = |path: &Path, other: &Path, kind: ChangeKind| {
        other.starts_with(path) || (path.starts_with(other) && kind != ChangeKind::Attributes)
    };
    let is_met = |path: &&PathBuf| here.iter().any(|(other, kind)| meets(path, other, *kind));
    let met: Vec<&PathBuf> = wanted.keys().filter(is_met).collect();
    if met.is_empty() {
        return Ok(());
    }
    let paths = met.iter().take(MAX_NAMED).map(|path| shown(path)).collect();
    Err(Error::StashConflict {
        volume: stash.volume.clone(),
        paths,
        conflicts: met.len(),
        base: stash.base.clone(),
    })
}
