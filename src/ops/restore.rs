//! The trees of a reset: a staged tree that becomes the working tree, at the cost of what changed.
//!
//! What the stat index knows to be unchanged is taken over from the old working tree by link, all
//! else is copied from the commit: the bulk while containers run, the rest while they are held. Links
//! are only made while containers are held, and taken apart again (out of the old tree) before they
//! are let go: at no time can one inode be written through two trees.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::layout;
use crate::model::{BranchRecord, CommitId};
use crate::pool::{Error, Group, Outcome, Pending, Pool, Purpose, StoredIndex, finish_all};
use crate::sys::tree::{Bounds, CopyStats, Keep, LinkedFiles, Reuse, Update, update_tree};

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

/// What was copied for one working tree, before containers were held and after.
#[derive(Default)]
pub(super) struct Restored {
    pub(super) early: CopyStats,
    pub(super) quiesced: CopyStats,
}

/// Runs the operations to their end, which is one: containers are held once for all of them. The file system was
/// synced since `begun`, so that a store through an old mapping leaves its mark on the file.
pub(super) fn run(
    restores: &[Restore<'_>],
    mut group: Group<'_>,
    begun: Bounds,
) -> Result<(Outcome, Vec<Restored>), Error> {
    let Some(pool) = restores.first().map(|first| first.pool) else { return Ok(Default::default()) };
    let early = pool.will_hold(restores.iter().map(|restore| &restore.branch.volume), Purpose::Swap)?;
    let index =
        |restore: &Restore<'_>| pool.tree_index(&restore.branch.volume, &restore.branch.name, restore.commit);
    let indexes = restores.iter().map(index).collect::<Result<Vec<_>, _>>()?;
    let linked = |(restore, pending): (&Restore<'_>, &Pending<'_>)| pending.linked_files(&restore.place());
    let linked = restores.iter().zip(group.iter()).map(linked).collect::<Result<Vec<_>, _>>()?;
    let each =
        || restores.iter().zip(&indexes).zip(&linked).map(|((one, index), linked)| (one, index, linked));

    let mut done: Vec<Restored> = restores.iter().map(|_| Restored::default()).collect();
    if early {
        for ((restore, index, linked), done) in each().zip(&mut done) {
            done.early = restore.pass(Keep::Nothing, index.as_ref(), linked, true)?;
        }
    }
    group.quiesce(Purpose::Swap)?;
    let keep = if early { Keep::All } else { Keep::Nothing };
    for (at, ((restore, index, linked), done)) in each().zip(&mut done).enumerate() {
        // A container that is only frozen still has the old files open.
        let index = index.as_ref().filter(|_| !group[at].has_frozen());
        done.quiesced = restore.pass(keep, index, linked, false)?;
    }
    linked.into_iter().try_for_each(LinkedFiles::finish)?;

    let mut published = group.publish()?;
    for (restore, published) in restores.iter().zip(&mut published) {
        // Only speed depends on what follows, so it does not fail the reset: the old tree goes anyway.
        if let Ok(stripped) = published.retire() {
            let BranchRecord { volume, name, .. } = restore.branch;
            published.remember_new(volume, name, restore.commit, begun, stripped);
        }
    }
    Ok((finish_all(published)?, done))
}

impl Restore<'_> {
    /// The working tree, relative to the pool.
    fn place(&self) -> PathBuf {
        layout::working_tree(&self.branch.volume, &self.branch.name)
    }

    fn pass(
        &self,
        keep: Keep,
        index: Option<&StoredIndex<'_>>,
        linked: &LinkedFiles,
        later: bool,
    ) -> Result<CopyStats, Error> {
        let tree = self.pool.layout().full(&self.place());
        let reuse = index.map(|index| Reuse { tree: &tree, index, linked, later });
        let (options, update) = (self.pool.copy_options(), Update { keep, reuse, ..Update::default() });
        Ok(self.pool.watched(self.source, || update_tree(self.source, self.staged, &options, &update))?)
    }
}

/// A time as scripts read it.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
