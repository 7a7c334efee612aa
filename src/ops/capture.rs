//! Copies the tree of a commit: quiet files while containers still run, the rest while they are
//! held. Containers are let go when everything is copied: making it durable and publishing it need
//! no container to stand still.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;
use crate::layout;
use crate::model::{BranchRecord, CommitId};
use crate::pool::{Group, Look, Member, Outcome, Pool, Purpose};
use crate::sys::tree::{self, Bounds, CopyStats, FileTime, FirstPass, MarkedCopies, Update};

/// How long a file must not have been written to for the first pass to copy it: longer than any
/// write takes.
const QUIET_AFTER: Duration = Duration::from_secs(2);

/// Copies a working tree into a new commit.
pub(super) struct Capture<V> {
    pub(super) working_tree: PathBuf,
    /// The empty directory that becomes the commit's tree.
    pub(super) staged: PathBuf,
    /// The branch before.
    pub(super) branch: BranchRecord,
    pub(super) commit: CommitId,
    /// What the first pass copied.
    first_pass: Option<MarkedCopies>,
    /// What was copied while containers still ran; everything when none ran.
    pub(super) copied: CopyStats,
    /// What was copied while they were held.
    pub(super) quiesced: CopyStats,
    /// What else the verb knows of the volume.
    pub(super) verb: V,
}

/// Copies the trees and runs the operations to their end. Containers are held once for all of them.
/// The caller has synced the file system since `begun`, so that a store through an older mapping
/// has changed the file's times. `complete` adds rows when only the transaction is left to do.
pub(super) fn run<'p, V: Send + Sync>(
    pool: &Pool,
    mut group: Group<'p, Capture<V>>,
    mut begun: Bounds,
    complete: impl FnOnce(&mut [Member<'p, Capture<V>>]),
) -> Result<Outcome<Capture<V>>, Error> {
    if group.preview(Purpose::Copy)?.holds {
        group.each_mut().try_for_each(|capture| capture.copy_first(pool))?;
        // Written out now, so that containers need not wait for it.
        pool.sync_and_bound()?;
    }
    let mut quiesced = group.quiesce(Purpose::Copy)?;
    if quiesced.has_held() {
        // What the containers wrote while they stopped is known as well: the next reset copies only
        // what they write from here on.
        begun = pool.sync_and_bound()?;
    }
    quiesced.each_mut().try_for_each(|capture| capture.copy_rest(pool))?;
    let outcome = quiesced.publish_copied(|capture| Some(capture.look(begun)), complete)?.finish();
    let trees: Vec<_> = outcome.volumes.iter().filter_map(|capture| capture.trees(pool)).collect();
    let copies = trees.iter().map(|(stats, made, before)| (*stats, &**made, &**before));
    pool.tell_if_alike(copies);
    Ok(outcome)
}

impl<V> Capture<V> {
    pub(super) fn new(
        branch: BranchRecord,
        commit: CommitId,
        (working_tree, staged): (PathBuf, PathBuf),
        verb: V,
    ) -> Self {
        let (first_pass, copied, quiesced) = Default::default();
        Capture { working_tree, staged, branch, commit, first_pass, copied, quiesced, verb }
    }

    /// Returns the sum of the sizes of the files that were copied, in bytes.
    pub(super) fn size(&self) -> u64 {
        let last = if self.quiesced == CopyStats::default() { &self.copied } else { &self.quiesced };
        last.bytes + last.kept_bytes
    }

    /// Returns what was copied, the commit's tree and that of the commit before it.
    fn trees(&self, pool: &Pool) -> Option<([&CopyStats; 2], PathBuf, PathBuf)> {
        let of = |id: &CommitId| pool.layout().full(&layout::commit_tree(&self.branch.volume, id));
        let parent = self.branch.head.as_ref()?;
        Some(([&self.copied, &self.quiesced], of(&self.commit), of(parent)))
    }

    fn look(&self, bounds: Bounds) -> Look<'_> {
        let BranchRecord { volume, name, head, .. } = &self.branch;
        Look { volume, branch: name, commit: &self.commit, parent: head.as_ref(), bounds, exchanged: None }
    }

    pub(super) fn copy_rest(&mut self, pool: &Pool) -> Result<(), Error> {
        let (options, copies) = (pool.copy_options(), self.first_pass.take());
        let first_pass = copies.as_ref().map_or(FirstPass::None, FirstPass::ByMark);
        let update = Update { first_pass, ..Update::default() };
        let rest = pool.watched(&self.working_tree, || {
            tree::update_tree(&self.working_tree, &self.staged, &options, &update)
        })?;
        if copies.is_some() {
            self.quiesced = rest;
        } else {
            self.copied = rest;
        }
        Ok(())
    }

    /// Makes the first pass. If much of what it copied changes later, the two passes need more
    /// space than one: when space runs out, the copy is made in one pass.
    pub(super) fn copy_first(&mut self, pool: &Pool) -> Result<(), Error> {
        let (options, quiet) = (pool.copy_options(), FileTime::now().earlier(QUIET_AFTER));
        let copied = pool.watched(&self.working_tree, || {
            tree::copy_first_pass(&self.working_tree, &self.staged, &options, quiet)
        });
        match copied {
            Err(error) if error.is_no_space() => Ok(tree::discard_first_pass(&self.staged)?),
            other => {
                if let Some((copies, copied)) = other? {
                    (self.first_pass, self.copied) = (Some(copies), copied);
                }
                Ok(())
            }
        }
    }
}
