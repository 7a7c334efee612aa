//! The plan that undoes an operation: its rows reversed, and its moves reversed with what trash
//! has. What cannot be undone is refused here, before anything changes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::layout;
use crate::model::{Move, Operation, Row, RowChange};
use crate::pool::{PlanBuilder, Pool, TreeUndo, taken_from_trash};
use crate::store::Rows;
use crate::sys::disk;
use crate::sys::tree::LeftTree;

/// What an undo touches besides metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UndoPlan {
    /// Whether a working tree or the running point is swapped: containers must come up on the new
    /// one.
    pub swaps: bool,
    /// Whether it throws away what containers wrote: each tree that is swapped is that of the
    /// current branch, which stays the current one.
    pub discards: bool,
    /// Whether a whole volume goes or changes its name: no container may use it.
    pub removes_volume: bool,
    /// The trees to make again from a commit and what differed from it.
    pub remade: Vec<TreeUndo>,
}

/// Plans to undo `operation`.
///
/// # Errors
/// [`Error::CannotUndo`] when a row was changed since, or trash does not have what is needed.
pub fn plan_undo(
    pool: &Pool,
    rows: &Rows<'_>,
    draft: &mut PlanBuilder<'_>,
    operation: &Operation,
) -> Result<UndoPlan, Error> {
    let cannot = |reason: String| Error::CannotUndo {
        volume: operation.volume.clone(),
        number: operation.number,
        summary: operation.summary.clone(),
        reason,
    };
    let mut touched = UndoPlan::default();
    let lost = lost_data(pool, operation)?;
    for change in operation.plan.changes.iter().rev() {
        let back = change.reversed();
        let Some(row) = change.after.as_ref().or(change.before.as_ref()) else { continue };
        if matches!(row, Row::Commit(commit) if lost.contains(&layout::commit_tree(&commit.volume, &commit.id)))
        {
            continue;
        }
        let now = rows.row_like(row)?;
        if matches!(row, Row::CurrentVolume(_)) {
            // The current volume was chosen again since: that choice stays.
            if now == back.before {
                draft.change(back);
            }
            continue;
        }
        if now != back.before {
            return Err(cannot(format!("{} was changed since", describe(row))));
        }
        if let (Some(Row::Volume(volume)), None) = (&back.before, &back.after) {
            touched.removes_volume = true;
            if operation.plan.renames.is_some() {
                draft.change(back);
                continue;
            }
            // Settings that were set since belong to no operation, and must not outlive the volume.
            let named = |change: &RowChange, wanted: &str| matches!(&change.after, Some(Row::Setting { volume: of, key, .. }) if *of == volume.name && key == wanted);
            for (key, value) in rows.settings(Some(&volume.name))? {
                if !operation.plan.changes.iter().any(|change| named(change, &key)) {
                    let volume = volume.name.clone();
                    draft.change(RowChange::delete(Row::Setting { volume, key, value }));
                }
            }
        }
        draft.change(back);
    }
    if let Some(renaming) = &operation.plan.renames {
        draft.rename_rows(renaming.reversed());
    }
    let gone = |path: &Path| -> Result<(), Error> {
        if disk::inode(&pool.layout().full(path))?.is_none() {
            return Err(cannot("what it dropped was deleted from trash for good".to_owned()));
        }
        Ok(())
    };
    let kept = |staged: &Path| {
        operation.plan.retire.iter().find_map(|step| match step {
            Move::Rename { from, to, .. } if from == staged => Some(to.clone()),
            _ => None,
        })
    };
    let mut exchanged: Vec<&PathBuf> = Vec::new();
    let current =
        rows.volume(&operation.volume)?.map(|volume| layout::working_tree(volume.owner(), &volume.branch));
    touched.discards = true;
    for step in operation.plan.install.iter().rev() {
        match step {
            Move::Rename { from, .. } if lost.contains(from) => {}
            // What came out of trash goes back there, so that the operation that dropped it can
            // still be undone.
            Move::Rename { from, to, .. } if is_private(from) && !from.starts_with(layout::TRASH) => {
                draft.retire(to.clone())?;
            }
            Move::Rename { from, to, .. } => {
                gone(to)?;
                draft.relocate(to.clone(), from.clone())?;
            }
            Move::ExchangeEntries { staged, place, steps, .. } => {
                touched.swaps = true;
                touched.discards &= current.as_ref() == Some(place);
                gone(staged)?;
                gone(steps)?;
                let [tree, list, spares] =
                    [staged, steps, &layout::spares_of(staged)].map(|path| pool.layout().full(path));
                let left = LeftTree { tree, list, spares };
                touched.remade.push(TreeUndo { left, staged: draft.replace(place.clone())? });
            }
            Move::Exchange { staged, place, .. } => {
                touched.swaps = true;
                touched.discards &= current.as_ref() == Some(place);
                match kept(staged) {
                    Some(kept) => {
                        gone(&kept)?;
                        exchanged.push(staged);
                        draft.exchange(kept, place.clone())?;
                    }
                    None => point_back(draft, operation, place, &cannot)?,
                }
            }
        }
    }
    for step in operation.plan.retire.iter().rev() {
        match step {
            Move::Rename { from, .. } if exchanged.contains(&from) || lost.contains(from) => {}
            Move::Rename { from, to, .. } => {
                gone(to)?;
                draft.relocate(to.clone(), from.clone())?;
            }
            Move::Exchange { .. } | Move::ExchangeEntries { .. } => {
                return Err(cannot("its plan is not known".to_owned()));
            }
        }
    }
    if let Some(id) = taken_from_trash(pool.layout(), operation)? {
        return Err(cannot(format!("commit {} was brought back since", id.short())));
    }
    draft.undoes(operation);
    draft.move_head(operation.head_before.clone());
    Ok(touched)
}

/// Returns the places of the commits that an operation forgot beside what it was made for, if trash
/// no longer holds them: they stay forgotten.
fn lost_data(pool: &Pool, operation: &Operation) -> Result<BTreeSet<PathBuf>, Error> {
    let changes = &operation.plan.changes;
    let forgotten = changes.iter().filter_map(RowChange::forgets);
    let forgotten: BTreeSet<PathBuf> =
        forgotten.map(|commit| layout::commit_tree(&commit.volume, &commit.id)).collect();
    let mut lost = BTreeSet::new();
    if forgotten.len() == changes.len() {
        return Ok(lost);
    }
    for step in operation.plan.install.iter().chain(&operation.plan.retire) {
        if let Move::Rename { from, to, .. } = step
            && forgotten.contains(from)
            && disk::inode(&pool.layout().full(to))?.is_none()
        {
            lost.insert(from.clone());
        }
    }
    Ok(lost)
}

/// Plans a new running point: the old link was not kept.
fn point_back(
    draft: &mut PlanBuilder<'_>,
    operation: &Operation,
    place: &Path,
    cannot: &dyn Fn(String) -> Error,
) -> Result<(), Error> {
    let before = operation.plan.changes.iter().find_map(|change| match &change.before {
        Some(Row::Volume(before)) if layout::running_point(&before.name) == place => Some(before),
        _ => None,
    });
    let before = before.ok_or_else(|| cannot("what it replaced was not kept".to_owned()))?;
    draft.point(place.to_path_buf(), &layout::running_point_target_of(before))
}

fn is_private(path: &Path) -> bool {
    path.starts_with(layout::PRIVATE)
}

fn describe(row: &Row) -> String {
    match row {
        Row::Volume(volume) => format!("volume {}", volume.name),
        Row::Branch(branch) => format!("branch {}", branch.name),
        Row::Commit(commit) => format!("commit {}", commit.id.short()),
        Row::Tag(tag) => format!("tag {}", tag.name),
        Row::CurrentVolume(_) => "the current volume".to_owned(),
        Row::Setting { key, .. } => format!("setting {key}"),
    }
}
