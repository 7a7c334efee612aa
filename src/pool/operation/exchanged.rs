//! Working trees that become another by an exchange of entries, and how undo makes them again.
//!
//! What a tree had otherwise stays in trash, and the list of the exchange steps beside it. Both are
//! made after the journal entry, and are durable before the first step. Undo makes the tree from
//! these and from the commit.

use std::path::{Path, PathBuf};

use super::group::Member;
use super::plan::inode_at;
use crate::error::Error;
use crate::layout;
use crate::model::{Move, Operation};
use crate::pool::Pool;
use crate::sys::disk;
use crate::sys::error::DiskError;
use crate::sys::tree::{self, LeftTree};

/// Full paths of the parts of an exchange of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangePaths {
    /// The working tree.
    pub tree: PathBuf,
    /// The directory for the entries that the tree needs.
    pub staged: PathBuf,
    /// The file for the list of the steps.
    pub list: PathBuf,
    /// The directory for the copies of the first pass.
    pub first_pass: PathBuf,
    /// The directory for the spares of what leaves the tree.
    pub spares: PathBuf,
}

impl ExchangePaths {
    /// Makes the directory for the entries that the tree needs, and that for spares where blocks
    /// are not shared. In trash, so only once the journal knows of them.
    ///
    /// # Errors
    /// When trash cannot be written to.
    pub fn make(&self) -> Result<(), DiskError> {
        if let Some(trash) = self.staged.parent() {
            disk::ensure_directory(trash, layout::PRIVATE_MODE)?;
        }
        disk::make_directory(&self.staged, layout::PRIVATE_MODE)?;
        if disk::can_clone(&self.staged) {
            return Ok(());
        }
        disk::make_directory(&self.spares, layout::PRIVATE_MODE)
    }

    /// Says where what left the tree lies after the exchange.
    pub fn left(&self) -> LeftTree {
        LeftTree { tree: self.staged.clone(), list: self.list.clone(), spares: self.spares.clone() }
    }
}

/// A tree that an undo makes again. Paths are full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeUndo {
    /// In trash: the entries in which the tree differed from the commit.
    pub(in crate::pool) left: LeftTree,
    /// The empty directory that becomes the tree.
    pub(in crate::pool) staged: PathBuf,
}

impl Pool {
    /// Makes trees again that `operation` changed where they differed from its commit.
    ///
    /// # Errors
    /// When the commit or what differed is gone, or the copy fails.
    pub fn remake(&self, operation: &Operation, trees: &[TreeUndo]) -> Result<(), Error> {
        let made_of = operation.plan.made_of.as_ref().or(operation.head_after.as_ref());
        for TreeUndo { left, staged } in trees {
            let unknown =
                || Error::Damaged("the journal does not say which commit a tree was made of".to_owned());
            let source = self.commit_tree(&operation.volume, made_of.ok_or_else(unknown)?)?;
            let needed = || Ok(tree::measure_before(&source, left)?);
            self.find_space_for(needed, &[&source, &left.tree])?;
            let copy = || tree::copy_before(&source, left, staged, &self.copy_options());
            self.watched(&source, copy)?;
        }
        Ok(())
    }

    /// Deletes what an operation that is undone has put into trash. Trees go there only when an
    /// operation is published, so that is everything in its directory. The lists go first: they say
    /// what to undo.
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
        self.delete_trash(&operation.id)
    }
}

impl<T> Member<'_, T> {
    /// Plans to replace the whole tree at `tree` instead of exchanging entries of it. Gives the
    /// full path of the empty directory that will take its place.
    ///
    /// # Errors
    /// When the directory cannot be made.
    ///
    /// # Panics
    /// When the plan exchanges no entries of that tree.
    pub fn replace_whole(&mut self, pool: &Pool, tree: &Path) -> Result<PathBuf, Error> {
        let plan = &mut self.operation.plan;
        let is_it = |step: &&mut Move| matches!(step, Move::ExchangeEntries { place, .. } if pool.layout.full(place) == tree);
        let step = plan.install.iter_mut().find(is_it).expect("the plan exchanges entries of the tree");
        let Move::ExchangeEntries { staged: kept, place, inode: old, .. } = step.clone() else {
            unreachable!("only such a step was looked for")
        };
        let name = kept.file_name().unwrap_or_default();
        let staged = layout::staging_of(&self.operation.id).join(name);
        let full = pool.layout.full(&staged);
        disk::make_directory(&full, layout::PRIVATE_MODE)?;
        let inode = inode_at(&full)?;
        // It is still empty, and something else comes to its place.
        tree::remove_tree(&pool.layout.full(&kept))?;
        let spares = pool.layout.full(&layout::spares_of(&kept));
        if disk::inode(&spares)?.is_some() {
            tree::remove_tree(&spares)?;
        }
        *step = Move::Exchange { staged: staged.clone(), place, inode };
        plan.retire.push(Move::Rename { from: staged, to: kept, inode: old });
        Ok(full)
    }
}
