//! `status`: compare the working tree with the head.

use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use serde::Serialize;

use super::excused::{Excuse, Excuses};
use super::paths::{folded, printable};
use super::remotes::{UpstreamState, upstream_state};
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
    /// How many entries are left out because containers wrote them while dvol started them.
    pub written_by_start: usize,
    /// How many entries are left out because `status.ignore` names them.
    pub ignored: usize,
    /// How many bytes the working tree may take to be committed; `None` for no limit.
    pub max_size: Option<u64>,
    /// How many bytes the working tree takes; measured only if there is a limit.
    pub allocated: Option<u64>,
    /// How the branch stands to the one of a remote that it follows; `None` if it follows none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamState>,
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
    let (head, counted) = pool.read_consistently(record.owner(), &record.branch, || {
        let mut counted = Counted::default();
        let head = compare_counted(pool, &record, &mut counted, &mut |_| ControlFlow::Continue(()))?;
        Ok((head, counted))
    })?;
    let Counted { changes, written_by_start, ignored } = counted;
    let (max_size, allocated) = use_of_limit(pool, &record)?;
    let upstream = pool.store().read(|rows| upstream_state(&rows, volume, &record.branch))?;
    Ok(Status {
        volume: volume.clone(),
        branch: record.branch,
        head,
        clean: changes.is_empty(),
        changes,
        written_by_start,
        ignored,
        max_size,
        allocated,
        upstream,
    })
}

/// Gives the limit of the working tree and, if there is one, how many bytes the tree takes.
pub(super) fn use_of_limit(pool: &Pool, record: &VolumeRecord) -> Result<(Option<u64>, Option<u64>), Error> {
    let most = pool.store().read(|rows| max_size(&rows, &record.name))?;
    let tree = pool.layout().full(&layout::working_tree(record.owner(), &record.branch));
    let measure = || Ok(tree::measure_tree(&tree)?);
    let allocated =
        most.map(|_| pool.read_consistently(record.owner(), &record.branch, measure)).transpose()?;
    Ok((most, allocated.map(|usage| usage.blocks)))
}

/// Compares the working tree of each volume of a compose project with its head.
///
/// # Errors
/// As [`status`], and when no volume belongs to the project.
pub fn status_project(pool: &Pool, project: &ProjectName) -> Result<Vec<Status>, Error> {
    pool.volumes_of_project(project)?.iter().map(|volume| status(pool, Some(volume))).collect()
}

/// What a comparison found.
#[derive(Default)]
struct Counted {
    changes: Vec<StatusChange>,
    written_by_start: usize,
    ignored: usize,
}

/// Compares the working tree with the head, and tells changes that count from others. Calls `visit`
/// with each that counts.
fn compare_counted(
    pool: &Pool,
    record: &VolumeRecord,
    counted: &mut Counted,
    visit: &mut dyn FnMut(&StatusChange) -> ControlFlow<()>,
) -> Result<Option<CommitId>, Error> {
    let head = pool.store().read(|rows| rows.branch(record.owner(), &record.branch))?;
    let head = head.and_then(|branch| branch.head);
    let excuses = Excuses::of(pool, record, head.as_ref())?;
    let fold = excuses.is_empty();
    compare(pool, record, fold, None, &mut |change| {
        // A new directory that counts stands for everything in it.
        let is_inside = |last: &StatusChange| {
            last.path.as_os_str().as_bytes().ends_with(b"/") && change.path.starts_with(&last.path)
        };
        if !fold && counted.changes.last().is_some_and(is_inside) {
            return ControlFlow::Continue(());
        }
        match excuses.find(&change.path) {
            Some(Excuse::Started) => counted.written_by_start += 1,
            Some(Excuse::Ignored) => counted.ignored += 1,
            None => {
                let change = StatusChange::folded(change);
                let flow = visit(&change);
                counted.changes.push(change);
                return flow;
            }
        }
        ControlFlow::Continue(())
    })
}

/// Returns whether the working tree has changes that count; stops at the first one.
pub(super) fn has_changes(pool: &Pool, record: &VolumeRecord) -> Result<bool, Error> {
    let mut counted = Counted::default();
    compare_counted(pool, record, &mut counted, &mut |_| ControlFlow::Break(()))?;
    Ok(!counted.changes.is_empty())
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
    compare(pool, record, true, stop, &mut |_| {
        dirty = true;
        ControlFlow::Break(())
    })?;
    Ok(dirty)
}

/// Compares the working tree with the head. With `fold`, skips what is beneath a new directory.
pub(super) fn compare(
    pool: &Pool,
    record: &VolumeRecord,
    fold: bool,
    stop: Option<Stop<'_>>,
    visit: &mut dyn FnMut(Change) -> ControlFlow<()>,
) -> Result<Option<CommitId>, Error> {
    let branch = pool.store().read(|rows| rows.branch(record.owner(), &record.branch))?;
    let head = branch.and_then(|branch| branch.head);
    let working_tree = pool.layout().full(&layout::working_tree(record.owner(), &record.branch));
    let tree = head.as_ref().map(|id| pool.layout().full(&layout::commit_tree(record.owner(), id)));
    let index = match &head {
        Some(id) => pool.tree_index(record.owner(), &record.branch, id)?,
        None => None,
    };
    let how = Compare { index: index.as_ref().map(|index| index as &dyn Index), fold, stop };
    tree::compare_with(tree.as_deref(), &working_tree, &how, visit)?;
    Ok(head)
}
