//! The plan that takes an operation back: its rows reversed, its moves reversed with what trash
//! holds. What cannot be had back is refused here, before anything changes.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::layout;
use crate::model::{Move, Operation, Row, RowChange, VolumeName};
use crate::pool::{PlanBuilder, Pool, TreeUndo};
use crate::store::Rows;
use crate::sys::disk;

/// What taking an operation back touches beside metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UndoPlan {
    /// A working tree or the running point is swapped: containers must come up on the new one.
    pub swaps: bool,
    /// A whole volume goes or changes its name: no container may use it.
    pub removes_volume: bool,
    /// The trees that are made of a commit and of what differed from it.
    pub remade: Vec<TreeUndo>,
}

/// Drafts the way back from `operation`.
///
/// # Errors
/// [`Error::CannotUndo`] when a row was changed since, or trash does not hold what is needed.
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
    for change in operation.plan.changes.iter().rev() {
        let back = change.reversed();
        let Some(row) = change.after.as_ref().or(change.before.as_ref()) else { continue };
        let now = rows.row_like(row)?;
        if matches!(row, Row::CurrentVolume(_)) {
            // What is current was chosen anew since: that choice stays.
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
            // What was set since is no operation's, and must not outlive the volume.
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
    for step in operation.plan.install.iter().rev() {
        match step {
            // What came out of trash goes back there, so that the operation that dropped it can be undone still.
            Move::Rename { from, to, .. } if is_private(from) && !from.starts_with(layout::TRASH) => {
                draft.retire(to.clone())?;
            }
            Move::Rename { from, to, .. } => {
                gone(to)?;
                draft.relocate(to.clone(), from.clone())?;
            }
            Move::ExchangeEntries { staged, place, steps, .. } => {
                touched.swaps = true;
                gone(staged)?;
                gone(steps)?;
                let (differed, list) = (pool.layout().full(staged), pool.layout().full(steps));
                touched.remade.push(TreeUndo { differed, list, staged: draft.replace(place.clone())? });
            }
            Move::Exchange { staged, place, .. } => {
                touched.swaps = true;
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
            Move::Rename { from, .. } if exchanged.contains(&from) => {}
            Move::Rename { from, to, .. } => {
                gone(to)?;
                draft.relocate(to.clone(), from.clone())?;
            }
            Move::Exchange { .. } | Move::ExchangeEntries { .. } => {
                return Err(cannot("its plan is not known".to_owned()));
            }
        }
    }
    draft.undoes(operation.number);
    draft.move_head(operation.head_before.clone());
    Ok(touched)
}

/// A running point is made anew: nobody keeps old links.
fn point_back(
    draft: &mut PlanBuilder<'_>,
    operation: &Operation,
    place: &Path,
    cannot: &dyn Fn(String) -> Error,
) -> Result<(), Error> {
    let before = operation.plan.changes.iter().find_map(|change| match &change.before {
        Some(Row::Volume(before)) if layout::running_point(&before.name) == place => Some(&before.branch),
        _ => None,
    });
    let branch = before.ok_or_else(|| cannot("what it replaced was not kept".to_owned()))?;
    draft.point(place.to_path_buf(), &layout::running_point_target(branch))
}

fn is_private(path: &Path) -> bool {
    path.starts_with(layout::PRIVATE)
}

/// The volumes that an operation made, changed or deleted.
pub fn volumes_of(operation: &Operation) -> Vec<VolumeName> {
    let rows = operation.plan.changes.iter().flat_map(|change| [&change.before, &change.after]);
    let named = rows.filter_map(|row| match row {
        Some(Row::Volume(volume)) => Some(volume.name.clone()),
        _ => None,
    });
    let mut names: Vec<VolumeName> = named.chain([operation.volume.clone()]).collect();
    names.sort();
    names.dedup();
    names
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
