//! Trees that an operation changed or replaced, as trash keeps them, and how they come back.
//!
//! A tree that has exchanged entries leaves what it had otherwise, and beside that the list of the steps. The list is written to
//! trash, where nothing else is before the operation is published, and durable before the first step. Undo makes the tree again of
//! that and of the commit.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::layout;
use crate::model::{Move, Operation};
use crate::pool::{Pending, Pool};
use crate::sys::disk;
use crate::sys::error::DiskError;
use crate::sys::tree;

/// Where the parts of an exchange of entries are. Paths are full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangePaths {
    /// The empty directory for what the tree needs.
    pub staged: PathBuf,
    /// Where the list of the steps is written.
    pub list: PathBuf,
    /// Where copies may be made ahead.
    pub early: PathBuf,
}

/// A tree that an undo makes again. Paths are full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeUndo {
    /// In trash: what of it differed from the commit.
    pub(in crate::pool) differed: PathBuf,
    /// The steps by which that came there.
    pub(in crate::pool) list: PathBuf,
    /// The empty directory that it is made in.
    pub(in crate::pool) staged: PathBuf,
}

impl Pool {
    /// Makes trees again that `operation` changed where they differed from its commit.
    ///
    /// # Errors
    /// When that commit or what differed is gone, or the copy fails.
    pub fn remake(&self, operation: &Operation, trees: &[TreeUndo]) -> Result<(), Error> {
        let made_of = operation.plan.made_of.as_ref().or(operation.head_after.as_ref());
        for TreeUndo { differed, list, staged } in trees {
            let none = || Error::Inconsistent("it is not known which commit a tree was made of".to_owned());
            let source = self.commit_tree(&operation.volume, made_of.ok_or_else(none)?)?;
            self.check_space([source.as_path(), differed.as_path()])?;
            let copy = || tree::copy_before(&source, differed, list, staged, &self.copy_options());
            self.watched(&source, copy)?;
        }
        Ok(())
    }

    /// Takes back what was staged and written down in trash for an operation that is undone: all that is there, since trees go
    /// there only when an operation is published. The lists go first: they say what to take back.
    pub(in crate::pool) fn forget_staged(&self, operation: &Operation) -> Result<(), DiskError> {
        let trash = self.layout.full(&layout::trash_of(&operation.id));
        for step in &operation.plan.install {
            let Move::ExchangeEntries { steps, .. } = step else { continue };
            let list = self.layout.full(steps);
            if disk::inode(&list)?.is_some() {
                disk::remove_file(&list)?;
                disk::sync_directory(&trash)?;
            }
        }
        tree::remove_tree(&trash)
    }
}

impl Pending<'_> {
    /// Makes the directories for the exchange of entries by which the tree at `place` becomes another.
    ///
    /// # Errors
    /// When it does not, or trash cannot be written to.
    pub fn places(&self, place: &Path) -> Result<ExchangePaths, Error> {
        let layout = &self.session.pool.layout;
        let of_it = |step: &Move| match step {
            Move::ExchangeEntries { staged, place: other, away, steps, .. } if other == place => {
                let early = layout::first_pass_of(away);
                let [staged, list, early] = [staged, steps, &early].map(|path| layout.full(path));
                Some(ExchangePaths { staged, list, early })
            }
            _ => None,
        };
        let places = self.operation.plan.install.iter().find_map(of_it);
        let places =
            places.ok_or_else(|| Error::Inconsistent(format!("{} keeps its entries", place.display())))?;
        disk::ensure_directory(&layout.full(&layout::trash_of(&self.operation.id)), layout::PRIVATE_MODE)?;
        disk::make_directory(&places.staged, layout::PRIVATE_MODE)?;
        Ok(places)
    }

    /// Lets the whole tree at `place` be replaced, instead of entries of it. Gives the full path of the empty directory that will
    /// take its place.
    ///
    /// # Errors
    /// When the tree exchanges no entries, or the journal cannot be written.
    pub fn replace_whole(&mut self, place: &Path) -> Result<PathBuf, Error> {
        let pool = self.session.pool;
        let plan = &mut self.operation.plan;
        let steps = plan.install.iter_mut();
        let mut found = steps.filter_map(|step| match step {
            Move::ExchangeEntries { staged, place: other, inode, .. } if other == place => {
                let (kept, inode) = (staged.clone(), *inode);
                Some((step, kept, inode))
            }
            _ => None,
        });
        let (step, kept, old) = found
            .next()
            .ok_or_else(|| Error::Inconsistent(format!("{} keeps its entries", place.display())))?;
        let name = kept.file_name().unwrap_or_default();
        let staged = layout::staging_of(&self.operation.id).join(name);
        let full = pool.layout.full(&staged);
        disk::make_directory(&full, layout::PRIVATE_MODE)?;
        let missing = || Error::Inconsistent(format!("{} is missing", full.display()));
        let inode = disk::inode(&full)?.ok_or_else(missing)?;
        // It is empty still, and something else comes to its place.
        tree::remove_tree(&pool.layout.full(&kept))?;
        *step = Move::Exchange { staged: staged.clone(), place: place.to_path_buf(), inode };
        plan.retire.push(Move::Rename { from: staged, to: kept, inode: old });
        let operation = &self.operation;
        pool.store.write(|writer| writer.journal_put(operation))?;
        Ok(full)
    }
}
