//! Commits and moves of refs, as a repository keeps them: each is a snapshot of restic's format,
//! with its record as JSON in the description. So restic lists them, and keeps their trees when it
//! prunes.

use std::collections::{BTreeMap, BTreeSet};

use rustic_core::repofile::{SnapshotFile, SnapshotId};
use rustic_core::{SnapshotOptions, StringList, TreeId};
use serde::{Deserialize, Serialize};

use super::fold::{AllRefs, RefMove, fold};
use crate::model::{CommitId, CommitRecord, MadeOn, RefName, VolumeName};
use crate::remotes::error::RemoteError;
use crate::remotes::format::repository::Repository;

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
    /// The processor architecture that its files are of, for an older dvol, which looks here. Where
    /// the record does not say it, that of the machine that pushed it.
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
    pub(in crate::remotes) snapshot: SnapshotFile,
    /// The name of that file.
    pub(in crate::remotes) id: SnapshotId,
}

/// A move with the snapshot that carries it.
#[derive(Debug, Clone)]
struct Carried {
    one: RefMove,
    snapshot: SnapshotId,
    tree: TreeId,
}

/// All that a repository has of volumes, without trees.
#[derive(Debug, Clone, Default)]
pub struct Records {
    /// The snapshot files that were read.
    seen: BTreeSet<SnapshotId>,
    /// The commits, by volume.
    commits: BTreeMap<VolumeName, BTreeMap<CommitId, Stored>>,
    /// The moves, by volume, with the snapshots that carry them.
    moves: BTreeMap<VolumeName, BTreeMap<String, Carried>>,
    /// Snapshots of commits that another snapshot has as well.
    spare: BTreeSet<SnapshotId>,
    /// Snapshots of dvol whose records cannot be read.
    unread: BTreeSet<SnapshotId>,
    /// Trees of snapshots that dvol did not make.
    foreign: Vec<TreeId>,
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
    pub(in crate::remotes) fn refs(&self, volume: &VolumeName) -> super::fold::Refs {
        let moves = self.moves.get(volume).into_iter().flat_map(BTreeMap::values);
        fold(moves.map(|carried| &carried.one))
    }

    /// Returns the moves of a ref that no other replaces, deletions included.
    pub fn heads(&self, volume: &VolumeName, reference: &RefName) -> Vec<RefMove> {
        let moves = self.moves(volume).into_iter().filter(|(_, (one, _))| one.reference == *reference);
        let moves = moves.map(|(id, (one, _))| (id, one)).collect();
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

    /// Returns the bytes of the largest commit of any volume.
    pub fn largest(&self) -> u64 {
        let commits = self.commits.values().flat_map(BTreeMap::values);
        commits.map(|stored| stored.note.bytes).max().unwrap_or(0)
    }

    /// Lists the volumes.
    pub(in crate::remotes) fn volumes(&self) -> BTreeSet<VolumeName> {
        self.commits.keys().chain(self.moves.keys()).cloned().collect()
    }

    /// Returns the moves of a volume by their ids, with the snapshots that carry them.
    pub(in crate::remotes) fn moves(&self, volume: &VolumeName) -> BTreeMap<&str, (&RefMove, SnapshotId)> {
        let moves = self.moves.get(volume).into_iter().flatten();
        moves.map(|(id, carried)| (id.as_str(), (&carried.one, carried.snapshot))).collect()
    }

    /// Iterates over the snapshots of commits that another snapshot has as well.
    pub(in crate::remotes) fn spare(&self) -> impl Iterator<Item = SnapshotId> {
        self.spare.iter().copied()
    }

    /// Iterates over the snapshots of dvol whose records cannot be read.
    pub(in crate::remotes) fn unread(&self) -> impl Iterator<Item = SnapshotId> {
        self.unread.iter().copied()
    }

    /// Iterates over the trees of all snapshots, also of those that dvol did not make.
    pub(in crate::remotes) fn trees(&self) -> impl Iterator<Item = TreeId> {
        let commits = self.commits.values().flat_map(BTreeMap::values).map(|one| one.snapshot.tree);
        let moves = self.moves.values().flat_map(BTreeMap::values).map(|carried| carried.tree);
        commits.chain(moves).chain(self.foreign.iter().copied())
    }

    /// Forgets a move whose snapshot has gone.
    pub(super) fn drop_move(&mut self, volume: &VolumeName, id: &str) {
        if let Some(moves) = self.moves.get_mut(volume) {
            moves.remove(id);
        }
    }

    /// Adds a commit that was just written.
    pub(in crate::remotes) fn add_commit(&mut self, stored: Stored) {
        self.seen.insert(stored.id);
        let record = &stored.note.record;
        self.commits.entry(record.volume.clone()).or_default().insert(record.id.clone(), stored);
    }

    fn add(&mut self, id: SnapshotId, snapshot: SnapshotFile) {
        self.seen.insert(id);
        if !snapshot.tags.contains(OURS) {
            self.foreign.push(snapshot.tree);
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
                let told = &note.architecture;
                note.record.made_on = note.record.made_on.or_else(|| told.clone().map(MadeOn::machine));
                let commit = note.record.id.clone();
                let commits = self.commits.entry(volume).or_default();
                let is_better = |known: &Stored| known.note.without_data && !note.without_data;
                if commits.get(&commit).is_none_or(is_better) {
                    let known = commits.insert(commit, Stored { note, snapshot, id });
                    self.spare.extend(known.map(|known| known.id));
                } else {
                    self.spare.insert(id);
                }
            }
            (Some(volume), Some(Description { dvol: FORMAT, r#move: Some(one), .. })) => {
                let carried = Carried { snapshot: id, tree: snapshot.tree, one };
                self.moves.entry(volume).or_default().insert(carried.one.id.clone(), carried);
            }
            _ => {
                self.unread.insert(id);
                tracing::warn!("snapshot {} has no record that this dvol reads", id.to_hex().as_str());
            }
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
        let mut damaged: BTreeSet<SnapshotId> = new.iter().copied().collect();
        for (id, snapshot) in self.snapshots(&new)? {
            damaged.remove(&id);
            records.add(id, snapshot);
        }
        records.unread.extend(damaged);
        self.doubt_crossed(records)
    }

    /// Looks again for each head that is one of several, past the cache. Some stores go on listing
    /// files that were deleted, and a move that was deleted because others replaced it would be a
    /// head again.
    fn doubt_crossed(&self, records: &mut Records) -> Result<(), RemoteError> {
        for (volume, refs) in records.all_refs() {
            for head in refs.into_values().filter(|heads| heads.len() > 1).flatten() {
                let Some((_, snapshot)) = records.moves(&volume).get(head.id.as_str()).copied() else {
                    continue;
                };
                if self.storage.get(&format!("snapshots/{}", snapshot.to_hex().as_str()))?.is_none() {
                    records.drop_move(&volume, &head.id);
                }
            }
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
pub(in crate::remotes) fn snapshot_of_commit(note: &CommitNote) -> SnapshotFile {
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
