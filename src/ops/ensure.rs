//! `ensure`: bring a volume to the state that a tag names, which a command makes if there is no
//! such tag yet.
//!
//! The command, SEED, runs between two operations, as that of `run --rollback` does: a snapshot
//! before it, a rollback after it. If SEED succeeds, its state is tagged before the rollback, and
//! the volume is reset to it afterwards. So whatever dies when, the tag names a whole state or is
//! not there, and an undo of the reset gives back what was there before.

use std::time::Duration;

use serde::Serialize;

use super::commit::{Surroundings, take_checksums};
use super::protect::refuse_branch;
use super::reset::{ResetDone, ResetRequest, reset};
use super::rollback::{Name, Snapshot, is_unknown, keep, left_by_ensure, rollback, snapshot};
use super::tag::refuse_taken;
use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, CommitId, Revision, TagName, Verb, VolumeName};
use crate::pool::{Disruption, Notice, Pool, SeedLock, current_branch, existing, refuse_other};
use crate::sys::tree::CopyStats;

/// A request to bring a volume to a state.
#[derive(Debug, Clone)]
pub struct EnsureRequest {
    /// The volume; `None` means the current one.
    pub volume: Option<VolumeName>,
    /// The tag that names the state.
    pub tag: TagName,
    /// The commit to start SEED from; `None` means the volume as it is.
    pub from: Option<Revision>,
    /// How long to wait for another `ensure` on the volume; `None` for as long as its SEED takes.
    pub limit: Option<Duration>,
    /// Whether a protected branch may be reset.
    pub force: bool,
}

/// What became of a request.
pub enum Looked<'p> {
    /// The tag was there, and the volume is at its commit.
    Found(Box<Ensured>),
    /// There is no such tag: SEED is to run now.
    Missing(Box<Seeding<'p>>),
}

/// A volume at the state that a tag names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ensured {
    /// The volume.
    pub volume: VolumeName,
    /// Its current branch.
    pub branch: BranchName,
    /// The tag.
    pub tag: TagName,
    /// The commit that the tag names.
    pub commit: CommitId,
    /// Whether the tag was there; otherwise SEED has run.
    pub found: bool,
    /// Whether the volume was reset to the commit; otherwise it was there already.
    pub reset: bool,
    /// How long all of it took, in seconds.
    pub seconds: f64,
    /// The commits that became unreachable, newest first; they are in trash.
    pub dropped: Vec<CommitId>,
    /// What the reset copied while containers still ran, and how.
    pub copied: CopyStats,
    /// Counts the copies made while containers were held, and the files that stayed as they were.
    pub quiesced: CopyStats,
    /// What became of the containers in the reset.
    #[serde(flatten)]
    pub disruption: Disruption,
}

/// A volume that is ready for SEED, with what brings it back.
#[must_use = "the volume is to be put back"]
pub struct Seeding<'p> {
    pool: &'p Pool,
    tag: TagName,
    snapshot: Snapshot,
    around: Surroundings,
    disruption: Disruption,
    lock: SeedLock,
}

/// Brings a volume to the commit of a tag. If there is no such tag, takes a snapshot of the volume
/// and resets it to where SEED starts from. Calls `around` only then.
///
/// # Errors
/// When the volume or the commit to start from does not exist, a branch has the name of the tag, or
/// one of the operations fails. Nothing is changed then.
pub fn ensure<'p>(
    pool: &'p Pool,
    request: &EnsureRequest,
    around: impl FnOnce() -> Surroundings,
) -> Result<Looked<'p>, Error> {
    let volume = pool.select(request.volume.as_ref())?;
    let lock = pool.lock_seed(&volume, request.limit)?;
    put_back_killed(pool, &volume)?;
    let tag = &request.tag;
    if let Some(commit) = check(pool, &volume, request)? {
        let found = at_commit(pool, &volume, tag, &commit, request.force)?;
        return Ok(Looked::Found(Box::new(found)));
    }
    let around = around();
    let before = format!("seeding {tag}");
    // The reset restarts the containers again.
    let unwaiting = pool.without_waiting();
    let first = if request.from.is_some() { &unwaiting } else { pool };
    let snapshot = snapshot(first, Some(&volume), (Verb::Ensure, &before), &around.author)?;
    let disruption = snapshot.disruption.clone();
    let mut seeding = Seeding { pool, tag: tag.clone(), snapshot, around, disruption, lock };
    if let Some(from) = &request.from {
        let request = ResetRequest { volume: Some(volume), revision: from.clone(), hard: true, force: true };
        match reset(pool, &request) {
            Ok(done) => seeding.disruption = done.disruption,
            Err(error) => {
                seeding.put_back(true)?;
                return Err(error);
            }
        }
    }
    Ok(Looked::Missing(Box::new(seeding)))
}

/// Puts a volume back that an `ensure` which was killed left as its SEED had it.
fn put_back_killed(pool: &Pool, volume: &VolumeName) -> Result<(), Error> {
    for snapshot in pool.store().read(|rows| left_by_ensure(&rows, volume))? {
        rollback(pool, &snapshot)?;
        pool.tell(&Notice::PutBack { volume: volume.to_string(), next: snapshot.next });
    }
    Ok(())
}

/// Returns the commit of the tag, if it is there. Otherwise checks that it can be made.
fn check(pool: &Pool, volume: &VolumeName, request: &EnsureRequest) -> Result<Option<CommitId>, Error> {
    pool.store().read(|rows| {
        let record = existing(&rows, volume)?;
        if let Some(tag) = rows.tag(record.owner(), &request.tag)? {
            return Ok(Some(tag.commit));
        }
        refuse_taken(&rows, volume, &request.tag)?;
        if !request.force {
            // SEED would run for nothing: the volume is reset to what it made.
            let branch = current_branch(&rows, &record)?;
            refuse_branch(&rows, &branch, &format!("reset branch {} of volume {volume}", branch.name))?;
        }
        if let Some(from) = &request.from {
            refuse_other(&rows, from, volume)?;
            pool.resolve(&rows, &record, from)?;
        }
        Ok(None)
    })
}

/// Resets a volume to the commit of a tag, unless it is there already and nothing runs on it.
fn at_commit(
    pool: &Pool,
    volume: &VolumeName,
    tag: &TagName,
    commit: &CommitId,
    force: bool,
) -> Result<Ensured, Error> {
    let (record, branch) = pool.store().read(|rows| {
        let record = existing(&rows, volume)?;
        let branch = current_branch(&rows, &record)?;
        Ok::<_, Error>((record, branch))
    })?;
    let mut ensured = Ensured {
        volume: volume.clone(),
        branch: branch.name,
        tag: tag.clone(),
        commit: commit.clone(),
        found: true,
        reset: false,
        seconds: 0.0,
        dropped: Vec::new(),
        copied: CopyStats::default(),
        quiesced: CopyStats::default(),
        disruption: Disruption::default(),
    };
    if branch.head.as_ref() != Some(commit) || is_unknown(pool, &record)? {
        let revision = tag.as_str().parse()?;
        let request = ResetRequest { volume: Some(volume.clone()), revision, hard: true, force };
        let ResetDone { dropped, copied, quiesced, disruption, .. } = reset(pool, &request)?;
        ensured = Ensured { reset: true, dropped, copied, quiesced, disruption, ..ensured };
    }
    Ok(ensured)
}

impl Seeding<'_> {
    /// Returns the volume.
    pub fn volume(&self) -> &VolumeName {
        &self.snapshot.volume
    }

    /// Returns the tag that keeps the snapshot.
    pub fn snapshot_tag(&self) -> &TagName {
        &self.snapshot.tag
    }

    /// Says what became of the containers so far.
    pub fn disruption(&self) -> &Disruption {
        &self.disruption
    }

    /// Writes down the process that runs SEED, so that an `ensure` after one that is killed can
    /// wait for it.
    pub fn note_process(&self, pid: u32) {
        self.lock.note(pid);
    }

    /// Commits what SEED made and tags it.
    ///
    /// # Errors
    /// When the tree is too large, or cannot be committed. There is no tag then.
    pub fn keep(&self) -> Result<(), Error> {
        let (pool, volume) = (self.pool.without_waiting(), self.volume());
        let tree = pool.store().read(|rows| {
            let branch = current_branch(&rows, &existing(&rows, volume)?)?;
            Ok::<_, Error>(pool.layout().full(&layout::working_tree(&branch.volume, &branch.name)))
        })?;
        pool.check_size(volume, None, &tree)?;
        let name = Name {
            tag: self.tag.clone(),
            summary: format!("ensure: seeded {}", self.tag),
            message: format!("Seeded {}", self.tag),
            is_snapshot: false,
        };
        let Surroundings { author, code } = &self.around;
        keep(&pool, volume, Verb::Ensure, &name, (author, code.clone()))?;
        take_checksums(&pool, volume)
    }

    /// Puts the volume back as it was before SEED; with `is_last`, waits until its containers are
    /// ready. Cannot be interrupted.
    ///
    /// # Errors
    /// When a step fails. The tag of the snapshot is still there then, and the next `ensure` tries
    /// again.
    pub fn put_back(&self, is_last: bool) -> Result<Disruption, Error> {
        let pool = self.pool.uninterrupted();
        let pool = if is_last { pool } else { pool.without_waiting() };
        rollback(&pool, &self.snapshot)
    }

    /// Resets the volume to what SEED made, after it was put back.
    ///
    /// # Errors
    /// Those of [`reset`]. The volume is as it was before then; the tag is there.
    pub fn reset(self) -> Result<Ensured, Error> {
        let commit = self.pool.store().read(|rows| rows.tag(&rows.owner(self.volume())?, &self.tag))?;
        let missing = || Error::NoTag { volume: self.volume().clone(), tag: self.tag.to_string() };
        let commit = commit.ok_or_else(missing)?.commit;
        let ensured = at_commit(self.pool, self.volume(), &self.tag, &commit, true)?;
        Ok(Ensured { found: false, ..ensured })
    }
}
