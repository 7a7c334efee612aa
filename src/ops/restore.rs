//! The trees of a reset: a working tree becomes a commit's, at the cost of what differs.
//!
//! Where the stat index knows the working tree, the reset exchanges only what it does not know to be unchanged, entry by entry.
//! Where it knows nothing, or a container stays that has files open, a whole copy takes the tree's place. Both ways the bulk is
//! copied while containers run, the rest while they are held.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;
use crate::layout;
use crate::model::{BranchRecord, CommitId};
use crate::pool::{
    ExchangePaths, Exchanged, Group, Look, Outcome, Pending, PlanBuilder, Pool, Purpose, StoredIndex,
    finish_all,
};
use crate::sys::tree::{Bounds, CopyStats, FileTime, Keep, Retarget, Update, update_tree};

/// Makes the working tree of `branch` the one of `commit`.
pub(super) struct Restore<'r> {
    pub(super) pool: &'r Pool,
    /// The commit's tree.
    pub(super) source: &'r Path,
    /// What [`plan`] gave.
    pub(super) staged: Option<&'r Path>,
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

/// Plans how the working tree of `branch` becomes another: by its entries, when something is known of them. Else gives the
/// empty directory that will take its place.
pub(super) fn plan(
    draft: &mut PlanBuilder<'_>,
    branch: &BranchRecord,
    index: Option<&StoredIndex<'_>>,
) -> Result<Option<PathBuf>, Error> {
    let place = layout::working_tree(&branch.volume, &branch.name);
    if index.is_none() {
        return draft.replace(place).map(Some);
    }
    draft.retarget(place)?;
    Ok(None)
}

/// How a working tree becomes another.
enum Way<'r> {
    /// By an exchange of entries.
    Entries(ExchangePaths, &'r StoredIndex<'r>),
    /// By an exchange with a whole copy, and what of that is there already.
    Whole(PathBuf, Keep),
}

/// Runs the operations to their end, which is one: containers are held once for all of them. The file system was
/// synced since `begun`, so that a store through an old mapping leaves its mark on the file.
pub(super) fn run(
    restores: &[Restore<'_>],
    mut group: Group<'_>,
    begun: Bounds,
) -> Result<(Outcome, Vec<Restored>), Error> {
    let Some(pool) = restores.first().map(|first| first.pool) else { return Ok(Default::default()) };
    let ahead = pool.will_hold(restores.iter().map(|restore| &restore.branch.volume), Purpose::Swap)?;
    let ways = restores.iter().zip(group.iter()).map(|(restore, pending)| restore.way(pending));
    let mut ways = ways.collect::<Result<Vec<_>, Error>>()?;
    if ahead.freezes {
        replace_whole(restores, &mut ways, &mut group)?;
    }
    let mut done: Vec<Restored> = restores.iter().map(|_| Restored::default()).collect();
    if ahead.holds {
        for ((restore, way), done) in restores.iter().zip(&mut ways).zip(&mut done) {
            done.early = restore.copy(way, true)?;
            if let Way::Whole(_, keep) = way {
                *keep = Keep::All;
            }
        }
    }
    group.quiesce(Purpose::Swap)?;
    if group.iter().any(Pending::has_frozen) {
        replace_whole(restores, &mut ways, &mut group)?;
    }
    for ((restore, way), done) in restores.iter().zip(&ways).zip(&mut done) {
        done.quiesced = restore.copy(way, false)?;
    }

    let made = Bounds { changed: FileTime::a_tick_after(FileTime::fine()), ..begun };
    let looks: Vec<Look<'_>> =
        restores.iter().zip(&ways).map(|(restore, way)| restore.look(way, made)).collect();
    let published = group.publish_as_completed(&looks, |_| ())?;
    Ok((finish_all(published)?, done))
}

/// Lets whole trees be replaced: a container that is only frozen has files of the old ones open.
fn replace_whole(restores: &[Restore<'_>], ways: &mut [Way<'_>], group: &mut Group<'_>) -> Result<(), Error> {
    for ((restore, way), pending) in restores.iter().zip(ways).zip(group.iter_mut()) {
        if let Way::Entries(..) = way {
            *way = Way::Whole(pending.replace_whole(&restore.place())?, Keep::Nothing);
        }
    }
    Ok(())
}

impl<'r> Restore<'r> {
    /// The working tree, relative to the pool.
    fn place(&self) -> PathBuf {
        layout::working_tree(&self.branch.volume, &self.branch.name)
    }

    fn way(&self, pending: &Pending<'_>) -> Result<Way<'r>, Error> {
        match (self.index, self.staged) {
            (Some(index), _) => Ok(Way::Entries(pending.places(&self.place())?, index)),
            (None, Some(staged)) => Ok(Way::Whole(staged.to_path_buf(), Keep::Nothing)),
            (None, None) => Err(Error::Inconsistent("nothing is planned for the working tree".to_owned())),
        }
    }

    /// Copies what is needed: ahead, or when nobody writes to the tree any more.
    fn copy(&self, way: &Way<'_>, ahead: bool) -> Result<CopyStats, Error> {
        let (source, options) = (self.source, self.pool.copy_options());
        let copied = self.pool.watched(source, || match way {
            Way::Entries(ExchangePaths { staged, list, early }, index) => {
                let tree = self.pool.layout().full(&self.place());
                let change = Retarget { source, tree: &tree, index: *index, staged, first_pass: early };
                if ahead { change.stage_first_pass(&options) } else { change.stage(list, &options) }
            }
            Way::Whole(staged, keep) => {
                update_tree(source, staged, &options, &Update { keep: *keep, ..Update::default() })
            }
        });
        Ok(copied?)
    }

    fn look<'l>(&'l self, way: &'l Way<'_>, bounds: Bounds) -> Look<'l> {
        let BranchRecord { volume, name, .. } = self.branch;
        let exchanged = match way {
            Way::Entries(places, before) => Some(Exchanged { before, list: &places.list }),
            Way::Whole(..) => None,
        };
        Look { volume, branch: name, commit: self.commit, parent: None, bounds, exchanged }
    }
}

/// A time as scripts read it.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
