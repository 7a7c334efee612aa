//! Deletes what no branch and no tag of a repository needs any more.
//!
//! The lock is taken alone, so no process pushes or reads trees meanwhile. Then, in this order:
//!
//! 1. commits that no branch, no tag and no recent move leads to, 14 days after they were written
//! 2. moves that others replaced, after 30 days; a move goes after all that it replaced, or those
//!    would be heads again
//! 3. packs: what nothing uses is marked, and deleted 23 hours later by the next run
//!
//! All ages are by the place's own clock.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Span;
use rustic_core::PruneOptions;
use rustic_core::repofile::SnapshotId;
use serde::Serialize;

use super::error::RemoteError;
use super::format::lock::{Holder, Lock, Waiting, sweep_locks};
use super::format::repository::Repository;
use super::places::transport::UNFINISHED;
use super::refs::fold::{RefMove, by_ref, heads};
use super::refs::records::Records;
use crate::model::{CommitId, VolumeName};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How long what is not needed is kept.
#[derive(Debug, Clone, Copy)]
struct Grace {
    /// Commits, in milliseconds.
    commits: i64,
    /// Moves that others replaced, in milliseconds.
    moves: i64,
    /// Packs that are marked.
    packs: Span,
}

impl Default for Grace {
    fn default() -> Self {
        Grace { commits: 14 * DAY_MS, moves: 30 * DAY_MS, packs: Span::new().hours(23) }
    }
}

/// What was deleted from a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Swept {
    /// Commits.
    pub commits: Vec<SweptCommit>,
    /// Moves of refs that others replaced.
    pub moves: usize,
    /// Bytes of data that nothing uses: marked, to be deleted by a later run.
    pub marked: u64,
    /// Bytes of marked data that was deleted.
    pub deleted: u64,
    /// Bytes of data in use.
    pub used: u64,
}

/// A commit that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SweptCommit {
    /// The volume's name in the repository.
    pub volume: VolumeName,
    /// The commit.
    pub commit: CommitId,
}

/// The snapshots that nothing needs.
#[derive(Debug, Default)]
struct Waste {
    commits: Vec<(SweptCommit, SnapshotId)>,
    /// Further snapshots of a commit.
    spare: Vec<SnapshotId>,
    /// Moves, in the order in which they may be deleted.
    moves: Vec<SnapshotId>,
}

impl Repository {
    /// Deletes what no branch and no tag needs any more; with `dry_run`, only tells what it would.
    ///
    /// # Errors
    /// [`RemoteError::Locked`] while another process uses the repository; and when the place cannot
    /// be used. What was deleted so far was not needed.
    pub fn sweep(&self, holder: &Holder, waiting: &Waiting, dry_run: bool) -> Result<Swept, RemoteError> {
        let lock = self.lock(holder, !dry_run, waiting)?;
        let swept = self.sweep_after(&Grace::default(), &lock, dry_run);
        swept.map_err(|error| match error {
            RemoteError::Interrupted if !dry_run => RemoteError::SweepInterrupted,
            error => error,
        })
    }

    fn sweep_after(&self, grace: &Grace, lock: &Lock, dry_run: bool) -> Result<Swept, RemoteError> {
        let records = self.records()?;
        let ages = self.ages(lock.taken())?;
        let waste = Waste::find(&records, grace, &|id| ages.get(id).copied().unwrap_or(0));
        let snapshots: Vec<SnapshotId> = waste.snapshots().collect();
        let mut options = PruneOptions::default();
        options.keep_delete = grace.packs;
        if dry_run {
            options.ignore_snaps = snapshots;
        } else {
            for id in snapshots {
                self.storage.check_interrupted()?;
                self.storage.delete(&format!("snapshots/{}", id.to_hex().as_str()))?;
            }
            sweep_locks(&self.storage, lock.taken())?;
            self.sweep_announcements(lock.taken())?;
            self.storage.delete_older(UNFINISHED, lock.taken() - DAY_MS)?;
        }
        let plan = self.run("read", |open| open.prune_plan(&options))?;
        let size = plan.stats.size_sum();
        let swept = Swept {
            commits: waste.commits.into_iter().map(|(commit, _)| commit).collect(),
            moves: waste.moves.len(),
            marked: size.remove + size.repackrm + plan.stats.size_unref,
            deleted: plan.stats.size_to_delete.remove,
            used: size.used,
        };
        if !dry_run {
            self.run("tidy up", |open| open.prune(&options, plan))?;
        }
        Ok(swept)
    }

    /// Returns how long ago each snapshot was written, in milliseconds.
    fn ages(&self, now: i64) -> Result<BTreeMap<SnapshotId, i64>, RemoteError> {
        let listed = self.storage.list("snapshots")?.into_iter();
        Ok(listed.filter_map(|object| Some((object.name.parse().ok()?, now - object.modified))).collect())
    }
}

impl Waste {
    fn find(records: &Records, grace: &Grace, age: &dyn Fn(&SnapshotId) -> i64) -> Self {
        let mut waste = Waste::default();
        for volume in records.volumes() {
            let moves = records.moves(&volume);
            let by_id = moves.iter().map(|(id, (one, _))| (*id, *one)).collect();
            let gone = replaced(&by_id, &|id| age(&moves[id].1), grace.moves);
            let going: BTreeSet<&str> = gone.iter().map(String::as_str).collect();
            let kept = moves.iter().filter(|(id, _)| !going.contains(*id));
            let mut next: Vec<&CommitId> = kept.filter_map(|(_, (one, _))| one.to.as_ref()).collect();
            let is_young = |id: &SnapshotId| age(id) <= grace.commits;
            let commits = records.commits(&volume);
            next.extend(commits.filter(|one| is_young(&one.id)).map(|one| &one.note.record.id));
            let needed: BTreeSet<&CommitId> = next
                .into_iter()
                .flat_map(|id| records.ancestry(&volume, id))
                .map(|one| &one.note.record.id)
                .collect();
            for one in records.commits(&volume).filter(|one| !needed.contains(&one.note.record.id)) {
                let commit = SweptCommit { volume: volume.clone(), commit: one.note.record.id.clone() };
                waste.commits.push((commit, one.id));
            }
            waste.moves.extend(gone.iter().map(|id| moves[id.as_str()].1));
        }
        waste.spare = records.spare().filter(|id| age(id) > grace.commits).collect();
        waste
    }

    /// Iterates over the snapshots in the order in which they may be deleted.
    fn snapshots(&self) -> impl Iterator<Item = SnapshotId> {
        let commits = self.commits.iter().map(|(_, id)| *id);
        commits.chain(self.spare.iter().copied()).chain(self.moves.iter().copied())
    }
}

/// Lists the moves that are replaced, or delete a ref, and are older than `limit`: each after all
/// that it replaced.
fn replaced(moves: &BTreeMap<&str, &RefMove>, age: &dyn Fn(&str) -> i64, limit: i64) -> Vec<String> {
    let of_refs = by_ref(moves.values().copied());
    let heads: BTreeSet<&str> = of_refs.values().flat_map(heads).map(|one| one.id.as_str()).collect();
    let mut left: Vec<&RefMove> = moves.values().copied().collect();
    left.sort_by_key(|one| std::cmp::Reverse(age(&one.id)));
    let mut kept: BTreeSet<&str> = moves.keys().copied().collect();
    let mut gone = Vec::new();
    loop {
        let before = gone.len();
        left.retain(|one| {
            let is_needed = heads.contains(one.id.as_str()) && one.to.is_some();
            let replaces_none = one.replaces.iter().all(|id| *id == one.id || !kept.contains(id.as_str()));
            let goes = !is_needed && replaces_none && age(&one.id) > limit;
            if goes {
                kept.remove(one.id.as_str());
                gone.push(one.id.clone());
            }
            !goes
        });
        if gone.len() == before {
            return gone;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use quickcheck::quickcheck;

    use super::*;
    use crate::model::{Instant, RemoteUrl};
    use crate::remotes::refs::fold::MoveReason;
    use crate::remotes::{CloudAccess, Secret, Sending};

    fn moved(id: usize, is_delete: bool, replaces: &[usize]) -> RefMove {
        RefMove {
            id: id.to_string(),
            reference: "heads/master".parse().unwrap(),
            to: (!is_delete).then(|| format!("{id:032x}").parse().unwrap()),
            replaces: replaces.iter().map(ToString::to_string).collect(),
            by: String::new(),
            date: Instant { micros: 0, offset: 0 },
            tag: None,
            reason: MoveReason::Push,
        }
    }

    #[test]
    fn what_nothing_uses_is_marked_by_one_run_and_deleted_by_a_later_one() {
        let dir = tempfile::tempdir().unwrap();
        let url: RemoteUrl = dir.path().join("repository").to_str().unwrap().parse().unwrap();
        let (cloud, secret) = (CloudAccess::default(), Secret::new("x".to_owned()).unwrap());
        let repository =
            Repository::open_or_make(&url, &cloud, &secret, &dir.path().join("cache"), 0).unwrap();
        let mut records = Records::default();
        let note = crate::remotes::refs::moves::tests::note(1);
        let (manifest, cancel) = (vec![7; 100_000], Arc::default());
        let sending =
            Sending { note: &note, tree: None, manifest: &manifest, cancel, progress: Box::new(|_| ()) };
        repository.send(&mut records, sending).unwrap();
        let holder = crate::remotes::refs::moves::tests::holder();
        let waiting =
            Waiting { limit: std::time::Duration::ZERO, cancel: Arc::default(), tell: Arc::new(|_, _| ()) };
        let lock = repository.lock(&holder, true, &waiting).unwrap();
        let packs = || repository.storage.list("data").unwrap().len();
        let before = packs();
        let grace = |packs| Grace { commits: -1, moves: -1, packs };
        let swept = repository.sweep_after(&grace(Span::new().hours(23)), &lock, false).unwrap();
        assert_eq!((swept.commits.len(), swept.deleted, packs()), (1, 0, before));
        assert!(swept.marked > 0);
        let swept = repository.sweep_after(&grace(Span::new().hours(23)), &lock, false).unwrap();
        assert_eq!((swept.deleted, packs()), (0, before), "too early");
        let swept = repository.sweep_after(&grace(Span::new()), &lock, false).unwrap();
        assert!(swept.deleted > 0 && packs() == 0, "{swept:?}");
    }

    fn leads(moves: &BTreeMap<&str, &RefMove>) -> BTreeSet<String> {
        heads(moves).into_iter().filter(|one| one.to.is_some()).map(|one| one.id.clone()).collect()
    }

    #[test]
    fn a_move_goes_after_all_that_it_replaced_and_a_deletion_goes_last() {
        let moves = [moved(1, false, &[]), moved(2, false, &[1]), moved(3, true, &[2])];
        let by_id: BTreeMap<&str, &RefMove> = moves.iter().map(|one| (one.id.as_str(), one)).collect();
        assert_eq!(replaced(&by_id, &|_| 9, 5), ["1", "2", "3"]);
        assert_eq!(replaced(&by_id, &|_| 5, 5), [""; 0]);
        // The oldest is kept, so what replaces it is, too.
        let ages = |id: &str| if id == "1" { 3 } else { 9 };
        assert_eq!(replaced(&by_id, &ages, 5), [""; 0]);
    }

    quickcheck! {
        /// However many of the moves are deleted before the process dies, the ref leads where it
        /// led.
        fn no_deletion_brings_an_old_head_back(steps: Vec<(u8, u8, bool)>, ages: Vec<u8>) -> bool {
            let mut moves: Vec<RefMove> = Vec::new();
            for (seen, _, is_delete) in steps {
                let known = &moves[..usize::from(seen) % (moves.len() + 1)];
                let known: BTreeMap<&str, &RefMove> = known.iter().map(|one| (one.id.as_str(), one)).collect();
                let replaces: Vec<usize> = heads(&known).iter().map(|one| one.id.parse().unwrap()).collect();
                moves.push(moved(moves.len(), is_delete, &replaces));
            }
            let mut by_id: BTreeMap<&str, &RefMove> = moves.iter().map(|one| (one.id.as_str(), one)).collect();
            let age = |id: &str| i64::from(ages.get(id.parse::<usize>().unwrap()).copied().unwrap_or(200));
            let expected = leads(&by_id);
            replaced(&by_id.clone(), &age, 100).iter().all(|id| {
                by_id.remove(id.as_str());
                leads(&by_id) == expected
            })
        }
    }
}
