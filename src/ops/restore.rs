//! The trees of a reset: a staged tree that becomes the working tree, at the cost of what changed.
//!
//! What the stat index knows to be unchanged is taken over from the old working tree by link, all
//! else is copied from the commit: the bulk while containers run, the rest while they are held. Links
//! are only made while containers are held, and taken apart again (out of the old tree) before they
//! are let go: at no time can one inode be written through two trees.

use std::path::Path;
use std::time::Duration;

use crate::layout;
use crate::model::{BranchRecord, CommitId};
use crate::pool::{Error, Outcome, Pending, Pool, Purpose};
use crate::sys::tree::{self, Bounds, CopyStats, Keep, Reuse, Update, update_tree};

/// Replaces the working tree of `branch` by `commit`'s.
pub(super) struct Restore<'r> {
    pub(super) pool: &'r Pool,
    /// The commit's tree.
    pub(super) source: &'r Path,
    /// The empty directory that will take the working tree's place.
    pub(super) staged: &'r Path,
    pub(super) branch: &'r BranchRecord,
    pub(super) commit: &'r CommitId,
}

impl Restore<'_> {
    /// Runs the operation to its end. Gives what was copied before containers were held, and after.
    pub(super) fn run(&self, mut pending: Pending<'_>) -> Result<(Outcome, CopyStats, CopyStats), Error> {
        let (pool, volume, branch) = (self.pool, &self.branch.volume, &self.branch.name);
        let working_tree = pool.layout().full(&layout::working_tree(volume, branch));
        let early = pool.will_hold(volume, Purpose::Swap)?;
        let index = pool.tree_index(volume, branch, self.commit)?;
        let begun = Bounds::now();
        // From here on a store through an old mapping leaves its mark on the file.
        tree::sync_filesystem(self.staged)?;

        let linked = pending.linked_files(&layout::working_tree(volume, branch))?;
        let reuse = |index, later| Reuse { tree: &working_tree, index, linked: &linked, later };

        let mut copied = CopyStats::default();
        if early {
            copied = self.pass(Keep::Nothing, index.as_ref().map(|index| reuse(index, true)))?;
        }
        pending.quiesce(Purpose::Swap)?;
        // A container that is only frozen still has the old files open.
        let index = index.as_ref().filter(|_| !pending.has_frozen());
        let keep = if early { Keep::All } else { Keep::Nothing };
        let quiesced = self.pass(keep, index.map(|index| reuse(index, false)))?;
        linked.finish()?;

        let mut published = pending.publish()?;
        // Only speed depends on what follows, so it does not fail the reset: the old tree goes anyway.
        if let Ok(stripped) = published.retire() {
            published.remember_new(volume, branch, self.commit, begun, stripped);
        }
        Ok((published.finish()?, copied, quiesced))
    }

    fn pass(&self, keep: Keep, reuse: Option<Reuse<'_>>) -> Result<CopyStats, Error> {
        let (options, update) = (self.pool.copy_options(), Update { keep, reuse, early: None });
        Ok(self.pool.watched(self.source, || update_tree(self.source, self.staged, &options, &update))?)
    }
}

/// A time as scripts read it.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
