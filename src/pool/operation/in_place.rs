//! What other processes write to a tree between the step that brings it into place and the commit
//! point. Recovery takes the tree back and deletes it, and must keep what they wrote.

use std::path::{Path, PathBuf};

use super::group::Member;
use crate::error::Error;
use crate::layout;
use crate::model::{Move, Operation};
use crate::pool::Pool;
use crate::sys::disk;
use crate::sys::error::DiskError;
use crate::sys::tree::{self, FileTime};

/// Returns the places in the operation's staging of what comes to where other processes may find
/// it. Trees of commits are not among them: no other process knows their names yet.
fn arriving(operation: &Operation) -> impl Iterator<Item = &Path> {
    let own = layout::staging_of(&operation.id);
    operation.plan.install.iter().filter_map(move |step| match step {
        Move::Rename { from, to: place, .. } | Move::Exchange { staged: from, place, .. } => {
            (from.starts_with(&own) && !layout::is_of_commit(place)).then_some(from.as_path())
        }
        Move::ExchangeEntries { .. } => None,
    })
}

impl Pool {
    /// Returns the trees in the operation's staging that come into place, or came back from there.
    fn staged_trees(&self, operation: &Operation) -> Result<Vec<PathBuf>, DiskError> {
        let mut found = Vec::new();
        for path in arriving(operation).map(|path| self.layout.full(path)) {
            if disk::is_directory(&path)? {
                found.push(path);
            }
        }
        Ok(found)
    }

    /// Marks the moment from which on other processes may find the staged trees: what is older in
    /// them was copied.
    pub(in crate::pool) fn mark_installing<T>(&self, members: &[Member<'_, T>]) -> Result<(), Error> {
        let mut has_waited = false;
        for Member { operation, .. } in members {
            if !self.staged_trees(operation)?.is_empty() {
                if !has_waited {
                    FileTime::a_tick_after(FileTime::fine());
                    has_waited = true;
                }
                disk::create_new(&self.layout.full(&layout::installed_since(&operation.id)))?;
            }
        }
        Ok(())
    }

    /// Moves what other processes wrote to trees that were in place, and are back in staging now,
    /// to `lost_and_found`. Returns how many entries that are.
    pub(in crate::pool) fn keep_written(
        &self,
        operation: &Operation,
        lost_and_found: &Path,
    ) -> Result<u64, Error> {
        let mark = self.layout.full(&layout::installed_since(&operation.id));
        if disk::inode(&mark)?.is_none() {
            return Ok(0);
        }
        let mut kept = 0;
        for tree in self.staged_trees(operation)? {
            kept += tree::keep_written(&tree, &mark, lost_and_found)?;
        }
        if kept > 0 {
            // What stays in staging is deleted next.
            tree::sync_filesystem(lost_and_found)?;
        }
        Ok(kept)
    }

    /// Moves trees that came to staging instead of those that the operation replaced to lost+found:
    /// another process had put them into their place. Returns how many.
    pub(in crate::pool) fn keep_strangers(
        &self,
        operation: &Operation,
        lost_and_found: &Path,
    ) -> Result<u64, Error> {
        let mut kept = 0;
        for step in &operation.plan.install {
            let Move::Exchange { staged, .. } = step else { continue };
            let full = self.layout.full(staged);
            if disk::is_directory(&full)? {
                tree::move_to_lost(&full, lost_and_found)?;
                kept += 1;
            }
        }
        Ok(kept)
    }
}
