//! `commit`: save the working tree of the current branch as a commit.

use std::path::PathBuf;

use serde::Serialize;

use super::capture::{self, Capture};
use super::excused::note_starts;
use super::forget::forget_by_setting;
use crate::error::Error;
use crate::layout;
use crate::model::{
    BranchName, BranchRecord, CodeState, CommitId, CommitRecord, Instant, ProjectName, Reach, Row, RowChange,
    Signature, Verb, VolumeName,
};
use crate::pool::{Disruption, Group, Pool, Setting, current_branch, existing};
use crate::store::Rows;
use crate::sys::tree::CopyStats;

/// A request to commit the working tree.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// The volume; `None` means the current one.
    pub volume: Option<VolumeName>,
    /// The commit message; must not be blank.
    pub message: String,
    /// The author; wins over the settings.
    pub author: Option<Signature>,
    /// The date; `None` means now.
    pub date: Option<Instant>,
}

/// What the caller finds out about the commit's surroundings.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The author if neither the request nor the settings name one.
    pub author: Signature,
    /// The state of the code that the commit is made beside.
    pub code: Option<CodeState>,
}

/// A new commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Committed {
    /// The volume.
    pub volume: VolumeName,
    /// The branch whose head it is.
    pub branch: BranchName,
    /// Its id.
    pub id: CommitId,
    /// Its parent.
    pub parent: Option<CommitId>,
    /// What was copied while containers still ran, and how; everything if none ran.
    pub copied: CopyStats,
    /// What was copied, and what was kept of the first pass, while containers were held.
    pub quiesced: CopyStats,
    /// What became of the containers, for all volumes that were committed together.
    #[serde(flatten)]
    pub disruption: Disruption,
}

/// Copies the working tree of the current branch into a new commit. Calls `around` once, just
/// before the metadata is written, so that slow lookups (git) can run during the copy.
///
/// # Errors
/// When the message is blank, the tree is too large, the space does not suffice, a container cannot
/// be held, or the copy fails. Nothing is changed then.
pub fn commit(
    pool: &Pool,
    request: &CommitRequest,
    around: impl FnOnce() -> Surroundings,
) -> Result<Committed, Error> {
    let volume = pool.select(request.volume.as_ref())?;
    let (volumes, mut around) = ([volume], Some(around));
    let done = pool.on_branch(|reach| commit_all(pool, reach, &volumes, None, request, &mut around))?;
    Ok(done.into_iter().next().expect("a commit of one volume is one commit"))
}

/// Commits all volumes of a compose project. The new commits have one id.
///
/// # Errors
/// As [`commit`], and when no volume belongs to the project.
pub fn commit_project(
    pool: &Pool,
    project: &ProjectName,
    request: &CommitRequest,
    around: impl FnOnce() -> Surroundings,
) -> Result<Vec<Committed>, Error> {
    let (volumes, mut around) = (pool.volumes_of_project(project)?, Some(around));
    pool.on_branch(|reach| commit_all(pool, reach, &volumes, Some(project), request, &mut around))
}

fn commit_all(
    pool: &Pool,
    reach: Reach,
    volumes: &[VolumeName],
    project: Option<&ProjectName>,
    request: &CommitRequest,
    around: &mut Option<impl FnOnce() -> Surroundings>,
) -> Result<Vec<Committed>, Error> {
    if request.message.trim().is_empty() {
        return Err(Error::NoMessage);
    }
    let begun = pool.sync_and_bound()?;
    let mut sessions = pool.begin_all(reach, Verb::Commit, volumes, project)?;
    let id = pool.new_commit_id();
    let date = request.date.unwrap_or_else(|| pool.now());
    let summary = format!("commit: {}", request.message.lines().next().unwrap_or_default());
    let sources = pool.store().read(|rows| {
        volumes.iter().map(|volume| Source::read(pool, &rows, volume)).collect::<Result<Vec<_>, Error>>()
    })?;
    for Source { volume, tree, .. } in &sources {
        pool.check_size(volume, None, tree)?;
    }
    pool.check_space(sources.iter().map(|source| source.tree.as_path()))?;

    let mut group = Group::new(pool);
    for Source { volume, branch, tree, author } in sources {
        let session = sessions.take(&volume);
        group.intend(session, summary.clone(), |rows, draft| {
            draft.move_head(Some(id.clone()));
            forget_by_setting(rows, draft, &volume, branch.head.as_ref(), (&id, date))?;
            let staged = draft.bring_in(layout::commit_tree(&branch.volume, &id))?;
            Ok(Capture::new(branch, id.clone(), (tree, staged), (volume, author)))
        })?;
    }
    let outcome = capture::run(pool, group, begun, |members| {
        let around = around.take().expect("only one run comes this far")();
        let made_on = pool.made_on_held(&volumes.iter().collect::<Vec<_>>());
        for member in members {
            let (size, Capture { branch, verb: (_, author), .. }) = (member.work.size(), &member.work);
            let commit = CommitRecord {
                volume: branch.volume.clone(),
                id: id.clone(),
                parent: branch.head.clone(),
                message: request.message.trim_end().to_owned(),
                author: request.author.clone().unwrap_or_else(|| author.or(&around.author)),
                date,
                code: around.code.clone(),
                size: Some(size),
                forgotten: false,
                made_on: Some(made_on.clone()),
            };
            let before = branch.clone();
            let head = BranchRecord { head: Some(id.clone()), ..before.clone() };
            member.change(RowChange::insert(Row::Commit(commit)));
            member.change(RowChange::update(Row::Branch(before), Row::Branch(head)));
        }
    })?;
    note_starts(pool, volumes, &outcome.disruption);
    for volume in volumes {
        take_checksums(pool, volume)?;
        pool.tell_if_elsewhere(volume);
    }
    let done = outcome.volumes.into_iter().map(|capture| Committed {
        volume: capture.verb.0,
        branch: capture.branch.name,
        id: capture.commit,
        parent: capture.branch.head,
        copied: capture.copied,
        quiesced: capture.quiesced,
        disruption: outcome.disruption.clone(),
    });
    Ok(done.collect())
}

/// Takes the checksums of new commits of a volume, if the settings say so.
pub(super) fn take_checksums(pool: &Pool, volume: &VolumeName) -> Result<(), Error> {
    if pool.store().read(|rows| Setting::find("checksums")?.value(&rows, Some(volume)))? == "commit" {
        // The commit holds; checksums that cannot be taken now are taken later.
        let _ = pool.checksums().take(Some(volume));
    }
    Ok(())
}

/// A working tree to commit, and its author as far as the settings name one.
struct Source {
    volume: VolumeName,
    branch: BranchRecord,
    tree: PathBuf,
    author: ConfiguredAuthor,
}

impl Source {
    fn read(pool: &Pool, rows: &Rows<'_>, volume: &VolumeName) -> Result<Self, Error> {
        let branch = current_branch(rows, &existing(rows, volume)?)?;
        let tree = pool.layout().full(&layout::working_tree(&branch.volume, &branch.name));
        Ok(Source { volume: volume.clone(), branch, tree, author: ConfiguredAuthor::read(rows, volume)? })
    }
}

/// The author as the settings of a volume and its pool name them; empty where they do not.
struct ConfiguredAuthor {
    name: String,
    email: String,
}

impl ConfiguredAuthor {
    fn read(rows: &Rows<'_>, volume: &VolumeName) -> Result<Self, Error> {
        let value = |key: &str| Setting::find(key)?.value(rows, Some(volume));
        Ok(ConfiguredAuthor { name: value("user.name")?, email: value("user.email")? })
    }

    /// Fills what the settings leave out from `fallback`.
    fn or(&self, fallback: &Signature) -> Signature {
        let or = |word: &String, fallback: &String| if word.is_empty() { fallback } else { word }.clone();
        Signature { name: or(&self.name, &fallback.name), email: or(&self.email, &fallback.email) }
    }
}

pub(super) fn configured_author(
    rows: &Rows<'_>,
    volume: &VolumeName,
    fallback: &Signature,
) -> Result<Signature, Error> {
    Ok(ConfiguredAuthor::read(rows, volume)?.or(fallback))
}
