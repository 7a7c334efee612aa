//! Checks a repository: packs, indexes and trees by the library of the format; records and refs by
//! rules of dvol.

use std::collections::BTreeMap;

use rustic_core::{CheckOptions, CheckResults};

use super::error::RemoteError;
use super::format::lock::{Holder, Waiting};
use super::format::repository::Repository;
use super::refs::fold::{RefMove, by_ref, heads, in_ring, unreplaced};
use super::refs::records::Records;
use crate::model::{CommitId, RefName, VolumeName};

/// The most faults of one kind that are told one by one.
const MAX_TOLD: usize = 100;

/// Something that is wrong with a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteFault {
    /// Packs, indexes or trees are damaged; the library's words.
    Damaged(String),
    /// Packs that no index names, as a dead push leaves them.
    Unindexed(usize),
    /// A snapshot of dvol whose record cannot be read.
    Unread(String),
    /// A commit names a parent that the repository has no record of.
    NoParent {
        /// The volume.
        volume: VolumeName,
        /// The commit.
        commit: CommitId,
        /// Its parent.
        parent: CommitId,
    },
    /// A branch or a tag leads to a commit that the repository has no record of.
    NoCommit {
        /// The volume.
        volume: VolumeName,
        /// The branch or the tag.
        reference: RefName,
        /// The commit.
        commit: CommitId,
    },
    /// A branch or a tag leads to several commits, as pushes crossed.
    Crossed {
        /// The volume.
        volume: VolumeName,
        /// The branch or the tag.
        reference: RefName,
        /// How many.
        commits: usize,
    },
    /// Moves of a branch or a tag replace each other in a ring, which dvol never writes.
    Ring {
        /// The volume.
        volume: VolumeName,
        /// The branch or the tag.
        reference: RefName,
    },
}

/// What a check of a repository found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteCheck {
    /// The volumes in it.
    pub volumes: usize,
    /// What is wrong.
    pub faults: Vec<RemoteFault>,
}

impl Repository {
    /// Checks the repository; with `deep`, reads all its data too.
    ///
    /// # Errors
    /// When the repository cannot be opened or another process has it alone.
    pub fn check(&self, holder: &Holder, waiting: &Waiting, deep: bool) -> Result<RemoteCheck, RemoteError> {
        let _lock = self.lock_to_read(holder, waiting)?;
        let mut records = Records::default();
        self.refresh(&mut records)?;
        let mut faults = of_records(&records);
        let mut options = CheckOptions::default();
        options.read_data = deep;
        let trees = records.trees().collect();
        match self.run("check", |open| open.check_with_trees(options, trees)) {
            Ok(found) => add_library(found, &mut faults),
            // What cannot even be read is a fault, unless the place is out of reach.
            Err(RemoteError::Repository { reason, .. }) => faults.push(RemoteFault::Damaged(reason)),
            Err(error) => return Err(error),
        }
        Ok(RemoteCheck { volumes: records.volumes().len(), faults })
    }
}

/// Takes over what the library found.
fn add_library(found: CheckResults, faults: &mut Vec<RemoteFault>) {
    let (mut unindexed, mut damaged) = (0, 0);
    for one in found.0 {
        let text = one.1.to_string();
        // The library warns of nothing else in a repository of one place.
        if CheckResults(vec![one]).is_ok().is_ok() {
            unindexed += 1;
            continue;
        }
        damaged += 1;
        if damaged <= MAX_TOLD {
            let text = text.split(" To repair:").next().unwrap_or(&text).trim_end_matches(['.', ' ']);
            faults.push(RemoteFault::Damaged(text.to_owned()));
        }
    }
    if damaged > MAX_TOLD {
        faults.push(RemoteFault::Damaged(format!("and {} more faults", damaged - MAX_TOLD)));
    }
    if unindexed > 0 {
        faults.push(RemoteFault::Unindexed(unindexed));
    }
}

fn of_records(records: &Records) -> Vec<RemoteFault> {
    let mut faults: Vec<RemoteFault> =
        records.unread().map(|id| RemoteFault::Unread(id.to_hex().as_str().to_owned())).collect();
    for volume in records.volumes() {
        for one in records.commits(&volume) {
            let record = &one.note.record;
            if let Some(parent) = &record.parent
                && records.commit(&volume, parent).is_none()
            {
                let (volume, commit, parent) = (volume.clone(), record.id.clone(), parent.clone());
                faults.push(RemoteFault::NoParent { volume, commit, parent });
            }
        }
        for (reference, moves) in by_ref(records.moves(&volume).into_values().map(|(one, _)| one)) {
            faults.extend(of_ref(records, &volume, reference, &moves));
        }
    }
    faults
}

fn of_ref(
    records: &Records,
    volume: &VolumeName,
    reference: &RefName,
    moves: &BTreeMap<&str, &RefMove>,
) -> Vec<RemoteFault> {
    let mut faults = Vec::new();
    let leads: Vec<&CommitId> = heads(moves).into_iter().filter_map(|head| head.to.as_ref()).collect();
    for commit in leads.iter().filter(|commit| records.commit(volume, commit).is_none()) {
        let (volume, reference, commit) = (volume.clone(), reference.clone(), (*commit).clone());
        faults.push(RemoteFault::NoCommit { volume, reference, commit });
    }
    if leads.len() > 1 {
        let (volume, reference) = (volume.clone(), reference.clone());
        faults.push(RemoteFault::Crossed { volume, reference, commits: leads.len() });
    }
    if !in_ring(moves, &unreplaced(moves)).is_empty() {
        faults.push(RemoteFault::Ring { volume: volume.clone(), reference: reference.clone() });
    }
    faults
}
