//! The commits of a volume: those that have a record, and dropped ones whose trees trash still
//! holds. The operation log keeps the records of dropped commits, so they can be named, read and
//! restored.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::layout::{self, Layout};
use crate::model::{CommitId, CommitRecord, Move, Operation, Row, RowChange, Verb, VolumeName};
use crate::pool::{Fill, PlanBuilder};
use crate::store::{Rows, StoreError};
use crate::sys::disk;

/// How many operations of the operation log are read.
pub(in crate::pool) const MAX_PAST_OPERATIONS: usize = 10_000;

/// The place of a commit's tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// The volume's directory of commits.
    Volume,
    /// Trash, because an operation dropped the commit.
    Trash,
    /// The tree of the commit that replaced it when it was amended.
    Amended,
}

/// A commit and its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The commit's record.
    pub commit: CommitRecord,
    /// The commit's tree, relative to the pool.
    pub tree: PathBuf,
    /// What kind of place that is.
    pub home: Home,
}

/// The commits of one volume as one transaction sees them.
pub(crate) struct Commits<'r> {
    pub(in crate::pool) rows: Rows<'r>,
    pub(in crate::pool) volume: VolumeName,
    /// Read when a commit is wanted that has no record.
    dropped: OnceCell<HashMap<CommitId, Dropped>>,
}

/// A commit that an operation dropped.
struct Dropped {
    commit: CommitRecord,
    /// Place of its tree, relative to the pool; `None` if the whole volume was removed.
    tree: Option<PathBuf>,
    /// Number of the operation that dropped it.
    operation: u64,
    summary: String,
}

impl<'r> Commits<'r> {
    /// Looks at the commits of `volume` in one transaction.
    pub(crate) fn new(rows: Rows<'r>, volume: &VolumeName) -> Self {
        Commits { rows, volume: volume.clone(), dropped: OnceCell::new() }
    }

    /// Returns the record of a commit, dropped or not, with or without a tree.
    pub(crate) fn record(&self, id: &CommitId) -> Result<Option<CommitRecord>, StoreError> {
        match self.rows.commit(&self.volume, id)? {
            Some(commit) => Ok(Some(commit)),
            None => self.dropped_record(id),
        }
    }

    /// Returns the record of a dropped commit.
    pub(crate) fn dropped_record(&self, id: &CommitId) -> Result<Option<CommitRecord>, StoreError> {
        Ok(self.dropped()?.get(id).map(|dropped| dropped.commit.clone()))
    }

    /// Finds a commit and its tree. `named` is what the caller called it, for errors.
    ///
    /// # Errors
    /// [`Error::Dropped`] when trash no longer holds its tree; and when the metadata cannot be
    /// read.
    pub(crate) fn find(
        &self,
        layout: &Layout,
        id: &CommitId,
        named: &dyn fmt::Display,
    ) -> Result<Option<Found>, Error> {
        if let Some(commit) = self.rows.commit(&self.volume, id)? {
            return Ok(Some(kept(commit)));
        }
        let Some(dropped) = self.dropped()?.get(id) else { return Ok(None) };
        let gone = || Error::Dropped {
            revision: named.to_string(),
            volume: self.volume.clone(),
            id: id.clone(),
            operation: dropped.operation,
            summary: dropped.summary.clone(),
        };
        let (tree, home) = self.tree_of(dropped)?.ok_or_else(gone)?;
        match disk::inode(&layout.full(&tree))? {
            Some(_) => Ok(Some(Found { commit: dropped.commit.clone(), tree, home })),
            None => Err(gone()),
        }
    }

    /// Lists at most `most` ids of dropped commits that begin with `prefix`, sorted.
    pub(crate) fn dropped_like(&self, prefix: &str, most: usize) -> Result<Vec<CommitId>, StoreError> {
        let mut found: Vec<CommitId> = Vec::new();
        for id in self.dropped()?.keys().filter(|id| id.as_str().starts_with(prefix)) {
            if self.rows.commit(&self.volume, id)?.is_none() {
                found.push(id.clone());
            }
        }
        found.sort();
        found.truncate(most);
        Ok(found)
    }

    /// Follows a tree to its present place: an amended commit's tree went to the commit that
    /// replaced it.
    fn tree_of(&self, dropped: &Dropped) -> Result<Option<(PathBuf, Home)>, StoreError> {
        let (mut tree, mut home) = (dropped.tree.clone(), Home::Trash);
        // Each step leads to another commit, so there are no more steps than commits.
        for _ in 0..=self.dropped()?.len() {
            let Some(place) = tree else { return Ok(None) };
            if place.starts_with(layout::TRASH) {
                return Ok(Some((place, home)));
            }
            let Some(other) = self.commit_at(&place) else { return Ok(None) };
            home = Home::Amended;
            if self.rows.commit(&self.volume, &other)?.is_some() {
                return Ok(Some((place, home)));
            }
            tree = self.dropped()?.get(&other).and_then(|next| next.tree.clone());
        }
        Ok(None)
    }

    /// Returns the commit whose place in the volume this is.
    fn commit_at(&self, place: &Path) -> Option<CommitId> {
        let id: CommitId = place.file_name()?.to_str()?.parse().ok()?;
        (layout::commit_tree(&self.volume, &id) == place).then_some(id)
    }

    /// Reads the dropped commits out of the operation log, once.
    fn dropped(&self) -> Result<&HashMap<CommitId, Dropped>, StoreError> {
        if let Some(dropped) = self.dropped.get() {
            return Ok(dropped);
        }
        let log = self.rows.operations(&self.volume, MAX_PAST_OPERATIONS)?;
        let mut found = HashMap::new();
        // Trash of operations before a rename names places under the volume's old name.
        for operation in log.iter().take_while(|operation| operation.verb != Verb::Rename) {
            for change in &operation.plan.changes {
                let (Some(Row::Commit(commit)), None) = (&change.before, &change.after) else { continue };
                found.entry(commit.id.clone()).or_insert_with(|| Dropped {
                    commit: commit.clone(),
                    tree: moved_to(operation, &layout::commit_tree(&commit.volume, &commit.id)),
                    operation: operation.number,
                    summary: operation.summary.clone(),
                });
            }
            if begins(operation) {
                // Older operations were on another volume of this name.
                break;
            }
        }
        Ok(self.dropped.get_or_init(|| found))
    }
}

/// Plans to restore a dropped commit and its dropped ancestors. Returns the trees that must be
/// copied before the operation is published.
pub(crate) fn bring_back(
    rows: &Rows<'_>,
    draft: &mut PlanBuilder<'_>,
    found: &Found,
) -> Result<Vec<Fill>, Error> {
    let (commits, layout) = (Commits::new(*rows, &found.commit.volume), draft.layout);
    let mut fills = Vec::new();
    let mut next = Some(found.clone());
    while let Some(Found { commit, tree, home }) = next {
        let place = layout::commit_tree(&commit.volume, &commit.id);
        match home {
            Home::Volume => break,
            Home::Trash => draft.relocate(tree, place)?,
            Home::Amended => {
                fills.push(Fill { source: layout.full(&tree), staged: draft.bring_in(place)? });
            }
        }
        let missing = |parent: &CommitId| {
            Error::Damaged(format!("commit {parent}, which {} is based on, has no record", commit.id))
        };
        next = match &commit.parent {
            Some(parent) => Some(commits.find(layout, parent, parent)?.ok_or_else(|| missing(parent))?),
            None => None,
        };
        draft.change(RowChange::insert(Row::Commit(commit)));
    }
    Ok(fills)
}

/// Finds the tree of a commit that has a record.
pub(in crate::pool) fn kept(commit: CommitRecord) -> Found {
    let tree = layout::commit_tree(&commit.volume, &commit.id);
    Found { commit, tree, home: Home::Volume }
}

/// Returns where an operation moved what was at `place`.
fn moved_to(operation: &Operation, place: &Path) -> Option<PathBuf> {
    operation.plan.install.iter().chain(&operation.plan.retire).find_map(|step| match step {
        Move::Rename { from, to, .. } if from == place => Some(to.clone()),
        _ => None,
    })
}

/// Returns whether the operation made the volume.
fn begins(operation: &Operation) -> bool {
    let makes = |change: &RowChange| matches!((&change.before, &change.after), (None, Some(Row::Volume(volume))) if volume.name == operation.volume);
    operation.verb != Verb::Undo && operation.plan.changes.iter().any(makes)
}
