//! `reset --hard`: make the working tree equal to a commit, and move the head there.

use serde::Serialize;

use super::excused::note_starts;
use super::protect::refuse_branch;
use super::reachable::{drop_commits, unreachable};
use super::restore::{self, Restore};
use crate::error::Error;
use crate::model::{
    BranchName, BranchRecord, CommitId, CommitRecord, ProjectName, Reach, Revision, Row, RowChange, Verb,
    VolumeName,
};
use crate::pool::{
    Disruption, Fill, Found, Group, Pool, Purpose, bring_back, current_branch, existing, refuse_other,
};
use crate::store::Rows;
use crate::sys::tree::CopyStats;

/// A request to reset to a commit.
#[derive(Debug, Clone)]
pub struct ResetRequest {
    /// The volume; `None` means the current one.
    pub volume: Option<VolumeName>,
    /// The commit.
    pub revision: Revision,
    /// Whether the working tree may be replaced; without this a reset is refused.
    pub hard: bool,
    /// Whether a protected branch may be reset.
    pub force: bool,
}

/// A finished reset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResetDone {
    /// The volume.
    pub volume: VolumeName,
    /// The branch.
    pub branch: BranchName,
    /// The head before.
    pub from: Option<CommitId>,
    /// The head now.
    pub to: CommitId,
    /// The message of the commit.
    pub message: String,
    /// The commits that became unreachable, newest first; they are in trash.
    pub dropped: Vec<CommitId>,
    /// What was copied while containers still ran, and how.
    pub copied: CopyStats,
    /// What was copied, and what was unchanged and stayed, while containers were held.
    pub quiesced: CopyStats,
    /// What became of the containers, for all volumes that were reset together.
    #[serde(flatten)]
    pub disruption: Disruption,
}

/// Makes the working tree of the current branch equal to a commit's, moves the head there, and
/// drops the newer commits that become unreachable.
///
/// # Errors
/// When `hard` is not set, the revision names no commit of this volume, the space does not suffice,
/// a container cannot be held, or the copy fails. Nothing is changed then.
pub fn reset(pool: &Pool, request: &ResetRequest) -> Result<ResetDone, Error> {
    let volume = pool.select(request.volume.as_ref())?;
    let volumes = [volume];
    Ok(pool.on_branch(|reach| reset_all(pool, reach, &volumes, None, request))?.swap_remove(0))
}

/// Moves the current branch forward to a commit that descends from its head, as a pull does.
///
/// # Errors
/// As [`reset`].
pub(super) fn forward(
    pool: &Pool,
    volume: &VolumeName,
    to: &CommitId,
    upstream: &str,
) -> Result<ResetDone, Error> {
    let manner = Manner { verb: Verb::Pull, summary: format!("pull: moving to {upstream}") };
    // Nothing is given up, so a protected branch may move as well.
    let (revision, volumes) = (to.as_str().parse()?, std::slice::from_ref(volume));
    let request = ResetRequest { volume: Some(volume.clone()), revision, hard: true, force: true };
    let run = |reach| move_all(pool, reach, volumes, None, &request, &manner);
    Ok(pool.on_branch(run)?.swap_remove(0))
}

/// As which verb branches move.
struct Manner {
    verb: Verb,
    summary: String,
}

/// Resets all volumes of a compose project. The revision is looked up in each of them; the id of a
/// commit of the whole project names that commit in each.
///
/// # Errors
/// As [`reset`]; also when an id names a commit in some of the volumes only, or different commits,
/// and when no volume belongs to the project.
pub fn reset_project(
    pool: &Pool,
    project: &ProjectName,
    request: &ResetRequest,
) -> Result<Vec<ResetDone>, Error> {
    let volumes = pool.volumes_of_project(project)?;
    pool.on_branch(|reach| reset_all(pool, reach, &volumes, Some(project), request))
}

/// A volume's branch and the commit to reset it to.
struct Destination {
    volume: VolumeName,
    branch: BranchRecord,
    found: Found,
}

/// What a reset knows of a volume besides its trees.
struct Details {
    volume: VolumeName,
    message: String,
    dropped: Vec<CommitRecord>,
    fills: Vec<Fill>,
}

impl restore::Beside for Details {}

fn reset_all(
    pool: &Pool,
    reach: Reach,
    volumes: &[VolumeName],
    project: Option<&ProjectName>,
    request: &ResetRequest,
) -> Result<Vec<ResetDone>, Error> {
    if !request.hard {
        return Err(Error::HardRequired(volumes.to_vec()));
    }
    let manner = Manner { verb: Verb::Reset, summary: format!("reset: moving to {}", request.revision) };
    move_all(pool, reach, volumes, project, request, &manner)
}

fn move_all(
    pool: &Pool,
    reach: Reach,
    volumes: &[VolumeName],
    project: Option<&ProjectName>,
    request: &ResetRequest,
    manner: &Manner,
) -> Result<Vec<ResetDone>, Error> {
    let find = || pool.store().read(|rows| destinations(pool, &rows, volumes, request));
    // A revision that names nothing is refused before anything is locked.
    find()?;
    let begun = pool.sync_and_bound()?;
    let mut sessions = pool.begin_all(reach, manner.verb, volumes, project)?;
    let destinations = find()?;

    let mut group = Group::new(pool);
    for Destination { volume, branch, found } in destinations {
        let session = sessions.take(&volume);
        let source = pool.layout().full(&found.tree);
        let index = pool.known_tree(
            &branch.volume,
            &branch.name,
            (&found.commit.id, &source),
            (Purpose::Discard, volumes),
        )?;
        group.intend(session, manner.summary.clone(), |rows, draft| {
            let fills = bring_back(rows, draft, &found)?;
            let id = found.commit.id;
            let head = BranchRecord { head: Some(id.clone()), ..branch.clone() };
            draft.change(RowChange::update(Row::Branch(branch.clone()), Row::Branch(head)));
            let dropped = unreachable(rows, &branch, Some(&id))?;
            drop_commits(draft, &dropped)?;
            draft.move_head(Some(id.clone()));
            let details = Details { volume: volume.clone(), message: found.commit.message, dropped, fills };
            Restore::plan(rows, draft, (&volume, branch), (id, source), index, details)
        })?;
    }
    group.each().try_for_each(|restore| pool.fill(&restore.verb.fills))?;
    let outcome = restore::run(pool, group, begun, Purpose::Discard)?;
    note_starts(pool, volumes, &outcome.disruption);
    let done = outcome.volumes.into_iter().map(|restore| ResetDone {
        volume: restore.verb.volume,
        branch: restore.branch.name,
        from: restore.branch.head,
        to: restore.commit,
        message: restore.verb.message,
        dropped: restore.verb.dropped.into_iter().map(|commit| commit.id).collect(),
        copied: restore.copied,
        quiesced: restore.quiesced,
        disruption: outcome.disruption.clone(),
    });
    Ok(done.collect())
}

fn destinations(
    pool: &Pool,
    rows: &Rows<'_>,
    volumes: &[VolumeName],
    request: &ResetRequest,
) -> Result<Vec<Destination>, Error> {
    let revision = &request.revision;
    let records = volumes.iter().map(|volume| existing(rows, volume)).collect::<Result<Vec<_>, _>>()?;
    volumes.iter().try_for_each(|volume| refuse_other(rows, revision, volume))?;
    pool.check_joint(rows, &records, revision)?;
    let destination = |record| {
        let found = pool.resolve(rows, record, revision)?;
        let branch = current_branch(rows, record)?;
        if !request.force {
            let action = format!("reset branch {} of volume {}", branch.name, record.name);
            refuse_branch(rows, &branch, &action)?;
        }
        Ok(Destination { volume: record.name.clone(), branch, found })
    };
    records.iter().map(destination).collect()
}
