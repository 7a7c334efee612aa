//! Commits and moves of refs, as a repository keeps them: each is a snapshot of restic's format,
//! with its record as JSON in the description. So restic lists them, and keeps their trees when it
//! prunes.

use std::collections::{BTreeMap, BTreeSet};

use rustic_core::repofile::{SnapshotFile, SnapshotId};
use rustic_core::{SnapshotOptions, StringList};
use serde::{Deserialize, Serialize};

use super::error::RemoteError;
use super::fold::{AllRefs, RefMove, fold};
use super::repository::Repository;
use crate::model::{CommitId, CommitRecord, RefName, VolumeName};

/// The tag of all snapshots that dvol made.
const OURS: &str = "dvol";
/// The tag of commits.
const COMMIT: &str = "commit";
/// The format of the descriptions that this program writes and reads.
const FORMAT: u32 = 1;

/// The record of a commit in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitNote {
    /// The commit.
    pub record: CommitRecord,
    /// Number of entries in its tree, the root included.
    pub entries: u64,
    /// Bytes in its files, without holes.
    pub bytes: u64,
    /// The checksum of the list of its entries' checksums, in hex.
    pub sums: String,
    /// Whether the tree is not in the repository: only the record came with a push from a machine
    /// that did not have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_data: bool,
    /// The processor architecture of the machine that pushed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
}

/// A description.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    dvol: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit: Option<CommitNote>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r#move: Option<RefMove>,
}

/// A commit with its tree.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its record.
    pub note: CommitNote,
    /// The snapshot's file.
    pub(super) snapshot: SnapshotFile,
}

/// All that a repository has of volumes, without trees.
#[derive(Debug, Clone, Default)]
pub struct Records {
    /// The snapshot files that were read.
    seen: BTreeSet<SnapshotId>,
    /// The commits, by volume.
    commits: BTreeMap<VolumeName, BTreeMap<CommitId, Stored>>,
    /// The moves, by volume, with the snapshots that carry them.
    moves: BTreeMap<VolumeName, BTreeMap<String, RefMove>>,
}

impl Records {
    /// Returns a commit of a volume.
    pub fn commit(&self, volume: &VolumeName, id: &CommitId) -> Option<&Stored> {
        self.commits.get(volume)?.get(id)
    }

    /// Lists the commits of a volume.
    pub fn commits(&self, volume: &VolumeName) -> impl Iterator<Item = &Stored> {
        self.commits.get(volume).into_iter().flat_map(BTreeMap::values)
    }

    /// Folds the moves of one volume.
    pub(super) fn refs(&self, volume: &VolumeName) -> super::fold::Refs {
        self.moves.get(volume).map(|moves| fold(moves.values())).unwrap_or_default()
    }

    /// Returns the moves of a ref that no other replaces, deletions included.
    pub fn heads(&self, volume: &VolumeName, reference: &RefName) -> Vec<RefMove> {
        let moves = self.moves.get(volume).into_iter().flat_map(BTreeMap::values);
        let moves =
            moves.filter(|one| one.reference == *reference).map(|one| (one.id.as_str(), one)).collect();
        super::fold::heads(&moves).into_iter().cloned().collect()
    }

    /// Returns where each branch and tag of a volume leads: the newest commit, and further ones
    /// where pushes crossed. What leads to a commit that the repository does not have is left out.
    pub fn leads(&self, volume: &VolumeName) -> BTreeMap<RefName, (CommitId, Vec<CommitId>)> {
        let mut leads = BTreeMap::new();
        for (reference, heads) in self.refs(volume) {
            let mut ids: Vec<&CommitRecord> = heads
                .iter()
                .filter_map(|head| Some(&self.commit(volume, head.to.as_ref()?)?.note.record))
                .collect();
            ids.sort_by(|a, b| a.newest_first(b));
            ids.dedup_by(|a, b| a.id == b.id);
            let mut ids = ids.into_iter().map(|record| record.id.clone());
            if let Some(first) = ids.next() {
                leads.insert(reference, (first, ids.collect()));
            }
        }
        leads
    }

    /// Folds the moves of all volumes.
    pub fn all_refs(&self) -> AllRefs {
        self.moves.keys().map(|volume| (volume.clone(), self.refs(volume))).collect()
    }

    /// Returns the volume's commits from `start` on, the newest first, as far as there are records.
    pub fn ancestry(&self, volume: &VolumeName, start: &CommitId) -> Vec<&Stored> {
        let (mut chain, mut seen) = (Vec::new(), BTreeSet::new());
        let mut next = self.commit(volume, start);
        while let Some(stored) = next.filter(|stored| seen.insert(stored.note.record.id.clone())) {
            chain.push(stored);
            next = stored.note.record.parent.as_ref().and_then(|parent| self.commit(volume, parent));
        }
        chain
    }

    /// Adds a commit that was just written.
    pub(super) fn add_commit(&mut self, id: SnapshotId, stored: Stored) {
        self.seen.insert(id);
        let record = &stored.note.record;
        self.commits.entry(record.volume.clone()).or_default().insert(record.id.clone(), stored);
    }

    fn add(&mut self, id: SnapshotId, snapshot: SnapshotFile) {
        self.seen.insert(id);
        if !snapshot.tags.contains(OURS) {
            return;
        }
        // Names and ids pass the model's rules here, whoever wrote them.
        let volume = snapshot.hostname.parse::<VolumeName>().ok();
        let text = snapshot.description.as_deref().unwrap_or_default();
        let description = serde_json::from_str::<Description>(text).ok();
        match (volume, description) {
            (Some(volume), Some(Description { dvol: FORMAT, commit: Some(mut note), .. })) => {
                note.record.volume = volume.clone();
                note.record.forgotten = false;
                let id = note.record.id.clone();
                let commits = self.commits.entry(volume).or_default();
                if commits.get(&id).is_none_or(|known| known.note.without_data) {
                    commits.insert(id, Stored { note, snapshot });
                }
            }
            (Some(volume), Some(Description { dvol: FORMAT, r#move: Some(one), .. })) => {
                self.moves.entry(volume).or_default().insert(one.id.clone(), one);
            }
            _ => tracing::warn!("snapshot {} has no record that this dvol reads", id.to_hex().as_str()),
        }
    }
}

impl Repository {
    /// Reads what `records` does not have yet.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub fn refresh(&self, records: &mut Records) -> Result<(), RemoteError> {
        let listed = self.snapshot_ids()?;
        if !records.seen.is_subset(&listed) {
            // Records were deleted: nothing is taken from before.
            *records = Records::default();
        }
        let new: Vec<SnapshotId> = listed.difference(&records.seen).copied().collect();
        for (id, snapshot) in self.snapshots(&new)? {
            records.add(id, snapshot);
        }
        Ok(())
    }

    /// Reads all records.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub fn records(&self) -> Result<Records, RemoteError> {
        let mut records = Records::default();
        self.refresh(&mut records)?;
        Ok(records)
    }

    /// Writes a move of a ref of `volume`. Its snapshot has the tree of `tree`.
    pub(super) fn save_move(
        &self,
        volume: &VolumeName,
        one: &RefMove,
        tree: &Stored,
    ) -> Result<(), RemoteError> {
        let description = Description { dvol: FORMAT, commit: None, r#move: Some(one.clone()) };
        let mut snapshot = snapshot_of(volume, &one.reference.to_string(), &description, one.date.to_zoned());
        snapshot.tree = tree.snapshot.tree;
        snapshot.paths = tree.snapshot.paths.clone();
        self.run("write", |open| open.save_snapshots(vec![snapshot]))
    }
}

/// Starts the snapshot of a commit, without its tree.
pub(super) fn snapshot_of_commit(note: &CommitNote) -> SnapshotFile {
    let description = Description { dvol: FORMAT, commit: Some(note.clone()), r#move: None };
    snapshot_of(&note.record.volume, COMMIT, &description, note.record.date.to_zoned())
}

fn snapshot_of(volume: &VolumeName, tag: &str, description: &Description, time: jiff::Zoned) -> SnapshotFile {
    let mut tags = StringList::default();
    tags.add(OURS.to_owned());
    tags.add(tag.to_owned());
    let mut options = SnapshotOptions::default();
    options.host = Some(volume.to_string());
    options.time = Some(time);
    options.command = Some("dvol".to_owned());
    options.description =
        Some(serde_json::to_string(description).expect("a description has string keys only"));
    let mut snapshot = options.to_snapshot().expect("a snapshot with a host and a time needs nothing else");
    snapshot.set_tags(vec![tags]);
    snapshot.username = "dvol".to_owned();
    snapshot.program_version = concat!("dvol ", env!("CARGO_PKG_VERSION")).to_owned();
    snapshot
}
