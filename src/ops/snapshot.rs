//! The tree of a commit: copied in one pass, while containers are held.
//!
//! A pass before that, while they run, would shorten the downtime, but a mark taken beside such a copy
//! does not prove what was copied: directories that change places and back leave no trace on the files
//! in them. An exact first pass must compare the very inode that it opened.

use std::path::Path;

use crate::model::{BranchRecord, CommitId};
use crate::pool::{Error, Outcome, Pending, Pool, Purpose};
use crate::sys::tree::{self, Bounds, CopyStats};

/// Copies the working tree of `branch` into a new commit.
pub(super) struct Snapshot<'s> {
    pub(super) pool: &'s Pool,
    pub(super) working_tree: &'s Path,
    /// The empty directory that will be the commit's tree.
    pub(super) staged: &'s Path,
    pub(super) branch: &'s BranchRecord,
    pub(super) commit: &'s CommitId,
}

impl Snapshot<'_> {
    /// Runs the operation to its end, and gives what was copied.
    pub(super) fn run(&self, mut pending: Pending<'_>) -> Result<(Outcome, CopyStats), Error> {
        let (pool, volume) = (self.pool, &self.branch.volume);
        let begun = Bounds::now();
        // From here on a store through an old mapping leaves its mark on the file.
        tree::sync_filesystem(self.staged)?;
        pending.quiesce(Purpose::Copy)?;
        let copied = pool.copy_tree(self.working_tree, self.staged)?;
        let mut published = pending.publish()?;
        published.remember(volume, &self.branch.name, self.commit, begun);
        Ok((published.finish()?, copied))
    }
}
