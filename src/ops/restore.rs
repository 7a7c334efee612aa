//! Restores the trees of a reset: a working tree becomes a commit's, at the cost of what differs.
//!
//! Where the stat index knows the working tree, the reset exchanges only the entries that it does
//! not know to be unchanged. Where it knows nothing, or a container is only frozen and has files
//! open, a whole copy takes the tree's place. Both ways the bulk is copied while containers run,
//! the rest while they are held.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::layout;
use crate::model::{BranchRecord, CommitId, VolumeName};
use crate::pool::{
    ExchangePaths, Exchanged, Group, Look, Notice, Outcome, PlanBuilder, Pool, Purpose, StoredIndex,
};
use crate::store::Rows;
use crate::sys::error::DiskError;
use crate::sys::tree::{
    self, Bounds, CopyStats, CopyWay, FileTime, Keep, LeftTree, Retarget, Update, update_tree,
};

/// Makes a working tree equal to a commit's tree.
pub(super) struct Restore<'p, V> {
    /// The branch before.
    pub(super) branch: BranchRecord,
    /// The volume or worktree that has the branch checked out.
    volume: VolumeName,
    pub(super) commit: CommitId,
    /// The commit's tree.
    source: PathBuf,
    /// What earlier exchanges with the same commit left of the working tree, the last first.
    earlier: Vec<LeftTree>,
    /// Their folders of spares.
    spares: Vec<PathBuf>,
    way: Way<'p>,
    /// What was copied before containers were held.
    pub(super) copied: CopyStats,
    /// What was copied while they were held.
    pub(super) quiesced: CopyStats,
    /// What else the verb knows of the volume.
    pub(super) verb: V,
}

/// How a working tree becomes another.
enum Way<'p> {
    /// By an exchange of entries.
    Entries(ExchangePaths, Box<StoredIndex<'p>>),
    /// By an exchange with a whole copy, and what of that copy may be kept.
    Whole(PathBuf, Keep),
}

/// What a verb does beside a reset of a working tree.
pub(super) trait Beside {
    /// Works while containers still write to the tree.
    fn copy_first(&mut self, _: &Pool) -> Result<(), Error> {
        Ok(())
    }

    /// Works when no container writes to the tree any more, which is still as it was.
    fn copy_rest(&mut self, _: &Pool) -> Result<(), Error> {
        Ok(())
    }
}

impl Beside for () {}

/// Copies what is needed and runs the operations to their end. Containers are held once for all of
/// them. The caller has synced the file system since `begun`, so that a store through an older
/// mapping has changed the file's times.
pub(super) fn run<'p, V: Beside + Send + Sync>(
    pool: &Pool,
    mut group: Group<'p, Restore<'p, V>>,
    begun: Bounds,
    purpose: Purpose,
) -> Result<Outcome<Restore<'p, V>>, Error> {
    group.each().for_each(|restore| restore.prepare_spares(pool));
    let needed = || group.each().map(|restore| restore.needed(pool)).sum::<Result<u64, Error>>();
    let sources: Vec<&Path> = group.each().map(|restore| restore.source.as_path()).collect();
    pool.find_space_for(needed, &sources)?;
    let preview = group.preview(purpose)?;
    group.each().try_for_each(Restore::make_places)?;
    if preview.freezes {
        replace_whole(&mut group)?;
    }
    if preview.holds {
        for restore in group.each_mut() {
            restore.verb.copy_first(pool)?;
            restore.copy_first(pool)?;
        }
        if group.each().any(|restore| restore.copied.moved() > 0) {
            // Written out now, so that containers need not wait for it.
            tree::sync_filesystem(pool.layout().root())?;
        }
    }
    let mut quiesced = group.quiesce(purpose)?;
    if quiesced.has_frozen() {
        replace_whole(&mut quiesced)?;
    }
    for restore in quiesced.each_mut() {
        restore.verb.copy_rest(pool)?;
        restore.copy_rest(pool)?;
    }
    let made = Bounds { changed: FileTime::a_tick_after(FileTime::fine()), ..begun };
    let published = quiesced.publish_known(|restore| Some(restore.look(made)))?;
    let outcome = published.finish();
    outcome.volumes.iter().for_each(|restore| restore.tell_of_large_files(pool));
    outcome.volumes.iter().for_each(|restore| restore.measure_earlier(pool));
    pool.tell_if_alike(outcome.volumes.iter().filter_map(|restore| match &restore.way {
        // What left the tree lies where the copies were staged.
        Way::Entries(paths, _) => Some(([&restore.copied, &restore.quiesced], &*paths.tree, &*paths.staged)),
        Way::Whole(..) => None,
    }));
    Ok(outcome)
}

/// Replaces whole trees: a container that is only frozen has files of the old ones open.
fn replace_whole<V>(group: &mut Group<'_, Restore<'_, V>>) -> Result<(), Error> {
    group.replan(|pool, member| {
        if let Way::Entries(paths, _) = &member.work.way {
            let tree = paths.tree.clone();
            member.work.way = Way::Whole(member.replace_whole(pool, &tree)?, Keep::Nothing);
        }
        Ok(())
    })
}

impl<'p, V> Restore<'p, V> {
    /// Plans how the working tree of `branch` becomes that of `commit`: by an exchange of entries
    /// if `index` knows the tree, else as a whole.
    pub(super) fn plan(
        rows: &Rows<'_>,
        draft: &mut PlanBuilder<'_>,
        (volume, branch): (&VolumeName, BranchRecord),
        (commit, source): (CommitId, PathBuf),
        index: Option<StoredIndex<'p>>,
        verb: V,
    ) -> Result<Self, Error> {
        let place = layout::working_tree(&branch.volume, &branch.name);
        let can_retarget = draft.can_retarget(&place)?;
        let way = match index.filter(|_| can_retarget) {
            Some(index) => Way::Entries(draft.retarget(place.clone())?, Box::new(index)),
            None => Way::Whole(draft.replace(place.clone())?, Keep::Nothing),
        };
        let earlier = match &way {
            Way::Entries(..) => draft.earlier_exchanges(rows, volume, (&place, &commit))?,
            Way::Whole(..) => Vec::new(),
        };
        let spares = earlier.iter().map(|left| left.spares.clone()).collect();
        let (copied, quiesced) = Default::default();
        let volume = volume.clone();
        Ok(Restore { branch, volume, commit, source, earlier, spares, way, copied, quiesced, verb })
    }

    /// Makes the spares that earlier exchanges with the same commit can give, as far as they are
    /// missing.
    fn prepare_spares(&self, pool: &Pool) {
        pool.prepare_spares(&self.source, &self.earlier);
    }

    /// Tells that spares can be made of what left the tree now.
    fn tell_of_large_files(&self, pool: &Pool) {
        if let Way::Entries(paths, _) = &self.way
            && tree::may_have_spares(&self.source, &paths.left()).unwrap_or(false)
        {
            pool.tell(&Notice::LargeFilesLeft { volume: self.volume.clone() });
        }
    }

    /// Measures trash again that spares were taken from.
    fn measure_earlier(&self, pool: &Pool) {
        let took = |stats: &CopyStats| stats.by_way[CopyWay::Patched].files > 0;
        if took(&self.copied) || took(&self.quiesced) {
            self.earlier.iter().for_each(|left| pool.measure_again(left));
        }
    }

    /// Returns how many bytes would be copied now.
    fn needed(&self, pool: &Pool) -> Result<u64, Error> {
        Ok(match &self.way {
            Way::Entries(paths, index) => self.retarget(paths, index).measure(&pool.copy_options())?,
            Way::Whole(..) => tree::measure_tree(&self.source)?.blocks,
        })
    }

    fn make_places(&self) -> Result<(), Error> {
        match &self.way {
            Way::Entries(paths, _) => Ok(paths.make()?),
            Way::Whole(..) => Ok(()),
        }
    }

    /// Copies what is needed now, while containers still write to the tree.
    fn copy_first(&mut self, pool: &Pool) -> Result<(), Error> {
        let options = pool.copy_options();
        self.copied = pool.watched(&self.source, || match &self.way {
            Way::Entries(paths, index) => self.retarget(paths, index).stage_first_pass(&options),
            Way::Whole(staged, keep) => self.copy_whole(pool, staged, *keep),
        })?;
        if let Way::Whole(_, keep) = &mut self.way {
            *keep = Keep::All;
        }
        Ok(())
    }

    /// Copies what is still missing, when no container writes to the tree any more.
    fn copy_rest(&mut self, pool: &Pool) -> Result<(), Error> {
        let options = pool.copy_options();
        self.quiesced = pool.watched(&self.source, || match &self.way {
            Way::Entries(paths, index) => self.retarget(paths, index).stage(&paths.list, &options),
            Way::Whole(staged, keep) => self.copy_whole(pool, staged, *keep),
        })?;
        Ok(())
    }

    fn retarget<'r>(&'r self, paths: &'r ExchangePaths, index: &'r StoredIndex<'_>) -> Retarget<'r> {
        let ExchangePaths { tree, staged, first_pass, .. } = paths;
        Retarget { source: &self.source, tree, index, staged, first_pass, spares: &self.spares }
    }

    fn copy_whole(&self, pool: &Pool, staged: &Path, keep: Keep) -> Result<CopyStats, DiskError> {
        update_tree(&self.source, staged, &pool.copy_options(), &Update { keep, ..Update::default() })
    }

    fn look(&self, bounds: Bounds) -> Look<'_> {
        let BranchRecord { volume, name, .. } = &self.branch;
        let exchanged = match &self.way {
            Way::Entries(paths, before) => Some(Exchanged { before, list: &paths.list }),
            Way::Whole(..) => None,
        };
        Look { volume, branch: name, commit: &self.commit, parent: None, bounds, exchanged }
    }
}
