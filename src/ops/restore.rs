//! The trees of a reset: a working tree becomes a commit's, at the cost of what differs.
//!
//! Where the stat index knows the working tree, the reset exchanges only what it does not know to be unchanged, entry by entry.
//! Where it knows nothing, or a container stays that has files open, a whole copy takes the tree's place. Both ways the bulk is
//! copied while containers run, the rest while they are held.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::layout;
use crate::model::{BranchRecord, CommitId};
use crate::pool::{Draft, Error, Group, Outcome, Pending, Pool, Purpose, StoredIndex, finish_all};
use crate::sys::tree::{Bounds, CopyStats, FileTime, Keep, Retarget, Update, update_tree};

/// Makes the working tree of `branch` the one of `commit`.
pub(super) struct Restore<'r> {
    pub(super) pool: &'r Pool,
    /// The commit's tree.
    pub(super) source: &'r Path,
    /// The directory that [`stage`] gave.
    pub(super) staged: &'r Path,
    pub(super) branch: &'r BranchRecord,
    pub(super) commit: &'r CommitId,
    /// What is known of the working tree.
    pub(super) index: Option<&'r StoredIndex<'r>>,
}

/// What was copied for one working tree, before containers were held and after.
#[derive(Default)]
pub(super) struct Restored {
    pub(super) early: CopyStats,
    pub(super) quiesced: CopyStats,
}

/// Plans how the working tree of `branch` becomes another: by its entries, when something is known of them. Gives the empty
/// directory for what is copied.
pub(super) fn stage(
    draft: &mut Draft<'_>,
    branch: &BranchRecord,
    index: Option<&StoredIndex<'_>>,
) -> Result<PathBuf, Error> {
    let place = layout::working_tree(&branch.volume, &branch.name);
    if index.is_some() { draft.retarget(place) } else { draft.replace(place) }
}

/// Runs the operations to their end, which is one: containers are held once for all of them. The file system was
/// synced since `begun`, so that a store through an old mapping leaves its mark on the file.
pub(super) fn run(
    restores: &mut [Restore<'_>],
    mut group: Group<'_>,
    begun: Bounds,
) -> Result<(Outcome, Vec<Restored>), Error> {
    let Some(pool) = restores.first().map(|first| first.pool) else { return Ok(Default::default()) };
    let ahead = pool.will_hold(restores.iter().map(|restore| &restore.branch.volume), Purpose::Swap)?;
    if ahead.freezes {
        replace_whole(restores, &mut group)?;
    }
    let mut done: Vec<Restored> = restores.iter().map(|_| Restored::default()).collect();
    let mut keeps: Vec<Keep> = restores.iter().map(|_| Keep::Nothing).collect();
    if ahead.holds {
        for ((restore, done), keep) in restores.iter().zip(&mut done).zip(&mut keeps) {
            done.early = match restore.index {
                Some(index) => restore.retarget(index, None)?,
                None => restore.copy(Keep::Nothing)?,
            };
            *keep = if restore.index.is_none() { Keep::All } else { Keep::Nothing };
        }
    }
    group.quiesce(Purpose::Swap)?;
    if group.iter().any(Pending::has_frozen) {
        replace_whole(restores, &mut group)?;
    }
    let mut lists = Vec::new();
    for (at, (restore, done)) in restores.iter().zip(&mut done).enumerate() {
        let list = restore.index.map(|_| group[at].steps(&restore.place())).transpose()?;
        done.quiesced = match (restore.index, &list) {
            (Some(index), Some(list)) => restore.retarget(index, Some(list))?,
            _ => restore.copy(keeps[at])?,
        };
        lists.push(list);
    }
    let made = FileTime::fine();

    let mut published = group.publish()?;
    for ((restore, published), list) in restores.iter().zip(&mut published).zip(&lists) {
        // Only speed depends on what is known.
        match (restore.index, list) {
            (Some(index), Some(list)) => published.remember_exchanged(index, restore.commit, begun, list),
            _ => {
                let BranchRecord { volume, name, .. } = restore.branch;
                published.remember_new(volume, name, restore.commit, begun, made);
            }
        }
    }
    Ok((finish_all(published)?, done))
}

/// Lets whole trees be replaced: a container that is only frozen has files of the old ones open.
fn replace_whole(restores: &mut [Restore<'_>], group: &mut Group<'_>) -> Result<(), Error> {
    for (restore, pending) in restores.iter_mut().zip(group.iter_mut()) {
        if restore.index.take().is_some() {
            pending.replace_whole(&restore.place())?;
        }
    }
    Ok(())
}

impl Restore<'_> {
    /// The working tree, relative to the pool.
    fn place(&self) -> PathBuf {
        layout::working_tree(&self.branch.volume, &self.branch.name)
    }

    /// Copies what differs: ahead, or with a list of the steps.
    fn retarget(&self, index: &StoredIndex<'_>, list: Option<&Path>) -> Result<CopyStats, Error> {
        let (tree, options) = (self.pool.layout().full(&self.place()), self.pool.copy_options());
        let change = Retarget { source: self.source, tree: &tree, index, staged: self.staged };
        Ok(self.pool.watched(self.source, || match list {
            Some(list) => change.stage(list, &options),
            None => change.stage_early(&options),
        })?)
    }

    /// Copies all.
    fn copy(&self, keep: Keep) -> Result<CopyStats, Error> {
        let (options, update) = (self.pool.copy_options(), Update { keep, ..Update::default() });
        Ok(self.pool.watched(self.source, || update_tree(self.source, self.staged, &options, &update))?)
    }
}

/// A time as scripts read it.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
