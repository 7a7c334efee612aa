//! `run --rollback` and `ensure`: take a snapshot of a volume, and bring the volume back to it.
//!
//! Each is an operation of its own. In between, the command may do to the volume whatever it wants,
//! and a tag keeps the commit of the snapshot. That commit is not on the branch, so the command
//! sees the volume as it was.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::capture::{self, Capture};
use super::commit::configured_author;
use super::excused::note_starts;
use super::reachable::{Excluding, drop_commits, unreachable_from};
use super::restore::{self, Restore};
use super::status::is_dirty;
use crate::containers::State;
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CodeState, CommitId, CommitRecord, Operation, Reach, Row, RowChange, Signature,
    TagName, TagRecord, Verb, VolumeName, VolumeRecord,
};
use crate::pool::{
    Disruption, Member, PlanBuilder, Pool, Purpose, StoredIndex, bring_back, current_branch, existing,
};
use crate::store::Rows;

/// A snapshot of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// The volume.
    pub volume: VolumeName,
    /// Its current branch.
    pub branch: BranchName,
    /// The head of that branch.
    pub head: Option<CommitId>,
    /// The commit with its working tree: the head, or one made for the snapshot.
    pub commit: CommitId,
    /// The tag that keeps the commit.
    pub tag: TagName,
    /// The verb that took it: [`Verb::Rollback`] or [`Verb::Ensure`].
    pub verb: Verb,
    /// What was to happen next: the command that was to run.
    pub next: String,
    /// What became of the containers while it was taken.
    #[serde(flatten)]
    pub disruption: Disruption,
}

/// Takes a snapshot of a volume before what comes `next`: commits its working tree if it has
/// uncommitted changes, and tags the commit so that nothing drops it.
///
/// # Errors
/// When the volume does not exist, or its working tree cannot be committed. Nothing is changed
/// then.
pub fn snapshot(
    pool: &Pool,
    volume: Option<&VolumeName>,
    (verb, next): (Verb, &str),
    author: &Signature,
) -> Result<Snapshot, Error> {
    let volume = pool.select(volume)?;
    let word = word(verb);
    let tag = format!("{}{}", tag_prefix(verb), pool.new_commit_id().short()).parse()?;
    let (summary, message) = (format!("{word}: before {next}"), format!("dvol {word}: before {next}"));
    let name = Name { tag, summary, message, is_snapshot: true };
    let Kept { branch, commit, disruption } = keep(pool, &volume, verb, &name, (author, None))?;
    let BranchRecord { name: branch, head, .. } = branch;
    Ok(Snapshot { volume, branch, head, commit, tag: name.tag, verb, next: next.to_owned(), disruption })
}

/// Returns what the summaries of the operations begin with.
fn word(verb: Verb) -> &'static str {
    if verb == Verb::Ensure { "ensure" } else { "run" }
}

/// Returns what the tags of snapshots begin with.
pub(super) fn tag_prefix(verb: Verb) -> &'static str {
    if verb == Verb::Ensure { "dvol-ensure/" } else { "dvol-run/" }
}

/// Names a state of a volume.
pub(super) struct Name {
    pub(super) tag: TagName,
    /// The summary of the operation.
    pub(super) summary: String,
    /// The message of the commit and the tag.
    pub(super) message: String,
    /// Whether the tag also says which branch with which head the snapshot is of.
    pub(super) is_snapshot: bool,
}

/// A state that a tag keeps.
pub(super) struct Kept {
    /// The current branch.
    pub(super) branch: BranchRecord,
    pub(super) commit: CommitId,
    pub(super) disruption: Disruption,
}

/// Tags the state of a volume. If that is not the head's, commits it beside the branch, which stays
/// where it is.
pub(super) fn keep(
    pool: &Pool,
    volume: &VolumeName,
    verb: Verb,
    name: &Name,
    (author, code): (&Signature, Option<CodeState>),
) -> Result<Kept, Error> {
    pool.on_branch(|reach| keep_now(pool, (reach, verb), volume, name, (author, code.clone())))
}

fn keep_now(
    pool: &Pool,
    (reach, verb): (Reach, Verb),
    volume: &VolumeName,
    name: &Name,
    (author, code): (&Signature, Option<CodeState>),
) -> Result<Kept, Error> {
    let begun = pool.sync_and_bound()?;
    let session = pool.begin_with(reach, verb, volume)?;
    let (record, branch) = pool.store().read(|rows| {
        let record = existing(&rows, volume)?;
        let branch = current_branch(&rows, &record)?;
        Ok::<_, Error>((record, branch))
    })?;
    let clean = match &branch.head {
        Some(head) if !is_unknown(pool, &record)? => Some(head.clone()),
        _ => None,
    };
    let owner = record.owner();
    let working_tree = pool.layout().full(&layout::working_tree(owner, &branch.name));
    if clean.is_none() {
        pool.check_space([working_tree.as_path()])?;
    }
    let commit = clean.clone().unwrap_or_else(|| pool.new_commit_id());
    let (group, staged) = session.intend(name.summary.clone(), |rows, draft| {
        let author = configured_author(rows, volume, author)?;
        let now = pool.now();
        let made = CommitRecord {
            volume: owner.clone(),
            id: commit.clone(),
            parent: branch.head.clone(),
            message: name.message.clone(),
            author: author.clone(),
            date: now,
            code,
            size: None,
            forgotten: false,
            made_on: None,
        };
        let tag = TagRecord {
            volume: owner.clone(),
            name: name.tag.clone(),
            commit: commit.clone(),
            created: now,
            tagger: author,
            message: if name.is_snapshot {
                note(&name.message, &record, &branch)
            } else {
                name.message.clone()
            },
            protected: false,
        };
        draft.change(RowChange::insert(Row::Tag(tag)));
        if clean.is_some() {
            return Ok(None);
        }
        Ok(Some((draft.bring_in(layout::commit_tree(owner, &commit))?, made)))
    })?;
    let disruption = match staged {
        Some((staged, made)) => {
            let capture = Capture::new(branch.clone(), commit.clone(), (working_tree, staged), ());
            let complete = |members: &mut [Member<'_, Capture<()>>]| {
                let made_on = Some(pool.made_on_held(&[volume]));
                for member in members {
                    let made_on = made_on.clone();
                    let size = Some(member.work.size());
                    member.change(RowChange::insert(Row::Commit(CommitRecord {
                        size,
                        made_on,
                        ..made.clone()
                    })));
                }
            };
            capture::run(pool, group.with(capture), begun, complete)?.disruption
        }
        None => group.publish()?.finish().disruption,
    };
    Ok(Kept { branch, commit, disruption })
}

/// What the message of a snapshot's tag has besides words: lines as git's trailers.
const BRANCH: &str = "Branch: ";
const HEAD: &str = "Head: ";
const WORKTREE: &str = "Worktree: ";

/// Adds to a message which branch with which head a snapshot is of, and of which worktree.
fn note(message: &str, record: &VolumeRecord, branch: &BranchRecord) -> String {
    let head = branch.head.as_ref().map(|head| format!("\n{HEAD}{head}"));
    let worktree = record.is_worktree().then(|| format!("\n{WORKTREE}{}", record.name));
    let (head, worktree) = (head.unwrap_or_default(), worktree.unwrap_or_default());
    format!("{message}\n\n{BRANCH}{}{head}{worktree}", branch.name)
}

/// Finds the snapshots that an `ensure` on this volume or worktree took before it was killed,
/// newest first.
pub(super) fn left_by_ensure(rows: &Rows<'_>, volume: &VolumeName) -> Result<Vec<Snapshot>, Error> {
    let record = existing(rows, volume)?;
    let worktree = record.worktree_of.as_ref().map(|_| record.name.as_str());
    let mut tags = rows.tags(record.owner())?;
    tags.retain(|tag| tag.name.as_str().starts_with(tag_prefix(Verb::Ensure)));
    tags.sort_by_key(|tag| std::cmp::Reverse(tag.created.micros));
    let read = |tag: TagRecord| {
        let value = |key| tag.message.lines().find_map(|line| line.strip_prefix(key));
        let before = format!("dvol {}: before ", word(Verb::Ensure));
        if value(WORKTREE) != worktree {
            return None;
        }
        Some(Snapshot {
            branch: value(BRANCH)?.parse().ok()?,
            head: value(HEAD).map(str::parse).transpose().ok()?,
            next: value(&before)?.to_owned(),
            volume: volume.clone(),
            commit: tag.commit,
            tag: tag.name,
            verb: Verb::Ensure,
            disruption: Disruption::default(),
        })
    };
    Ok(tags.into_iter().filter_map(read).collect())
}

/// Returns whether the state of a volume may differ from its head's: the working tree does, or a
/// container runs, which may hold in memory what is not in the tree yet.
pub(super) fn is_unknown(pool: &Pool, record: &VolumeRecord) -> Result<bool, Error> {
    let users = pool.containers().users_of(&record.name)?;
    Ok(users.iter().any(|user| user.state != State::Stopped) || is_dirty(pool, record)?)
}

/// Returns the tag of a snapshot that `operation` took and that was not rolled back yet.
pub(super) fn owed(rows: &Rows<'_>, operation: &Operation) -> Result<Option<TagName>, Error> {
    if !matches!(operation.verb, Verb::Rollback | Verb::Ensure) {
        return Ok(None);
    }
    for change in &operation.plan.changes {
        if let (None, Some(Row::Tag(tag))) = (&change.before, &change.after)
            && tag.name.as_str().starts_with(tag_prefix(operation.verb))
            && rows.tag(&tag.volume, &tag.name)?.is_some_and(|now| now.commit == tag.commit)
        {
            return Ok(Some(tag.name.clone()));
        }
    }
    Ok(None)
}

/// How the working tree comes back.
enum ComesBack<'p> {
    /// In place of the tree that is there.
    InPlace(Box<Restore<'p, ()>>),
    /// Copied into this directory, as there is no tree any more.
    Anew(PathBuf),
}

/// Brings the volume back to a snapshot: its current branch, that branch's head and its working
/// tree. Other branches and tags that were made meanwhile stay.
///
/// # Errors
/// When a step fails. Nothing is changed then; the tag still names the snapshot, for `reset
/// --hard`.
pub fn rollback(pool: &Pool, snapshot: &Snapshot) -> Result<Disruption, Error> {
    pool.on_branch(|reach| rollback_now(pool, reach, snapshot))
}

fn rollback_now(pool: &Pool, reach: Reach, snapshot: &Snapshot) -> Result<Disruption, Error> {
    let volume = &snapshot.volume;
    let begun = pool.sync_and_bound()?;
    let session = pool.begin_with(reach, snapshot.verb, volume)?;
    let (owner, found, head) = pool.store().read(|rows| {
        let record = existing(&rows, volume)?;
        let find = |id: &CommitId| pool.resolve(&rows, &record, &id.as_str().parse()?);
        let head = snapshot.head.as_ref().map(find).transpose()?;
        Ok::<_, Error>((record.owner().clone(), find(&snapshot.commit)?, head))
    })?;
    let source = pool.layout().full(&found.tree);
    let swap = (Purpose::Swap, std::slice::from_ref(volume));
    let index = pool.known_tree(&owner, &snapshot.branch, (&snapshot.commit, &source), swap)?;
    let summary = format!("{}: back to before {}", word(snapshot.verb), snapshot.next);
    let (group, (comes_back, fills, purpose)) = session.intend(summary, |rows, draft| {
        let record = existing(rows, volume)?;
        // The command, or another process, may have dropped the head.
        let fills = match &head {
            Some(head) => bring_back(rows, draft, head)?,
            None => Vec::new(),
        };
        draft.move_head(snapshot.head.clone());
        draft.made_of(&snapshot.commit);
        drop_what_came(rows, draft, snapshot)?;
        if let Some(tag) = rows.tag(&owner, &snapshot.tag)? {
            draft.change(RowChange::delete(Row::Tag(tag)));
        }
        let comes_back = change_branch(pool, rows, draft, (snapshot, &source), index)?;
        // Where the command has left the branch, containers write to another tree, which stays.
        let is_current = record.branch == snapshot.branch;
        let purpose = if is_current { Purpose::Discard } else { Purpose::Swap };
        if !is_current {
            let after = VolumeRecord { branch: snapshot.branch.clone(), ..record.clone() };
            draft.point(layout::running_point(volume), &layout::running_point_target_of(&after))?;
            draft.change(RowChange::update(Row::Volume(record), Row::Volume(after)));
        }
        Ok((comes_back, fills, purpose))
    })?;
    pool.fill(&fills)?;
    match comes_back {
        ComesBack::InPlace(restore) => {
            let disruption = restore::run(pool, group.with(*restore), begun, purpose)?.disruption;
            if snapshot.head.as_ref() == Some(&snapshot.commit) {
                note_starts(pool, [volume], &disruption);
            }
            Ok(disruption)
        }
        ComesBack::Anew(staged) => {
            pool.check_space([source.as_path()])?;
            group.preview(Purpose::Swap)?;
            pool.copy_tree(&source, &staged)?;
            Ok(group.quiesce(Purpose::Swap)?.publish()?.finish().disruption)
        }
    }
}

/// Plans what becomes of the branch and its working tree.
fn change_branch<'p>(
    pool: &Pool,
    rows: &Rows<'_>,
    draft: &mut PlanBuilder<'_>,
    (snapshot, source): (&Snapshot, &Path),
    index: Option<StoredIndex<'p>>,
) -> Result<ComesBack<'p>, Error> {
    let (volume, name) = (&rows.owner(&snapshot.volume)?, &snapshot.branch);
    let head = snapshot.head.clone();
    let Some(before) = rows.branch(volume, name)? else {
        let made = BranchRecord {
            volume: volume.clone(),
            name: name.clone(),
            head,
            created: pool.now(),
            protected: false,
        };
        draft.change(RowChange::insert(Row::Branch(made)));
        return Ok(ComesBack::Anew(draft.bring_in(layout::working_tree(volume, name))?));
    };
    let after = BranchRecord { head, ..before.clone() };
    if after != before {
        draft.change(RowChange::update(Row::Branch(before.clone()), Row::Branch(after)));
    }
    let commit = (snapshot.commit.clone(), source.to_owned());
    let restore = Restore::plan(rows, draft, (&snapshot.volume, before), commit, index, ())?;
    Ok(ComesBack::InPlace(Box::new(restore)))
}

/// Plans to drop the commits that came to the branch, and the commit of the snapshot, if they
/// become unreachable.
fn drop_what_came(rows: &Rows<'_>, draft: &mut PlanBuilder<'_>, snapshot: &Snapshot) -> Result<(), Error> {
    let volume = &rows.owner(&snapshot.volume)?;
    let excluding = Excluding { branch: Some(&snapshot.branch), tag: Some(&snapshot.tag) };
    let now = rows.branch(volume, &snapshot.branch)?.and_then(|branch| branch.head);
    let mut dropped: Vec<CommitRecord> = Vec::new();
    let made = rows.commit(volume, &snapshot.commit)?.map(|commit| commit.id);
    for start in [now, made] {
        let chain = unreachable_from(rows, volume, start, excluding, snapshot.head.as_ref())?;
        let new: Vec<_> = chain.into_iter().filter(|commit| !dropped.contains(commit)).collect();
        dropped.extend(new);
    }
    drop_commits(draft, &dropped)
}
