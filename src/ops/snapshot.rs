//! The tree of a commit, in two passes: the bulk is copied while containers run, and what they changed
//! meanwhile while they are held. So the downtime follows the change, not the size.

use std::path::Path;

use crate::model::{BranchRecord, CommitId};
use crate::pool::{Error, Outcome, Pending, Pool, Purpose};
use crate::sys::tree::{self, Bounds, CopyStats, Keep, MemoryIndex, Update, update_tree};

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
    /// Runs the operation to its end. Gives what was copied before containers were held, and after.
    pub(super) fn run(&self, mut pending: Pending<'_>) -> Result<(Outcome, CopyStats, CopyStats), Error> {
        let (pool, volume) = (self.pool, &self.branch.volume);
        let options = pool.copy_options();
        let whole = || pool.copy_tree(self.working_tree, self.staged);
        let begun = Bounds::now();
        // From here on a store through an old mapping leaves its mark on the file.
        tree::sync_filesystem(self.staged)?;

        let early = pool.has_running(volume)?;
        let (copied, quiesced);
        if early {
            // Looked at before it is copied: what has the same mark afterwards was copied as it is.
            let before = MemoryIndex::scan(self.working_tree, begun)?;
            copied = whole()?;
            pending.quiesce(Purpose::Copy)?;
            let update = Update { keep: Keep::Unchanged(&before), reuse: None };
            quiesced = update_tree(self.working_tree, self.staged, &options, &update)?;
        } else {
            pending.quiesce(Purpose::Copy)?;
            copied = CopyStats::default();
            quiesced = whole()?;
        }
        let mut published = pending.publish()?;
        published.remember(volume, &self.branch.name, self.commit, begun);
        Ok((published.finish()?, copied, quiesced))
    }
}
