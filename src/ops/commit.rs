//! `commit`: keep the working tree of the current branch.

use std::path::PathBuf;

use serde::Serialize;

use super::restore::millis;
use super::snapshot::{self, Snapshot};
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CodeState, CommitId, CommitRecord, Instant, ProjectName, Row, RowChange,
    Signature, Verb, VolumeName,
};
use crate::pool::{Pool, Setting, current_branch, existing};
use crate::store::Rows;
use crate::sys::tree::CopyStats;

/// What to commit, and in whose words.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// The volume; none means the current one.
    pub volume: Option<VolumeName>,
    /// What the author says; may not be blank.
    pub message: String,
    /// The author, where the caller names one: it wins over the pool's settings.
    pub author: Option<Signature>,
    /// When it was made; none means now.
    pub date: Option<Instant>,
}

/// What is around a commit.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The author when neither the caller nor the settings name one.
    pub author: Signature,
    /// The code that the commit is made beside.
    pub code: Option<CodeState>,
}

/// A new commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Committed {
    /// The volume.
    pub volume: VolumeName,
    /// The branch that it is the head of.
    pub branch: BranchName,
    /// Its id.
    pub id: CommitId,
    /// The commit before it.
    pub parent: Option<CommitId>,
    /// The containers that were stopped or paused for it, and for all that was committed with it.
    pub containers: Vec<String>,
    /// What was copied while containers still ran, and how; all of it when none ran.
    pub copied: CopyStats,
    /// What was copied, and what was kept of the first pass, while containers were held.
    pub quiesced: CopyStats,
    /// How long containers were held, without their start, in milliseconds.
    pub downtime_ms: u64,
}

/// Copies the working tree of the current branch into a new commit. What is around it is asked for once, when all else is
/// done but the metadata, so that who has to ask others can do that meanwhile.
///
/// # Errors
/// When the message is blank, the tree is too large or the space does not suffice, a container cannot be held, or the copy
/// fails; nothing is changed then.
pub fn commit(
    pool: &Pool,
    request: &CommitRequest,
    around: impl FnOnce() -> Surroundings,
) -> Result<Committed, Error> {
    let volume = pool.select(request.volume.as_ref())?;
    Ok(commit_all(pool, &[volume], None, request, around)?.swap_remove(0))
}

/// The same for all volumes of a compose project, whose new commits have one id.
///
/// # Errors
/// As [`commit`], and when no volume belongs to the project.
pub fn commit_project(
    pool: &Pool,
    project: &ProjectName,
    request: &CommitRequest,
    around: impl FnOnce() -> Surroundings,
) -> Result<Vec<Committed>, Error> {
    commit_all(pool, &pool.volumes_of_project(project)?, Some(project), request, around)
}

fn commit_all(
    pool: &Pool,
    volumes: &[VolumeName],
    project: Option<&ProjectName>,
    request: &CommitRequest,
    around: impl FnOnce() -> Surroundings,
) -> Result<Vec<Committed>, Error> {
    if request.message.trim().is_empty() {
        return Err(Error::NoMessage);
    }
    let begun = pool.sync_and_bound()?;
    let sessions = pool.begin_all(Verb::Commit, volumes, project)?;
    let id = pool.new_commit_id();
    let date = request.date.unwrap_or_else(|| pool.now());
    let summary = format!("commit: {}", request.message.lines().next().unwrap_or_default());
    let (branches, authors): (Vec<_>, Vec<_>) = pool
        .store()
        .read(|rows| {
            let of = |volume| {
                Ok::<_, Error>((
                    current_branch(&rows, &existing(&rows, volume)?)?,
                    ConfiguredAuthor::read(&rows, volume)?,
                ))
            };
            volumes.iter().map(of).collect::<Result<Vec<_>, Error>>()
        })?
        .into_iter()
        .unzip();
    let tree =
        |branch: &BranchRecord| pool.layout().full(&layout::working_tree(&branch.volume, &branch.name));
    let trees: Vec<PathBuf> = branches.iter().map(tree).collect();
    for (volume, tree) in volumes.iter().zip(&trees) {
        pool.check_size(volume, None, tree)?;
    }
    pool.check_space(trees.iter().map(PathBuf::as_path))?;

    let (mut all, mut staged) = (Vec::new(), Vec::new());
    for (session, branch) in sessions.into_iter().zip(&branches) {
        let (pending, place) = session.intend(summary.clone(), |_, draft| {
            draft.move_head(Some(id.clone()));
            draft.bring_in(layout::commit_tree(&branch.volume, &id))
        })?;
        all.push(pending);
        staged.push(place);
    }
    let each = branches.iter().zip(&trees).zip(&staged);
    let snapshots: Vec<Snapshot<'_>> = each
        .map(|((branch, working_tree), staged)| Snapshot { pool, working_tree, staged, branch, commit: &id })
        .collect();
    let (outcome, copied) = snapshot::run(&snapshots, all.into(), begun, |group| {
        let around = around();
        for ((pending, branch), author) in group.iter_mut().zip(&branches).zip(authors) {
            let commit = CommitRecord {
                volume: branch.volume.clone(),
                id: id.clone(),
                parent: branch.head.clone(),
                message: request.message.trim_end().to_owned(),
                author: request.author.clone().unwrap_or_else(|| author.or(&around.author)),
                date,
                code: around.code.clone(),
            };
            let head = BranchRecord { head: Some(id.clone()), ..branch.clone() };
            pending.change(RowChange::insert(Row::Commit(commit)));
            pending.change(RowChange::update(Row::Branch(branch.clone()), Row::Branch(head)));
        }
    })?;
    for volume in volumes {
        if pool.store().read(|rows| Setting::find("checksums")?.value(&rows, Some(volume)))? == "commit" {
            // The commit holds; what is not taken now, somebody takes later.
            let _ = pool.take_checksums(Some(volume));
        }
    }
    let done = branches.into_iter().zip(copied).map(|(branch, copied)| Committed {
        volume: branch.volume,
        branch: branch.name,
        id: id.clone(),
        parent: branch.head,
        containers: outcome.containers.clone(),
        copied: copied.early,
        quiesced: copied.quiesced,
        downtime_ms: millis(outcome.downtime),
    });
    Ok(done.collect())
}

/// The author as the settings of a volume and its pool say; words that they leave out are empty.
struct ConfiguredAuthor {
    name: String,
    email: String,
}

impl ConfiguredAuthor {
    fn read(rows: &Rows<'_>, volume: &VolumeName) -> Result<Self, Error> {
        let value = |key: &str| Setting::find(key)?.value(rows, Some(volume));
        Ok(ConfiguredAuthor { name: value("user.name")?, email: value("user.email")? })
    }

    /// With the words of `fallback` for what is left out.
    fn or(self, fallback: &Signature) -> Signature {
        let or = |word: String, fallback: &String| if word.is_empty() { fallback.clone() } else { word };
        Signature { name: or(self.name, &fallback.name), email: or(self.email, &fallback.email) }
    }
}

pub(super) fn configured_author(
    rows: &Rows<'_>,
    volume: &VolumeName,
    fallback: &Signature,
) -> Result<Signature, Error> {
    Ok(ConfiguredAuthor::read(rows, volume)?.or(fallback))
}
