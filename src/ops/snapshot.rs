//! The tree of a commit: what nobody writes to is copied while containers still run, the rest while they are held.
//! They are let go when all is copied: what is left, to make it durable and to publish it, needs no container to stand still.

use std::path::Path;
use std::time::Duration;

use crate::error::Error;
use crate::model::{BranchRecord, CommitId};
use crate::pool::{Group, Look, Outcome, Pool, Purpose, finish_all};
use crate::sys::tree::{self, Bounds, CopyStats, FileTime, FirstPass, MarkedCopies, Update};

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

/// What was copied into one commit.
pub(super) struct Copied {
    /// While containers still ran; all of it when none ran.
    pub(super) early: CopyStats,
    /// While they were held.
    pub(super) quiesced: CopyStats,
}

/// Runs the operations to their end, which is one: containers are held once for all of them. The file system was
/// synced since `begun`, so that a store through an old mapping leaves its mark on the file. What `complete` adds to the
/// operations comes last.
pub(super) fn run(
    snapshots: &[Snapshot<'_>],
    mut group: Group<'_>,
    mut begun: Bounds,
    complete: impl FnOnce(&mut Group<'_>),
) -> Result<(Outcome, Vec<Copied>), Error> {
    let Some(pool) = snapshots.first().map(|first| first.pool) else { return Ok(Default::default()) };
    let volumes = snapshots.iter().map(|snapshot| &snapshot.branch.volume);
    let mut early = Vec::new();
    if pool.will_hold(volumes, Purpose::Copy)?.holds {
        early = snapshots.iter().map(Snapshot::ahead).collect::<Result<Vec<_>, _>>()?;
        // Also, what the first pass made is written out before containers have to wait for it.
        begun = pool.sync_and_bound()?;
    }
    early.resize_with(snapshots.len(), || None);
    group.quiesce(Purpose::Copy)?;
    let mut copied = Vec::new();
    for (snapshot, early) in snapshots.iter().zip(early) {
        let (early, ahead) = early.unzip();
        let rest = snapshot.copy(early.as_ref())?;
        copied.push(match ahead {
            Some(ahead) => Copied { early: ahead, quiesced: rest },
            None => Copied { early: rest, quiesced: CopyStats::default() },
        });
    }
    let looks: Vec<Look<'_>> = snapshots.iter().map(|snapshot| snapshot.look(begun)).collect();
    let meanwhile: &[Look<'_>] = if group.holds_any() {
        // Nobody may write meanwhile.
        group.iter_mut().zip(&looks).for_each(|(pending, look)| pending.remember(look));
        group.release_early()?;
        &[]
    } else {
        &looks
    };
    let published = group.publish_as_completed(meanwhile, complete)?;
    Ok((finish_all(published)?, copied))
}

impl Snapshot<'_> {
    fn look(&self, bounds: Bounds) -> Look<'_> {
        let BranchRecord { volume, name, head, .. } = self.branch;
        Look { volume, branch: name, commit: self.commit, parent: head.as_ref(), bounds, exchanged: None }
    }

    fn copy(&self, early: Option<&MarkedCopies>) -> Result<CopyStats, Error> {
        let first_pass = early.map_or(FirstPass::None, FirstPass::ByMark);
        let (options, update) = (self.pool.copy_options(), Update { first_pass, ..Update::default() });
        Ok(self.pool.watched(self.working_tree, || {
            tree::update_tree(self.working_tree, self.staged, &options, &update)
        })?)
    }

    /// The first pass. It needs more space than a copy alone, if much of what it copied changes: where
    /// there is none, the copy is made in one pass.
    fn ahead(&self) -> Result<Option<(MarkedCopies, CopyStats)>, Error> {
        if !tree::marks_mapped_stores(self.working_tree) {
            return Ok(None);
        }
        let (pool, options) = (self.pool, self.pool.copy_options());
        let settled = FileTime::now().earlier(QUIET);
        let copied = pool.watched(self.working_tree, || {
            tree::copy_first_pass(self.working_tree, self.staged, &options, settled)
        });
        match copied {
            Err(error) if error.is_no_space() => {
                tree::discard_first_pass(self.staged)?;
                Ok(None)
            }
            other => Ok(Some(other?)),
        }
    }
}
