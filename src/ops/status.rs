//! `status`: compare the working tree with the head.

use std::ops::ControlFlow;
use std::path::PathBuf;

use serde::Serialize;

use super::paths::{folded, printable};
use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, CommitId, ProjectName, VolumeName, VolumeRecord};
use crate::pool::{Pool, existing, max_size};
use crate::sys::tree::{self, Change, ChangeKind, Compare, Index, Stop};

/// One changed entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusChange {
    /// How it changed.
    pub kind: ChangeKind,
    /// Its path in the volume. A new directory ends in `/` and stands for everything in it. In
    /// JSON, bytes that are not UTF-8 are written `\xNN`.
    #[serde(serialize_with = "printable")]
    pub path: PathBuf,
}

impl StatusChange {
    fn folded(change: Change) -> Self {
        let is_new = matches!(change.kind, ChangeKind::Added | ChangeKind::TypeChanged) && change.directory;
        StatusChange { kind: change.kind, path: if is_new { folded(&change.path) } else { change.path } }
    }
}

/// The state of a volume's working tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The volume.
    pub volume: VolumeName,
    /// Its current branch.
    pub branch: BranchName,
    /// The head of that branch.
    pub head: Option<CommitId>,
    /// Whether nothing differs.
    pub clean: bool,
    /// The changes, in the order of a walk.
    pub changes: Vec<StatusChange>,
    /// How many bytes the working tree may take to be committed; `None` for no limit.
    pub max_size: Option<u64>,
    /// How many bytes the working tree takes; measured only if there is a limit.
    pub allocated: Option<u64>,
}

/// Compares the working tree of the current branch with its head, or with an empty tree if there is
/// no commit.
///
/// # Errors
/// When the volume does not exist, or a tree cannot be read.
pub fn status(pool: &Pool, volume: Option<&VolumeName>) -> Result<Status, Error> {
    let volume = pool.select(volume)?;
    pool.read_again_if_moved(&volume, || status_now(pool, &volume))
}

fn status_now(pool: &Pool, volume: &VolumeName) -> Result<Status, Error> {
    let record = pool.store().read(|rows| existing(&rows, volume))?;
    let (head, changes) = pool.read_consistently(volume, &record.branch, || {
        let mut changes = Vec::new();
        let head = compare(pool, &record, None, &mut |change| {
            changes.push(StatusChange::folded(change));
            ControlFlow::Continue(())
        })?;
        Ok((head, changes))
    })?;
    let (max_size, allocated) = use_of_limit(pool, &record)?;
    Ok(Status {
        volume: volume.clone(),
        branch: record.branch,
        head,
        clean: changes.is_empty(),
        changes,
        max_size,
        allocated,
    })
}

/// Gives the limit of the working tree and, if there is one, how many bytes the tree takes.
pub(super) fn use_of_limit(pool: &Pool, record: &VolumeRecord) -> Result<(Option<u64>, Option<u64>), Error> {
    let most = pool.store().read(|rows| max_size(&rows, &record.name))?;
    let tree = pool.layout().full(&layout::working_tree(&record.name, &record.branch));
    let measure = || Ok(tree::measure_tree(&tree)?);
    let allocated =
        most.map(|_| pool.read_consistently(&record.name, &record.branch, measure)).transpose()?;
    Ok((most, allocated.map(|usage| usage.blocks)))
}

/// Compares the working tree of each volume of a compose project with its head.
///
/// # Errors
/// As [`status`], and when no volume belongs to the project.
pub fn status_project(pool: &Pool, project: &ProjectName) -> Result<Vec<Status>, Error> {
    pool.volumes_of_project(project)?.iter().map(|volume| status(pool, Some(volume))).collect()
}

/// Returns whether the working tree differs from the head; stops at the first difference.
pub(super) fn is_dirty(pool: &Pool, record: &VolumeRecord) -> Result<bool, Error> {
    is_dirty_unless(pool, record, None)
}

/// Returns whether the working tree differs from the head, unless `stop` ends the comparison early.
pub(super) fn is_dirty_unless(
    pool: &Pool,
    record: &VolumeRecord,
    stop: Option<Stop<'_>>,
) -> Result<bool, Error> {
    let mut dirty = false;
    compare(pool, record, stop, &mut |_| {
        dirty = true;
        ControlFlow::Break(())
    })?;
    Ok(dirty)
}

fn compare(
    pool: &Pool,
    record: &VolumeRecord,
    stop: Option<Stop<'_>>,
    visit: &mut dyn FnMut(Change) -> ControlFlow<()>,
) -> Result<Option<CommitId>, Error> {
    let branch = pool.store().read(|rows| rows.branch(&record.name, &record.branch))?;
    let head = branch.and_then(|branch| branch.head);
    let working_tree = pool.layout().full(&layout::working_tree(&record.name, &record.branch));
    let tree = head.as_ref().map(|id| pool.layout().full(&layout::commit_tree(&record.name, id)));
    let index = match &head {
        Some(id) => pool.tree_index(&record.name, &record.branch, id)?,
        None => None,
    };
    let how = Compare { index: index.as_ref().map(|index| index as &dyn Index), fold: true, stop };
    tree::compare_with(tree.as_deref(), &working_tree, &how, visit)?;
    Ok(head)
}
