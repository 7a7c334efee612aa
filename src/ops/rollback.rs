//! `run --rollback`: remember a volume as it is, and bring it back to that.

use serde::Serialize;

use super::checkout::{CheckoutRequest, Target, checkout};
use super::commit::{CommitRequest, commit};
use super::held::{Without, drop_commits, unheld_from};
use super::reset::{ResetRequest, reset};
use super::status::is_dirty;
use super::tag::{TagRequest, delete_tag, tag};
use crate::model::{
    BranchName, BranchRecord, CommitId, Revision, Row, RowChange, Signature, TagName, Verb, VolumeName,
};
use crate::pool::{Error, Pool, existing};

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
}

/// Remembers a volume as it is: its working tree as a commit where it has uncommitted changes,
/// and a tag that keeps it whatever is done meanwhile.
///
/// # Errors
/// When there is no such volume, or its state cannot be committed; nothing is changed then.
pub fn snapshot(
    pool: &Pool,
    volume: Option<&VolumeName>,
    note: &str,
    author: &Signature,
) -> Result<Snapshot, Error> {
    let volume = pool.select(volume)?;
    let (record, head) = pool.store().read(|rows| {
        let record = existing(&rows, &volume)?;
        let head = rows.branch(&volume, &record.branch)?.and_then(|branch| branch.head);
        Ok::<_, Error>((record, head))
    })?;
    let commit = match &head {
        Some(head) if !is_dirty(pool, &record)? => head.clone(),
        _ => {
            let request = CommitRequest {
                volume: Some(volume.clone()),
                message: note.to_owned(),
                author: None,
                fallback: author.clone(),
                date: None,
                code: None,
            };
            commit(pool, &request)?.id
        }
    };
    let name: TagName = format!("dvol-run/{}", pool.new_commit_id().short()).parse()?;
    let request = TagRequest {
        volume: Some(volume.clone()),
        name: name.clone(),
        revision: commit.as_str().parse()?,
        message: note.to_owned(),
        fallback: author.clone(),
        force: false,
    };
    tag(pool, &request)?;
    Ok(Snapshot { volume, branch: record.branch, head, commit, tag: name })
}

/// Brings the volume back: its current branch, that branch's head and its working tree. Other
/// branches and tags that were made meanwhile stay.
///
/// # Errors
/// When a step fails. The tag then still names the state, for `reset --hard`.
pub fn rollback(pool: &Pool, snapshot: &Snapshot) -> Result<(), Error> {
    let volume = &snapshot.volume;
    let revision: Revision = snapshot.commit.as_str().parse()?;
    let (current, there) = pool.store().read(|rows| {
        Ok::<_, Error>((existing(&rows, volume)?.branch, rows.branch(volume, &snapshot.branch)?.is_some()))
    })?;
    if current != snapshot.branch {
        let request = CheckoutRequest {
            volume: Some(volume.clone()),
            branch: Target::Branch(snapshot.branch.clone()),
            create: (!there).then(|| revision.clone()),
            replace: false,
            force: true,
        };
        checkout(pool, &request)?;
    }
    reset(pool, &ResetRequest { volume: Some(volume.clone()), revision, hard: true })?;
    if snapshot.head.as_ref() == Some(&snapshot.commit) {
        delete_tag(pool, Some(volume), &snapshot.tag)?;
        return Ok(());
    }
    // The working tree is as it was; the head goes back to where it was, and the commit that held
    // the tree goes.
    let session = pool.begin(Verb::Rollback, volume)?;
    let (pending, ()) = session.intend(format!("run: back to before {}", snapshot.tag), |rows, draft| {
        let branch = rows.branch(volume, &snapshot.branch)?;
        let branch = branch.ok_or_else(|| Error::Inconsistent("the branch has no record".to_owned()))?;
        let without = Without { branch: Some(&snapshot.branch), tag: Some(&snapshot.tag) };
        let start = Some(snapshot.commit.clone());
        let dropped = unheld_from(rows, volume, start, without, snapshot.head.as_ref())?;
        drop_commits(draft, &dropped)?;
        let head = BranchRecord { head: snapshot.head.clone(), ..branch.clone() };
        draft.change(RowChange::update(Row::Branch(branch), Row::Branch(head)));
        if let Some(tag) = rows.tag(volume, &snapshot.tag)? {
            draft.change(RowChange::delete(Row::Tag(tag)));
        }
        draft.move_head(snapshot.head.clone());
        Ok(())
    })?;
    pending.publish()?.finish()?;
    Ok(())
}
