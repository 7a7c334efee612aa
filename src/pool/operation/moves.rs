//! Doing and undoing the steps of a plan on disk. Each step can be repeated: the inode that moves
//! tells whether it was done.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::layout::Layout;
use crate::model::Move;
use crate::sys::disk;
use crate::sys::error::DiskError;
use crate::sys::tree::{self, ListState, RefusedFlags};

/// Does the steps that are not done yet. What moves must be at one of the two ends. The steps are
/// durable once the file system is synced. Counts the directories whose flags of chattr(1) the file
/// system refuses.
pub(in crate::pool) fn apply(layout: &Layout, moves: &[Move], refused: &RefusedFlags) -> Result<(), Error> {
    run(layout, moves, false, refused)
}

/// Does the steps for what no record names any more. What is at neither end was moved and deleted
/// before.
pub(in crate::pool) fn retire(layout: &Layout, moves: &[Move]) -> Result<(), Error> {
    run(layout, moves, true, &RefusedFlags::default())
}

fn run(layout: &Layout, moves: &[Move], may_be_gone: bool, refused: &RefusedFlags) -> Result<(), Error> {
    for step in moves {
        match step {
            Move::Rename { from, to, inode } => {
                let (source, target) = (layout.full(from), layout.full(to));
                if disk::inode(&source)? == Some(*inode) {
                    if let Some(parent) = target.parent() {
                        disk::ensure_directory(parent, crate::layout::PRIVATE_MODE)?;
                    }
                    disk::rename(&source, &target)?;
                } else if disk::inode(&target)? != Some(*inode) && !may_be_gone {
                    return Err(lost(&source, &target));
                }
            }
            Move::Exchange { staged, place, inode } => {
                let (staged, place) = (layout.full(staged), layout.full(place));
                if disk::inode(&place)? == Some(*inode) {
                    continue;
                }
                if disk::inode(&staged)? != Some(*inode) {
                    return Err(lost(&staged, &place));
                }
                disk::exchange(&staged, &place)?;
            }
            Move::ExchangeEntries { .. } => {
                Entries::of(layout, step).map_or(Ok(()), |it| it.apply(refused))?;
            }
        }
    }
    Ok(())
}

/// A [`Move::ExchangeEntries`] with full paths.
struct Entries {
    staged: PathBuf,
    place: PathBuf,
    away: PathBuf,
    steps: PathBuf,
    lost_and_found: PathBuf,
    inode: u64,
}

impl Entries {
    fn of(layout: &Layout, step: &Move) -> Option<Self> {
        let Move::ExchangeEntries { staged, place, away, steps, inode } = step else { return None };
        let [staged, place, away, steps] = [staged, place, away, steps].map(|path| layout.full(path));
        let lost_and_found = layout.lost_and_found();
        Some(Entries { staged, place, away, steps, lost_and_found, inode: *inode })
    }

    /// Exchanges the entries. What is staged and the list must be durable.
    fn apply(&self, refused: &RefusedFlags) -> Result<(), Error> {
        match tree::list_state(&self.steps)? {
            ListState::Empty => return Ok(()),
            ListState::Whole => {}
            ListState::NotWhole => {
                return Err(Error::Damaged(format!("{} is not whole", self.steps.display())));
            }
        }
        self.leave()?;
        tree::exchange_entries(&self.away, &self.staged, &self.steps, refused)
            .map_err(|error| self.in_place(error))?;
        self.come_back()
    }

    fn revert(&self, lost_and_found: &Path) -> Result<u64, Error> {
        let is_whole = tree::list_state(&self.steps)? == ListState::Whole;
        let mut lost = 0;
        // Where nothing was moved, the tree need not be: it may be a mount point by now.
        if is_whole && !tree::is_untouched(&self.away, &self.staged, &self.steps)? {
            self.leave()?;
            let returned = tree::return_entries(&self.away, &self.staged, &self.steps, lost_and_found);
            lost = returned.map_err(|error| self.in_place(error))?;
        }
        if disk::inode(&self.away)? == Some(self.inode) {
            self.come_back()?;
        }
        // The list is deleted next, and without it no process knows what to undo.
        if is_whole {
            tree::sync_filesystem(&self.staged)?;
        }
        Ok(lost)
    }

    /// Names the entry of an error where people know it: the tree is only away for a moment.
    fn in_place(&self, error: DiskError) -> DiskError {
        match error.path.strip_prefix(&self.away) {
            Ok(inside) => DiskError { path: self.place.join(inside), ..error },
            Err(_) => error,
        }
    }

    /// Moves the tree away, so that no process that opens it by its path sees a mixture.
    fn leave(&self) -> Result<(), Error> {
        if disk::inode(&self.place)? == Some(self.inode) {
            disk::rename(&self.place, &self.away)?;
        } else if disk::inode(&self.away)? != Some(self.inode) {
            return Err(lost(&self.place, &self.away));
        }
        Ok(())
    }

    /// Moves the tree back. What another process has made in its place, as engines do for a missing
    /// mount path, moves to lost+found.
    fn come_back(&self) -> Result<(), Error> {
        if disk::inode(&self.place)?.is_some() {
            let name = self.place.file_name().unwrap_or_default().to_string_lossy();
            disk::rename_to_free(&self.place, &self.lost_and_found, crate::layout::PRIVATE_MODE, &name)?;
        }
        Ok(disk::rename(&self.away, &self.place)?)
    }
}

/// Returns whether the steps are certainly undone: nothing is where it is after them, and nothing
/// else is where it was before.
pub(in crate::pool) fn are_reverted(layout: &Layout, moves: &[Move]) -> Result<bool, Error> {
    let at = |path: &Path| disk::inode(&layout.full(path));
    for step in moves {
        let is_reverted = match step {
            Move::Rename { from, to, inode } => {
                at(to)?.is_none() && at(from)?.is_none_or(|there| there == *inode)
            }
            Move::Exchange { staged, place, inode } => {
                at(place)? != Some(*inode) && at(staged)?.is_none_or(|there| there == *inode)
            }
            // The list is deleted when the step is undone.
            Move::ExchangeEntries { place, steps, inode, .. } => {
                at(place)? == Some(*inode) && at(steps)?.is_none()
            }
        };
        if !is_reverted {
            return Ok(false);
        }
    }
    Ok(!moves.is_empty())
}

/// Undoes the steps that were done, last first. Entries that other processes have made homeless
/// meanwhile go to `lost_and_found`; gives how many.
pub(in crate::pool) fn revert(layout: &Layout, moves: &[Move], lost_and_found: &Path) -> Result<u64, Error> {
    let mut lost = 0;
    for step in moves.iter().rev() {
        match step {
            Move::Rename { from, to, inode } => {
                let (source, target) = (layout.full(from), layout.full(to));
                if disk::inode(&target)? == Some(*inode) {
                    // It may have come from a trash entry that was deleted since.
                    if let Some(parent) = source.parent() {
                        disk::ensure_directory(parent, crate::layout::PRIVATE_MODE)?;
                    }
                    lost += clear_way(&source, lost_and_found)?;
                    disk::rename(&target, &source)?;
                }
            }
            Move::Exchange { staged, place, inode } => {
                let (staged, place) = (layout.full(staged), layout.full(place));
                if disk::inode(&place)? == Some(*inode) {
                    disk::exchange(&staged, &place)?;
                } else if disk::inode(&staged)?.is_some_and(|there| there != *inode) {
                    // Another process has moved the new tree away, or put another in its place.
                    lost += clear_way(&place, lost_and_found)?;
                    disk::rename(&staged, &place)?;
                }
            }
            Move::ExchangeEntries { .. } => {
                lost += Entries::of(layout, step).map_or(Ok(0), |it| it.revert(lost_and_found))?;
            }
        }
    }
    sync_parents(layout, moves)?;
    Ok(lost)
}

/// Moves what is at `place`, where another process put it, to `lost_and_found`; returns how many
/// entries that is.
fn clear_way(place: &Path, lost_and_found: &Path) -> Result<u64, Error> {
    if disk::inode(place)?.is_none() {
        return Ok(0);
    }
    tree::move_to_lost(place, lost_and_found)?;
    Ok(1)
}

fn lost(a: &Path, b: &Path) -> Error {
    Error::Damaged(format!("what should be at {} or {} is at neither", a.display(), b.display()))
}

/// Makes the steps durable by syncing the directories that they change.
pub(in crate::pool) fn sync_parents(layout: &Layout, moves: &[Move]) -> Result<(), Error> {
    let parents: BTreeSet<PathBuf> = moves
        .iter()
        .flat_map(|step| match step {
            Move::Rename { from, to, .. } => [from, to],
            Move::Exchange { staged, place, .. } | Move::ExchangeEntries { staged, place, .. } => {
                [staged, place]
            }
        })
        .filter_map(|path| layout.full(path).parent().map(Path::to_path_buf))
        .collect();
    for parent in parents.iter().filter(|parent| parent.is_dir()) {
        disk::sync_directory(parent)?;
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests set up files of their own")]
mod tests {
    use super::*;
    use std::fs;

    fn setup() -> (tempfile::TempDir, Layout, Vec<Move>) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        for name in ["staging", "staging/new", "staging/tree", "volume", "volume/tree"] {
            disk::make_directory(&layout.full(Path::new(name)), 0o700).unwrap();
        }
        fs::write(dir.path().join("staging/tree/mark"), "new").unwrap();
        fs::write(dir.path().join("volume/tree/mark"), "old").unwrap();
        let inode = |name: &str| disk::inode(&layout.full(Path::new(name))).unwrap().unwrap();
        let moves = vec![
            Move::Rename { inode: inode("staging/new"), from: "staging/new".into(), to: "volume/new".into() },
            Move::Exchange {
                inode: inode("staging/tree"),
                staged: "staging/tree".into(),
                place: "volume/tree".into(),
            },
        ];
        (dir, layout, moves)
    }

    fn mark(dir: &Path) -> String {
        fs::read_to_string(dir.join("volume/tree/mark")).unwrap()
    }

    #[test]
    fn steps_can_be_repeated_and_reverted_from_wherever_they_stopped() {
        for done in 0..=2 {
            let (dir, layout, moves) = setup();
            apply(&layout, &moves[..done], &RefusedFlags::default()).unwrap();
            apply(&layout, &moves, &RefusedFlags::default()).unwrap();
            apply(&layout, &moves, &RefusedFlags::default()).unwrap();
            assert_eq!(mark(dir.path()), "new");
            assert!(dir.path().join("volume/new").is_dir());

            let (dir, layout, moves) = setup();
            apply(&layout, &moves[..done], &RefusedFlags::default()).unwrap();
            revert(&layout, &moves, &layout.lost_and_found()).unwrap();
            revert(&layout, &moves, &layout.lost_and_found()).unwrap();
            assert_eq!(mark(dir.path()), "old");
            assert!(dir.path().join("staging/new").is_dir() && !dir.path().join("volume/new").exists());
        }
    }

    #[test]
    fn a_tree_that_was_away_comes_back_also_where_another_process_made_one() {
        let (dir, layout, _) = setup();
        let inode = |name: &str| disk::inode(&layout.full(Path::new(name))).unwrap().unwrap();
        let moves = [Move::ExchangeEntries {
            inode: inode("volume/tree"),
            staged: "staging/tree".into(),
            place: "volume/tree".into(),
            away: "staging/away".into(),
            steps: "staging/steps".into(),
        }];
        // Without a list nothing is done, and nothing to be taken back.
        assert!(matches!(apply(&layout, &moves, &RefusedFlags::default()), Err(Error::Damaged(_))));
        assert!(are_reverted(&layout, &moves).unwrap());
        let at = |name: &str| dir.path().join(name);
        disk::rename(&at("volume/tree"), &at("staging/away")).unwrap();
        assert!(!are_reverted(&layout, &moves).unwrap());
        disk::make_directory(&at("volume/tree"), 0o755).unwrap();
        fs::write(at("volume/tree/theirs"), "").unwrap();
        for _ in 0..2 {
            revert(&layout, &moves, &layout.lost_and_found()).unwrap();
            assert_eq!(mark(dir.path()), "old");
            assert!(layout.lost_and_found().join("tree.1/theirs").exists());
        }
        // So does the next one that is in its way, wherever the first has gone.
        disk::rename(&at("volume/tree"), &at("staging/away")).unwrap();
        disk::make_directory(&at("volume/tree"), 0o755).unwrap();
        revert(&layout, &moves, &layout.lost_and_found()).unwrap();
        assert_eq!(mark(dir.path()), "old");
        assert!(layout.lost_and_found().join("tree.2").exists());
    }

    #[test]
    fn a_step_whose_inode_is_nowhere_is_refused() {
        let (dir, layout, moves) = setup();
        fs::rename(dir.path().join("staging/new"), dir.path().join("elsewhere")).unwrap();
        assert!(matches!(apply(&layout, &moves, &RefusedFlags::default()), Err(Error::Damaged(_))));
        assert_eq!(mark(dir.path()), "old");
    }
}
