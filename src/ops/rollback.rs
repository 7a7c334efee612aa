//! `run --rollback`: remember a volume as it is, and bring it back to that.
//!
//! Each is one operation. Between them the volume is as the command makes it, and a tag holds the commit that it goes
//! back to. That commit is beside the branch, not on it: nothing of what the command sees of the volume is another.

use std::path::PathBuf;

use serde::Serialize;

use super::commit::configured_author;
use super::reachable::{Excluding, drop_commits, unreachable_from};
use super::restore::{self, Restore};
use super::status::is_dirty;
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CommitId, CommitRecord, Operation, Row, RowChange, Signature, TagName,
    TagRecord, Verb, VolumeName, VolumeRecord,
};
use crate::pool::{PlanBuilder, Pool, Purpose, StoredIndex, bring_back, current_branch, existing};
use crate::store::Rows;

/// A volume as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// The volume.
    pub volume: VolumeName,
    /// Its current branch.
    pub branch: BranchName,
    /// The head of that branch.
    pub head: Option<CommitId>,
    /// The commit that has its working tree: the head, or one made for this.
    pub commit: CommitId,
    /// The tag that holds it meanwhile.
    pub tag: TagName,
    /// The command that was to run, for people.
    pub command: String,
}

/// Remembers a volume as it is: its working tree as a commit where it has uncommitted changes,
/// and a tag that keeps it whatever is done meanwhile.
///
/// # Errors
/// When there is no such volume, or its state cannot be committed; nothing is changed then.
pub fn snapshot(
    pool: &Pool,
    volume: Option<&VolumeName>,
    command: &str,
    author: &Signature,
) -> Result<Snapshot, Error> {
    let volume = pool.select(volume)?;
    let begun = pool.sync_and_bound()?;
    let session = pool.begin(Verb::Rollback, &volume)?;
    let (record, branch) = pool.store().read(|rows| {
        let record = existing(&rows, &volume)?;
        let branch = current_branch(&rows, &record)?;
        Ok::<_, Error>((record, branch))
    })?;
    let clean = match &branch.head {
        Some(head) if !is_dirty(pool, &record)? => Some(head.clone()),
        _ => None,
    };
    let working_tree = pool.layout().full(&layout::working_tree(&volume, &branch.name));
    if clean.is_none() {
        pool.check_space([working_tree.as_path()])?;
    }
    let commit = clean.clone().unwrap_or_else(|| pool.new_commit_id());
    let tag: TagName = format!("dvol-run/{}", pool.new_commit_id().short()).parse()?;
    let message = format!("dvol run: before {command}");
    let (pending, staged) = session.intend(format!("run: before {command}"), |rows, draft| {
        let author = configured_author(rows, &volume, author)?;
        let now = pool.now();
        let made = CommitRecord {
            volume: volume.clone(),
            id: commit.clone(),
            parent: branch.head.clone(),
            message: message.clone(),
            author: author.clone(),
            date: now,
            code: None,
        };
        let name = TagRecord {
            volume: volume.clone(),
            name: tag.clone(),
            commit: commit.clone(),
            created: now,
            tagger: author,
            message: message.clone(),
        };
        draft.change(RowChange::insert(Row::Tag(name)));
        if clean.is_some() {
            return Ok(None);
        }
        draft.change(RowChange::insert(Row::Commit(made)));
        Ok(Some(draft.bring_in(layout::commit_tree(&volume, &commit))?))
    })?;
    match &staged {
        Some(staged) => {
            let copy = super::snapshot::Snapshot {
                pool,
                working_tree: &working_tree,
                staged,
                branch: &branch,
                commit: &commit,
            };
            super::snapshot::run(&[copy], vec![pending].into(), begun, |_| ())?;
        }
        None => {
            pending.publish()?.finish()?;
        }
    }
    let BranchRecord { name, head, .. } = branch;
    Ok(Snapshot { volume, branch: name, head, commit, tag, command: command.to_owned() })
}

/// The tag of a snapshot that `operation` made and that is still owed.
pub(super) fn owed(rows: &Rows<'_>, operation: &Operation) -> Result<Option<TagName>, Error> {
    if operation.verb != Verb::Rollback {
        return Ok(None);
    }
    for change in &operation.plan.changes {
        if let (None, Some(Row::Tag(tag))) = (&change.before, &change.after)
            && rows.tag(&tag.volume, &tag.name)?.is_some_and(|now| now.commit == tag.commit)
        {
            return Ok(Some(tag.name.clone()));
        }
    }
    Ok(None)
}

/// Where the working tree is made that comes back.
enum Staged {
    /// It takes the place of the one that is there, or that becomes it.
    InPlace(Option<PathBuf>),
    /// There is none any more.
    New(PathBuf),
}

/// Brings the volume back: its current branch, that branch's head and its working tree. Other
/// branches and tags that were made meanwhile stay.
///
/// # Errors
/// When a step fails; nothing is changed then. The tag still names the state, for `reset --hard`.
pub fn rollback(pool: &Pool, snapshot: &Snapshot) -> Result<(), Error> {
    let volume = &snapshot.volume;
    let begun = pool.sync_and_bound()?;
    let session = pool.begin(Verb::Rollback, volume)?;
    let (found, head) = pool.store().read(|rows| {
        let record = existing(&rows, volume)?;
        let find = |id: &CommitId| pool.resolve(&rows, &record, &id.as_str().parse()?);
        Ok::<_, Error>((find(&snapshot.commit)?, snapshot.head.as_ref().map(find).transpose()?))
    })?;
    let source = pool.layout().full(&found.tree);
    pool.check_space([source.as_path()])?;
    let index = pool.tree_index(volume, &snapshot.branch, &snapshot.commit)?;
    let summary = format!("run: back to before {}", snapshot.command);
    let (mut pending, (branch, staged, fills)) = session.intend(summary, |rows, draft| {
        let record = existing(rows, volume)?;
        // The command, or somebody else, may have dropped even that.
        let fills = match &head {
            Some(head) => bring_back(rows, draft, head)?,
            None => Vec::new(),
        };
        draft.move_head(snapshot.head.clone());
        draft.made_of(&snapshot.commit);
        drop_what_came(rows, draft, snapshot)?;
        if let Some(tag) = rows.tag(volume, &snapshot.tag)? {
            draft.change(RowChange::delete(Row::Tag(tag)));
        }
        let (branch, staged) = change_branch(pool, rows, draft, snapshot, index.as_ref())?;
        if record.branch != snapshot.branch {
            let after = VolumeRecord { branch: snapshot.branch.clone(), ..record.clone() };
            draft.change(RowChange::update(Row::Volume(record), Row::Volume(after)));
            draft.point(layout::running_point(volume), &layout::running_point_target(&snapshot.branch))?;
        }
        Ok((branch, staged, fills))
    })?;
    pool.fill(&fills)?;
    match &staged {
        Staged::InPlace(staged) => {
            let (source, commit) = (&source, &snapshot.commit);
            let index = index.as_ref();
            let staged = staged.as_deref();
            let restore = Restore { pool, source, staged, branch: &branch, commit, index };
            restore::run(&[restore], vec![pending].into(), begun)?;
        }
        Staged::New(staged) => {
            pool.will_hold([volume], Purpose::Swap)?;
            pool.copy_tree(&source, staged)?;
            pending.quiesce(Purpose::Swap)?;
            pending.publish()?.finish()?;
        }
    }
    Ok(())
}

/// Plans what becomes of the branch and its working tree.
fn change_branch(
    pool: &Pool,
    rows: &Rows<'_>,
    draft: &mut PlanBuilder<'_>,
    snapshot: &Snapshot,
    index: Option<&StoredIndex<'_>>,
) -> Result<(BranchRecord, Staged), Error> {
    let (volume, name) = (&snapshot.volume, &snapshot.branch);
    let head = snapshot.head.clone();
    let Some(before) = rows.branch(volume, name)? else {
        let made = BranchRecord { volume: volume.clone(), name: name.clone(), head, created: pool.now() };
        draft.change(RowChange::insert(Row::Branch(made.clone())));
        return Ok((made, Staged::New(draft.bring_in(layout::working_tree(volume, name))?)));
    };
    let after = BranchRecord { head, ..before.clone() };
    let staged = restore::plan(draft, &before, index)?;
    if after != before {
        draft.change(RowChange::update(Row::Branch(before), Row::Branch(after.clone())));
    }
    Ok((after, Staged::InPlace(staged)))
}

/// Plans that the commits go which came to the branch, and the one that was made for the snapshot, where nothing
/// else holds them.
fn drop_what_came(rows: &Rows<'_>, draft: &mut PlanBuilder<'_>, snapshot: &Snapshot) -> Result<(), Error> {
    let volume = &snapshot.volume;
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
