//! `forget`, and the setting `commits.keep`: move the data of old commits to trash. Their records
//! stay in history.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::log::rfc3339;
use super::protect::protected_commits;
use crate::error::Error;
use crate::layout;
use crate::model::{
    CommitId, CommitRecord, Instant, Keep, Protectable, Revision, Row, RowChange, TagName, Verb, VolumeName,
};
use crate::pool::{PlanBuilder, Pool, Setting, existing, refuse_other};
use crate::store::Rows;
use crate::sys::tree;

/// Which commits to forget.
#[derive(Debug, Clone, PartialEq)]
pub enum Chosen {
    /// These.
    Revisions(Vec<Revision>),
    /// All that no rule keeps.
    Beyond(Keep),
}

/// A commit that was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ForgottenCommit {
    /// Its id.
    pub id: CommitId,
    /// The first line of its message.
    pub subject: String,
    /// When it was made; an RFC 3339 date in JSON.
    #[serde(serialize_with = "rfc3339")]
    pub date: Instant,
    /// Bytes of disk that its data takes.
    pub bytes: u64,
}

/// What was forgotten, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ForgetDone {
    /// The volume.
    pub volume: VolumeName,
    /// The commits, the newest first.
    pub commits: Vec<ForgottenCommit>,
    /// How many commits of the volume keep their data.
    pub kept: usize,
    /// Bytes of disk that the data of these commits takes.
    pub bytes: u64,
    /// Whether nothing was changed.
    pub dry_run: bool,
}

/// Moves the data of commits to trash. A head and a tagged commit are never forgotten, and what is
/// protected only with `force`.
///
/// # Errors
/// When the volume or a revision does not exist, a revision names a commit that must keep its data,
/// or a tree cannot be moved. Nothing is changed then.
pub fn forget(
    pool: &Pool,
    volume: Option<&VolumeName>,
    chosen: &Chosen,
    dry_run: bool,
    force: bool,
) -> Result<ForgetDone, Error> {
    let volume = pool.select(volume)?;
    let look = |rows: &Rows<'_>| choose(pool, rows, &volume, chosen, force);
    let (commits, kept) = pool.store().read(|rows| look(&rows))?;
    if dry_run || commits.is_empty() {
        return told(pool, volume, &commits, kept, dry_run);
    }
    let session = pool.begin(Verb::Forget, &volume)?;
    let summary = |commits: &[CommitRecord]| match commits {
        [one] => format!("forget: {}", one.id.short()),
        all => format!("forget: {} commits", all.len()),
    };
    let (group, (commits, kept)) = session.intend(summary(&commits), |rows, draft| {
        let (commits, kept) = look(rows)?;
        forget_commits(draft, commits.clone())?;
        Ok((commits, kept))
    })?;
    // No transaction is open now, and the trees have not moved yet.
    let done = told(pool, volume, &commits, kept, false)?;
    group.publish()?.finish();
    Ok(done)
}

/// Plans to forget what the setting `commits.keep` does not keep beside the commit `new`, which
/// becomes the head in place of `head`.
pub(super) fn forget_by_setting(
    rows: &Rows<'_>,
    draft: &mut PlanBuilder<'_>,
    volume: &VolumeName,
    head: Option<&CommitId>,
    new: (&CommitId, Instant),
) -> Result<(), Error> {
    let value = Setting::find("commits.keep")?.value(rows, Some(volume))?;
    let keep = Keep::parse(&value).unwrap_or_default();
    if keep.is_empty() {
        return Ok(());
    }
    let owner = &rows.owner(volume)?;
    let mut held = held(rows, owner, false)?;
    let branches = rows.branches(owner)?;
    if let Some(head) = head
        && branches.iter().filter(|branch| branch.head.as_ref() == Some(head)).count() == 1
    {
        held.heads.remove(head);
    }
    let commits = rows.commits(owner)?;
    forget_commits(draft, beyond(&keep, &held, commits, Some(new)))
}

/// Plans to move the data of commits to trash.
fn forget_commits(draft: &mut PlanBuilder<'_>, commits: Vec<CommitRecord>) -> Result<(), Error> {
    for commit in commits {
        let place = layout::commit_tree(&commit.volume, &commit.id);
        let after = CommitRecord { forgotten: true, ..commit.clone() };
        draft.change(RowChange::update(Row::Commit(commit), Row::Commit(after)));
        draft.retire(place)?;
    }
    Ok(())
}

/// What must keep its data.
struct Held {
    /// The heads, each with the name of a branch.
    heads: BTreeMap<CommitId, String>,
    tags: BTreeMap<CommitId, Vec<TagName>>,
    /// What else is protected.
    protected: BTreeMap<CommitId, Protectable>,
}

fn held(rows: &Rows<'_>, volume: &VolumeName, force: bool) -> Result<Held, Error> {
    let heads = rows.branches(volume)?.into_iter();
    let heads = heads.filter_map(|branch| Some((branch.head?, branch.name.to_string()))).collect();
    let mut tags: BTreeMap<CommitId, Vec<TagName>> = BTreeMap::new();
    for tag in rows.tags(volume)? {
        tags.entry(tag.commit).or_default().push(tag.name);
    }
    let protected = match force {
        true => BTreeMap::new(),
        false => protected_commits(rows, volume)?,
    };
    Ok(Held { heads, tags, protected })
}

/// Lists the commits to forget, the newest first, and counts those that keep their data.
fn choose(
    pool: &Pool,
    rows: &Rows<'_>,
    volume: &VolumeName,
    chosen: &Chosen,
    force: bool,
) -> Result<(Vec<CommitRecord>, usize), Error> {
    let record = existing(rows, volume)?;
    let held = held(rows, record.owner(), force)?;
    let all = rows.commits(record.owner())?;
    let with_data = all.iter().filter(|commit| !commit.forgotten).count();
    let goes = match chosen {
        Chosen::Beyond(keep) => beyond(keep, &held, all, None),
        Chosen::Revisions(revisions) => {
            let mut goes = Vec::new();
            let mut seen = BTreeSet::new();
            for revision in revisions {
                refuse_other(rows, revision, volume)?;
                let commit = pool.resolve_record(rows, &record, revision)?;
                let cannot = |reason: String| Error::CannotForget {
                    volume: volume.clone(),
                    id: commit.id.clone(),
                    reason,
                };
                if let Some(branch) = held.heads.get(&commit.id) {
                    return Err(cannot(format!("it is the head of branch {branch}")));
                }
                if let Some(tag) = held.tags.get(&commit.id).and_then(|tags| tags.first()) {
                    return Err(cannot(format!("tag {tag} names it")));
                }
                if let Some(what) = held.protected.get(&commit.id) {
                    let action = format!("forget commit {} of volume {volume}", commit.id.short());
                    return Err(Error::Protected { volume: volume.clone(), action, what: what.clone() });
                }
                if rows.commit(record.owner(), &commit.id)?.is_none() {
                    return Err(cannot("an operation dropped it already".to_owned()));
                }
                if !commit.forgotten && seen.insert(commit.id.clone()) {
                    goes.push(commit);
                }
            }
            goes.sort_by(CommitRecord::newest_first);
            goes
        }
    };
    let kept = with_data - goes.len();
    Ok((goes, kept))
}

/// Lists the commits that no rule keeps and nothing holds, the newest first. `new` counts as one
/// more commit.
fn beyond(
    keep: &Keep,
    held: &Held,
    mut commits: Vec<CommitRecord>,
    new: Option<(&CommitId, Instant)>,
) -> Vec<CommitRecord> {
    commits.retain(|commit| !commit.forgotten);
    commits.sort_by(CommitRecord::newest_first);
    // A new commit is the newest, whatever its date says.
    let first = new.map(|(_, date)| (date, Vec::new()));
    let offset = usize::from(first.is_some());
    let tags = |commit: &CommitRecord| held.tags.get(&commit.id).cloned().unwrap_or_default();
    let dated: Vec<(Instant, Vec<TagName>)> =
        first.into_iter().chain(commits.iter().map(|commit| (commit.date, tags(commit)))).collect();
    let kept = keep.select(&dated);
    let is_held = |commit: &CommitRecord| {
        let id = &commit.id;
        held.heads.contains_key(id) || held.tags.contains_key(id) || held.protected.contains_key(id)
    };
    let goes = commits.into_iter().zip(kept.into_iter().skip(offset));
    goes.filter(|(commit, kept)| !kept && !is_held(commit)).map(|(commit, _)| commit).collect()
}

fn told(
    pool: &Pool,
    volume: VolumeName,
    commits: &[CommitRecord],
    kept: usize,
    dry_run: bool,
) -> Result<ForgetDone, Error> {
    let mut told = Vec::new();
    for commit in commits {
        let place = pool.layout().full(&layout::commit_tree(&commit.volume, &commit.id));
        told.push(ForgottenCommit {
            id: commit.id.clone(),
            subject: commit.subject().to_owned(),
            date: commit.date,
            bytes: tree::measure_tree(&place)?.blocks,
        });
    }
    let bytes = told.iter().map(|commit| commit.bytes).sum();
    Ok(ForgetDone { volume, commits: told, kept, bytes, dry_run })
}
