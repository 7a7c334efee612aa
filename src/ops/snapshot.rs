//! The tree of a commit: what nobody writes to is copied while containers still run, the rest while they are held.

use std::path::Path;
use std::time::Duration;

use crate::model::{BranchRecord, CommitId};
use crate::pool::{Error, Outcome, Pending, Pool, Purpose};
use crate::sys::tree::{self, Bounds, CopyStats, EarlyCopies, FileTime, Update};

/// What was written to later is left to the second pass: a direct write takes no longer.
const QUIET: Duration = Duration::from_secs(2);

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
        let is_worth_it =
            pool.will_hold(volume, Purpose::Copy)? && tree::marks_mapped_stores(self.working_tree);
        let early = if is_worth_it { self.ahead()? } else { None };
        let begun = Bounds::now();
        // From here on a store through an old mapping leaves its mark on the file. Also, what the first pass
        // made is written out before containers have to wait for it.
        tree::sync_filesystem(self.staged)?;
        pending.quiesce(Purpose::Copy)?;
        let (early, ahead) = early.unzip();
        let options = pool.copy_options();
        let update = Update { early: early.as_ref(), ..Update::default() };
        let copied = pool.watched(self.working_tree, || {
            tree::update_tree(self.working_tree, self.staged, &options, &update)
        })?;
        let mut published = pending.publish()?;
        published.remember(volume, &self.branch.name, self.commit, self.branch.head.as_ref(), begun);
        let outcome = published.finish()?;
        Ok(match ahead {
            Some(ahead) => (outcome, ahead, copied),
            None => (outcome, copied, CopyStats::default()),
        })
    }

    /// The first pass. It needs more space than a copy alone, if much of what it copied changes: where
    /// there is none, the copy is made in one pass.
    fn ahead(&self) -> Result<Option<(EarlyCopies, CopyStats)>, Error> {
        let (pool, options) = (self.pool, self.pool.copy_options());
        let settled = FileTime::now().earlier(QUIET);
        let copied = pool.watched(self.working_tree, || {
            tree::copy_early(self.working_tree, self.staged, &options, settled)
        });
        match copied {
            Err(error) if error.is_no_space() => {
                tree::discard_early(self.staged)?;
                Ok(None)
            }
            other => Ok(Some(other?)),
        }
    }
}
