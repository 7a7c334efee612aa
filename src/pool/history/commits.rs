//! The commits of a volume: those that have a record, and dropped ones. The trees of dropped and of
//! forgotten commits are in trash, as long as that holds them. The operation log keeps the records
//! of dropped commits, so they can be named, read and restored.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::layout::{self, Layout};
use crate::model::{CommitId, CommitRecord, Instant, Move, Operation, Row, RowChange, VolumeName};
use crate::pool::{Fill, PlanBuilder, remotes_with};
use crate::store::{Rows, StoreError};
use crate::sys::disk;
use crate::sys::error::DiskError;

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

/// A commit that an operation dropped or forgot.
struct Dropped {
    commit: CommitRecord,
    /// The name that the volume had then.
    named: VolumeName,
    /// Place of its tree afterwards, relative to the pool; `None` if that is not known.
    tree: Option<PathBuf>,
    /// Number of the operation that moved its tree away.
    operation: u64,
    summary: String,
    date: Instant,
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
    /// [`Error::Dropped`], [`Error::Forgotten`] or [`Error::Elsewhere`] when trash does not hold
    /// its tree; and when the metadata cannot be read.
    pub(crate) fn find(
        &self,
        layout: &Layout,
        id: &CommitId,
        named: &dyn fmt::Display,
    ) -> Result<Option<Found>, Error> {
        let record = self.rows.commit(&self.volume, id)?;
        if let Some(commit) = record.as_ref().filter(|commit| !commit.forgotten) {
            return Ok(Some(kept(commit.clone())));
        }
        let Some(dropped) = self.dropped()?.get(id) else {
            return match record {
                Some(_) => Err(self.elsewhere(id)?),
                None => Ok(None),
            };
        };
        let gone = || {
            if record.is_some()
                && let Ok(error @ Error::Elsewhere { .. }) = self.elsewhere(id)
                && !matches!(&error, Error::Elsewhere { remotes, .. } if remotes.is_empty())
            {
                return error;
            }
            let (volume, id) = (self.volume.clone(), id.clone());
            let Dropped { operation, ref summary, date, .. } = *dropped;
            let summary = summary.clone();
            match &record {
                Some(_) => Error::Forgotten { volume, id, operation, summary, date },
                None => Error::Dropped { revision: named.to_string(), volume, id, operation, summary, date },
            }
        };
        let (tree, home) = self.tree_of(dropped)?.ok_or_else(gone)?;
        match disk::inode(&layout.full(&tree))? {
            Some(_) => {
                Ok(Some(Found { commit: record.unwrap_or_else(|| dropped.commit.clone()), tree, home }))
            }
            None => Err(gone()),
        }
    }

    /// Makes the error of a commit whose data no operation of this pool moved away.
    fn elsewhere(&self, id: &CommitId) -> Result<Error, Error> {
        let remotes = remotes_with(&self.rows, &self.volume, id)?;
        Ok(Error::Elsewhere { volume: self.volume.clone(), id: id.clone(), remotes })
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
        let (mut tree, mut home, mut named) = (dropped.tree.clone(), Home::Trash, &dropped.named);
        // Each step leads to another commit, so there are no more steps than commits.
        for _ in 0..=self.dropped()?.len() {
            let Some(place) = tree else { return Ok(None) };
            if place.starts_with(layout::TRASH) {
                return Ok(Some((place, home)));
            }
            let Some(other) = commit_at(named, &place) else { return Ok(None) };
            home = Home::Amended;
            if self.rows.commit(&self.volume, &other)?.is_some_and(|commit| !commit.forgotten) {
                return Ok(Some((layout::commit_tree(&self.volume, &other), home)));
            }
            let Some(next) = self.dropped()?.get(&other) else { return Ok(None) };
            (tree, named) = (next.tree.clone(), &next.named);
        }
        Ok(None)
    }

    /// Reads the dropped commits out of the operation log, once: also those of earlier volumes of
    /// the name.
    fn dropped(&self) -> Result<&HashMap<CommitId, Dropped>, StoreError> {
        if let Some(dropped) = self.dropped.get() {
            return Ok(dropped);
        }
        let log = self.rows.operations_of_worktrees(&self.volume, MAX_PAST_OPERATIONS)?;
        let mut found = HashMap::new();
        for operation in &log {
            let after = operation.plan.changes.iter().filter_map(|change| match &change.after {
                Some(Row::Commit(after)) => Some(&after.id),
                _ => None,
            });
            let after: HashSet<&CommitId> = after.collect();
            for change in &operation.plan.changes {
                let Some(Row::Commit(commit)) = &change.before else { continue };
                // A rename makes the same commit under the other name.
                let goes = match change.after {
                    None => !after.contains(&commit.id),
                    Some(_) => change.forgets().is_some(),
                };
                // What was forgotten before it was dropped is where the older operation moved it.
                let is_known = |known: &Dropped| known.tree.is_some() || !known.commit.forgotten;
                if !goes || found.get(&commit.id).is_some_and(is_known) {
                    continue;
                }
                let record = found.get(&commit.id).map_or(commit, |known: &Dropped| &known.commit).clone();
                let dropped = Dropped {
                    commit: CommitRecord { volume: self.volume.clone(), ..record },
                    named: commit.volume.clone(),
                    tree: place_after(operation, commit),
                    operation: operation.number,
                    summary: operation.summary.clone(),
                    date: operation.started,
                };
                found.insert(commit.id.clone(), dropped);
            }
        }
        Ok(self.dropped.get_or_init(|| found))
    }
}

/// Plans to restore a dropped or forgotten commit, and its dropped ancestors. An ancestor whose
/// data is gone comes back as a forgotten one. Returns the trees that must be copied before the
/// operation is published.
pub(crate) fn bring_back(
    rows: &Rows<'_>,
    draft: &mut PlanBuilder<'_>,
    found: &Found,
) -> Result<Vec<Fill>, Error> {
    let (commits, layout) = (Commits::new(*rows, &found.commit.volume), draft.layout);
    let mut fills = Vec::new();
    let mut next = Some((found.commit.clone(), Some((found.tree.clone(), found.home))));
    while let Some((commit, tree)) = next {
        let place = layout::commit_tree(&commit.volume, &commit.id);
        let forgotten = tree.is_none();
        match tree {
            Some((_, Home::Volume)) => break,
            Some((tree, Home::Trash)) => draft.relocate(tree, place)?,
            Some((tree, Home::Amended)) => {
                fills.push(Fill { source: layout.full(&tree), staged: draft.bring_in(place)? });
            }
            None => {}
        }
        let parent = commit.parent.clone();
        let after = Row::Commit(CommitRecord { forgotten, ..commit.clone() });
        let before = rows.commit(&commit.volume, &commit.id)?.map(Row::Commit);
        draft.change(RowChange { before, after: Some(after) });
        next = match parent {
            Some(parent) if rows.commit(&commit.volume, &parent)?.is_none() => {
                Some(dropped_parent(&commits, layout, &parent, &commit)?)
            }
            _ => None,
        };
    }
    Ok(fills)
}

/// A commit, and its tree with the kind of place, if that is not gone.
type Returning = (CommitRecord, Option<(PathBuf, Home)>);

/// Finds a dropped commit that another one is based on.
fn dropped_parent(
    commits: &Commits<'_>,
    layout: &Layout,
    parent: &CommitId,
    child: &CommitRecord,
) -> Result<Returning, Error> {
    match commits.find(layout, parent, parent) {
        Ok(Some(Found { commit, tree, home })) => Ok((commit, Some((tree, home)))),
        Err(error)
            if !matches!(
                error,
                Error::Dropped { .. } | Error::Forgotten { .. } | Error::Elsewhere { .. }
            ) =>
        {
            Err(error)
        }
        _ => match commits.dropped_record(parent)? {
            Some(record) => Ok((record, None)),
            None => {
                Err(Error::Damaged(format!("commit {parent}, which {} is based on, has no record", child.id)))
            }
        },
    }
}

/// Finds the tree of a commit that has a record.
pub(in crate::pool) fn kept(commit: CommitRecord) -> Found {
    let tree = layout::commit_tree(&commit.volume, &commit.id);
    Found { commit, tree, home: Home::Volume }
}

/// Returns where the tree of a commit is after an operation that dropped it: alone, or with its
/// whole volume.
fn place_after(operation: &Operation, commit: &CommitRecord) -> Option<PathBuf> {
    let (volume, tree) = (layout::volume(&commit.volume), layout::commit_tree(&commit.volume, &commit.id));
    let within = tree.strip_prefix(&volume).ok()?;
    moved_to(operation, &tree).or_else(|| Some(moved_to(operation, &volume)?.join(within)))
}

/// Returns where an operation moved what was at `place`.
fn moved_to(operation: &Operation, place: &Path) -> Option<PathBuf> {
    operation.plan.install.iter().chain(&operation.plan.retire).find_map(|step| match step {
        Move::Rename { from, to, .. } if from == place => Some(to.clone()),
        _ => None,
    })
}

/// Returns the commit whose place in the volume this is.
fn commit_at(volume: &VolumeName, place: &Path) -> Option<CommitId> {
    let id: CommitId = place.file_name()?.to_str()?.parse().ok()?;
    (layout::commit_tree(volume, &id) == place).then_some(id)
}

/// Returns where trash has the whole volume that an operation deleted, relative to the pool.
///
/// # Errors
/// When trash cannot be read.
pub fn deleted_volume(layout: &Layout, operation: &Operation) -> Result<Option<PathBuf>, DiskError> {
    let to = moved_to(operation, &layout::volume(&operation.volume));
    let Some(to) = to.filter(|to| to.starts_with(layout::TRASH)) else { return Ok(None) };
    // A commit that was taken out and put back is not the whole volume.
    Ok(disk::inode(&layout.full(&to).join(layout::BRANCHES))?.map(|_| to))
}

/// Returns a commit of a volume that an operation deleted whose tree was taken out of trash since.
///
/// # Errors
/// When trash cannot be read.
pub fn taken_from_trash(layout: &Layout, operation: &Operation) -> Result<Option<CommitId>, DiskError> {
    let Some(place) = deleted_volume(layout, operation)? else { return Ok(None) };
    for change in &operation.plan.changes {
        if let (Some(Row::Commit(commit)), None) = (&change.before, &change.after)
            && !commit.forgotten
            && disk::inode(&layout.full(&place).join(layout::COMMITS).join(commit.id.as_str()))?.is_none()
        {
            return Ok(Some(commit.id.clone()));
        }
    }
    Ok(None)
}
