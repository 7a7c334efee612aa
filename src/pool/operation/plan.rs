//! Building the plan of an operation, with places in staging for what it brings in.

use std::io;
use std::path::{Path, PathBuf};

use super::exchanged::ExchangePaths;
use crate::error::Error;
use crate::layout::{self, Layout, Staged};
use crate::model::{
    CommitId, Move, Operation, OperationId, Plan, Renaming, Row, RowChange, VolumeName, VolumeRecord,
};
use crate::store::Rows;
use crate::sys::mounts::MountPoints;
use crate::sys::{disk, obstacle};

/// Builds a plan. Lives inside the transaction that writes the plan into the journal, so a staging
/// directory without a journal entry has no owner.
pub struct PlanBuilder<'d> {
    pub(in crate::pool) layout: &'d Layout,
    id: &'d OperationId,
    pub(in crate::pool) plan: Plan,
    pub(in crate::pool) head_after: Option<Option<CommitId>>,
    /// The line of the operation that this one undoes.
    pub(in crate::pool) line: Option<u64>,
    count: u32,
    /// What many trees are checked against; it is read once for all of them.
    mounts: MountPoints,
}

/// Returns the inode of what must be at `path`.
pub(in crate::pool) fn inode_at(path: &Path) -> Result<u64, Error> {
    disk::inode(path)?.ok_or_else(|| Error::Damaged(format!("{} is missing", path.display())))
}

impl<'d> PlanBuilder<'d> {
    pub(in crate::pool) fn new(layout: &'d Layout, id: &'d OperationId) -> Result<Self, Error> {
        disk::make_directory(&layout.full(&layout::staging_of(id)), layout::PRIVATE_MODE)?;
        let (plan, mounts) = Default::default();
        Ok(PlanBuilder { layout, id, plan, head_after: None, line: None, count: 0, mounts })
    }

    fn next_place(&mut self, kind: Staged) -> PathBuf {
        self.count += 1;
        layout::staged(self.id, kind, self.count)
    }

    fn inode_of(&self, relative: &Path) -> Result<u64, Error> {
        inode_at(&self.layout.full(relative))
    }

    /// Returns the inode of a tree that will move. A tree that cannot move is refused here, before
    /// a container is touched.
    fn inode_of_tree(&self, relative: &Path) -> Result<u64, Error> {
        let full = self.layout.full(relative);
        obstacle::check_move_of_tree(&full, &self.mounts)?;
        inode_at(&full)
    }

    /// Plans to move an empty directory to `place` (relative to the pool), where nothing is. Gives
    /// its full path, to be filled before the operation is published.
    pub fn bring_in(&mut self, place: PathBuf) -> Result<PathBuf, Error> {
        obstacle::check_arrival(&self.layout.full(&place))?;
        let from = self.next_place(Staged::New);
        disk::make_directory(&self.layout.full(&from), layout::PRIVATE_MODE)?;
        let full = self.layout.full(&from);
        self.plan.install.push(Move::Rename { inode: self.inode_of(&from)?, from, to: place });
        Ok(full)
    }

    /// Plans to bring in the directory of a worktree, with its running point.
    pub fn bring_in_worktree(&mut self, record: &VolumeRecord) -> Result<(), Error> {
        let staged = self.bring_in(layout::volume(&record.name))?;
        disk::set_mode(&staged, layout::VOLUME_MODE)?;
        let point = staged.join(layout::RUNNING_POINT);
        Ok(disk::make_symlink(&layout::running_point_target_of(record), &point)?)
    }

    /// Plans to exchange the tree at `place` with an empty directory; the old tree moves to trash.
    /// Gives the full path of the directory.
    pub fn replace(&mut self, place: PathBuf) -> Result<PathBuf, Error> {
        let staged = self.next_place(Staged::New);
        disk::make_directory(&self.layout.full(&staged), layout::PRIVATE_MODE)?;
        let full = self.layout.full(&staged);
        self.keep_replaced(staged.clone(), &place)?;
        self.plan.install.push(Move::Exchange { inode: self.inode_of(&staged)?, staged, place });
        Ok(full)
    }

    /// Returns whether the tree at `place` can exchange entries with a staged one: not if it is a
    /// subvolume, which nothing can be moved into or out of.
    ///
    /// # Errors
    /// When the tree cannot be looked at.
    pub fn can_retarget(&self, place: &Path) -> Result<bool, Error> {
        match disk::is_same_device(&self.layout.full(place), &self.layout.trash()) {
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(true),
            other => Ok(other?),
        }
    }

    /// Plans that the tree at `place` becomes another by an exchange of entries. What it had
    /// otherwise stays in trash, where the entries that it needs are staged, and the list of the
    /// steps beside it.
    pub fn retarget(&mut self, place: PathBuf) -> Result<ExchangePaths, Error> {
        let (staged, away) = (self.next_kept(), self.next_place(Staged::Away));
        let (steps, inode) = (layout::steps_of(&staged), self.inode_of_tree(&place)?);
        let (early, spares) = (layout::first_pass_of(&away), layout::spares_of(&staged));
        let [tree, full_staged, list, first_pass, spares] =
            [&place, &staged, &steps, &early, &spares].map(|path| self.layout.full(path));
        self.plan.install.push(Move::ExchangeEntries { staged, place, away, steps, inode });
        Ok(ExchangePaths { tree, staged: full_staged, list, first_pass, spares })
    }

    /// Plans to exchange what lies at `staged`, outside this operation's staging, with what lies at
    /// `place`, which moves to trash.
    pub(in crate::pool) fn exchange(&mut self, staged: PathBuf, place: PathBuf) -> Result<(), Error> {
        self.keep_replaced(staged.clone(), &place)?;
        self.plan.install.push(Move::Exchange { inode: self.inode_of(&staged)?, staged, place });
        Ok(())
    }

    /// Plans to keep the whole tree that an exchange brings from `place` to `staged`, for undo.
    fn keep_replaced(&mut self, staged: PathBuf, place: &Path) -> Result<(), Error> {
        let (to, inode) = (self.next_kept(), self.inode_of_tree(place)?);
        self.plan.retire.push(Move::Rename { from: staged, to, inode });
        Ok(())
    }

    /// Names a free place in trash.
    fn next_kept(&mut self) -> PathBuf {
        self.count += 1;
        layout::trashed(self.id, self.count)
    }

    /// Plans to replace the symlink at `place` by one with this target.
    pub fn point(&mut self, place: PathBuf, target: &Path) -> Result<(), Error> {
        obstacle::check_arrival(&self.layout.full(&place))?;
        let staged = self.next_place(Staged::Link);
        disk::make_symlink(target, &self.layout.full(&staged))?;
        self.plan.install.push(Move::Exchange { inode: self.inode_of(&staged)?, staged, place });
        Ok(())
    }

    /// Plans to move what is at `from` to `to`, where nothing is.
    pub fn relocate(&mut self, from: PathBuf, to: PathBuf) -> Result<(), Error> {
        obstacle::check_move(&self.layout.full(&from), &self.mounts)?;
        obstacle::check_arrival(&self.layout.full(&to))?;
        self.plan.install.push(Move::Rename { inode: self.inode_of(&from)?, from, to });
        Ok(())
    }

    /// Plans to move `place` to trash after the metadata has changed, if anything is there.
    pub fn retire(&mut self, place: PathBuf) -> Result<(), Error> {
        let to = self.next_kept();
        self.retire_to(place, to)
    }

    /// Plans to delete `place` after the metadata has changed, if anything is there.
    pub fn delete(&mut self, place: PathBuf) -> Result<(), Error> {
        let to = self.next_place(Staged::Old);
        self.retire_to(place, to)
    }

    fn retire_to(&mut self, place: PathBuf, to: PathBuf) -> Result<(), Error> {
        let full = self.layout.full(&place);
        if let Some(inode) = disk::inode(&full)? {
            obstacle::check_move(&full, &self.mounts)?;
            self.plan.retire.push(Move::Rename { from: place, to, inode });
        }
        Ok(())
    }

    /// Plans to move what is at `place` to lost+found, so that something else can come to `place`.
    pub fn set_aside(&mut self, place: PathBuf) -> Result<(), Error> {
        self.count += 1;
        let name = place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        disk::ensure_directory(&self.layout.lost_and_found(), layout::PRIVATE_MODE)?;
        let to = layout::lost_and_found_of(self.id).join(format!("{name}-{}", self.count));
        self.relocate(place, to)
    }

    /// Plans to make a symlink at `place`, where nothing is, with this target.
    pub fn bring_link(&mut self, place: PathBuf, target: &Path) -> Result<(), Error> {
        let from = self.next_place(Staged::Link);
        disk::make_symlink(target, &self.layout.full(&from))?;
        self.plan.install.push(Move::Rename { inode: self.inode_of(&from)?, from, to: place });
        Ok(())
    }

    /// Records which operation this one undoes.
    pub(in crate::pool) fn undoes(&mut self, operation: &Operation) {
        self.plan.undoes = Some(operation.number);
        self.line = Some(operation.line);
    }

    /// Records which commit the new trees are made of, if that is not the new HEAD.
    pub fn made_of(&mut self, commit: &CommitId) {
        self.plan.made_of = Some(commit.clone());
    }

    /// Plans to change a row when the operation is published.
    pub fn change(&mut self, change: RowChange) {
        self.plan.changes.push(change);
    }

    /// Plans to delete what is kept for a name beside its own row: that it is the current volume,
    /// and its settings.
    pub fn forget_name(&mut self, rows: &Rows<'_>, name: &VolumeName) -> Result<(), Error> {
        if rows.current_volume()?.as_ref() == Some(name) {
            self.change(RowChange::delete(Row::CurrentVolume(name.clone())));
        }
        for (key, value) in rows.settings(Some(name))? {
            self.change(RowChange::delete(Row::Setting { volume: name.clone(), key, value }));
        }
        Ok(())
    }

    /// Plans to move all rows of a volume to another name when the operation is published; the
    /// volume's own row is a change.
    pub fn rename_rows(&mut self, renaming: Renaming) {
        self.plan.renames = Some(renaming);
    }

    /// Returns the rows that change when the operation is published.
    pub fn changes(&self) -> &[RowChange] {
        &self.plan.changes
    }

    /// Records where HEAD will be afterwards, for the operation log.
    pub fn move_head(&mut self, head: Option<CommitId>) {
        self.head_after = Some(head);
    }
}
