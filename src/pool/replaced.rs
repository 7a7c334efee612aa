//! Trees that an exchange replaced, on their way to trash.
//!
//! Files that were unchanged were taken over by link, so for a moment they are in both trees. Which
//! they are is written down, durably, before the operation is published; afterwards, and before any
//! container goes on, they are taken out of the old tree: what trash keeps is the difference. Undo
//! copies them back from the commit, which has what they had.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Error, Pool, Published};
use crate::layout;
use crate::model::{Move, Operation};
use crate::sys::disk;
use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::{self, refill_tree, shared_names, strip_shared};

/// The trees that `operation` exchanges and keeps: staged, place, and where in trash it ends.
fn exchanges(operation: &Operation) -> impl Iterator<Item = (&Path, &Path, &Path)> {
    operation.plan.install.iter().filter_map(|step| {
        let Move::Exchange { staged, place, .. } = step else { return None };
        operation.plan.retire.iter().find_map(|retired| match retired {
            Move::Rename { from, to, .. } if from == staged => Some((&**staged, &**place, &**to)),
            _ => None,
        })
    })
}

/// Beside a tree in trash: the names that were taken out of it.
fn list_of(tree: &Path) -> PathBuf {
    let mut name = tree.as_os_str().to_owned();
    name.push(".shared");
    PathBuf::from(name)
}

impl Pool {
    /// Writes down which files the staged trees have in common with those that they will replace.
    pub(super) fn note_shared(&self, operation: &Operation) -> Result<(), Error> {
        for (staged, place, kept) in exchanges(operation) {
            let (staged, place, kept) =
                (self.layout.full(staged), self.layout.full(place), self.layout.full(kept));
            if !staged.is_dir() || !place.is_dir() {
                continue;
            }
            let list = shared_names(&place, &staged)?;
            if list.is_empty() {
                continue;
            }
            if let Some(folder) = kept.parent() {
                disk::ensure_directory(folder, layout::PRIVATE_MODE)?;
            }
            disk::write_new(&list_of(&kept), &list, 0o600)?;
        }
        Ok(())
    }

    /// Takes those files out of the replaced trees. Can be repeated.
    pub(super) fn strip_replaced(&self, operation: &Operation) -> Result<(), DiskError> {
        for (staged, place, kept) in exchanges(operation) {
            let (old, place) = (self.layout.full(staged), self.layout.full(place));
            if list_of(&self.layout.full(kept)).exists() && old.is_dir() && place.is_dir() {
                strip_shared(&old, &place)?;
            }
        }
        Ok(())
    }

    /// Makes the trees in trash that `operation` replaced whole again, so that they can come back. Can be
    /// repeated.
    ///
    /// # Errors
    /// When the commit that has what was taken out is gone, or the copy fails.
    pub fn refill_replaced(&self, operation: &Operation) -> Result<(), Error> {
        let Some(commit) = &operation.head_after else { return Ok(()) };
        let source = self.layout.full(&layout::commit_tree(&operation.volume, commit));
        for (_, _, kept) in exchanges(operation) {
            let kept = self.layout.full(kept);
            let path = list_of(&kept);
            if path.exists() && kept.is_dir() {
                let list = fs::read(&path).at("read", &path)?;
                refill_tree(&source, &kept, &list, &self.copy_options())?;
            }
        }
        Ok(())
    }

    /// Takes back what `note_shared` wrote for an operation that is undone.
    pub(super) fn forget_shared(&self, operation: &Operation) -> Result<(), DiskError> {
        for (_, _, kept) in exchanges(operation) {
            let path = list_of(&self.layout.full(kept));
            if path.exists() {
                tree::remove_tree(&path)?;
            }
        }
        Ok(())
    }
}

impl Published<'_> {
    /// Takes what was taken over out of the replaced trees, while containers are still held.
    ///
    /// # Errors
    /// When something cannot be removed; recovery tries again.
    pub fn strip_replaced(&self) -> Result<(), Error> {
        let pending = &self.pending;
        Ok(pending.session.pool.strip_replaced(&pending.operation)?)
    }
}
