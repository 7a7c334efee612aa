//! What can be found out about a volume in a few milliseconds: whether it has uncommitted changes,
//! and how big it is.
//!
//! The larger a tree is, the longer looking at it takes, so a look ends at its time limit. What it
//! did not find out until then is unknown: nothing is guessed, and nothing is reported that changed
//! meanwhile.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use super::status::is_dirty_unless;
use crate::error::Error;
use crate::layout;
use crate::model::{CommitId, Operation, Phase, VolumeName, VolumeRecord};
use crate::pool::Pool;
use crate::store::{Rows, StoreError};
use crate::sys::tree::Stop;
use crate::sys::{disk, tree};

/// How long to wait before trying again what took too long.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// The size of some trees, as `du` shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Sum of the file sizes.
    pub logical: u64,
    /// What deleting the trees gives back; `None` where the file system shares blocks, as that
    /// takes long to find out.
    pub unshared: Option<u64>,
    /// Allocated bytes, shared or not.
    pub allocated: u64,
}

/// What a quick look found out; `None` for what it did not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuickStatus {
    /// Whether the working tree of the current branch differs from its head.
    pub dirty: Option<bool>,
    /// The size of that tree.
    pub working_tree: Option<Bytes>,
    /// The size of all commits' trees.
    pub commits: Option<Bytes>,
}

/// Remembers what never changes, and what took too long.
#[derive(Debug, Default)]
pub struct StatusCache {
    volumes: HashMap<VolumeName, VolumeCache>,
}

#[derive(Debug, Default)]
struct VolumeCache {
    commits: HashMap<CommitId, Bytes>,
    /// The first part that took too long, and when.
    unfinished: Option<(Part, Instant)>,
}

/// The parts of a look, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Dirty,
    WorkingTree,
    Commits,
}

/// What must be the same before and after a look, so that it saw one state of the volume.
#[derive(PartialEq, Eq)]
struct Situation {
    record: VolumeRecord,
    commits: Vec<CommitId>,
    /// The number of the volume's last operation.
    last: Option<u64>,
    /// Whether an operation is under way.
    is_under_way: bool,
}

/// Looks at a volume for `most` of time, or until `stop`. Takes no lock that an operation holds.
///
/// # Errors
/// When the metadata cannot be read.
pub fn quick_status(
    pool: &Pool,
    volume: &VolumeName,
    cache: &mut StatusCache,
    most: Duration,
    stop: Stop<'_>,
) -> Result<QuickStatus, Error> {
    let time = Time { until: Instant::now() + most, stop };
    let situation = || pool.store().read(|rows| Situation::read(&rows, volume));
    let before = match situation()? {
        None => {
            cache.volumes.remove(volume);
            return Ok(QuickStatus::default());
        }
        Some(before) if before.is_under_way => return Ok(QuickStatus::default()),
        Some(before) => before,
    };
    let known = cache.volumes.entry(volume.clone()).or_default();
    known.commits.retain(|id, _| before.commits.binary_search(id).is_ok());
    let seen = known.look(pool, &before, &time)?;
    // A tree that exchanged entries meanwhile is neither the old one nor the new.
    Ok(if situation()?.as_ref() == Some(&before) { seen } else { QuickStatus::default() })
}

impl Situation {
    fn read(rows: &Rows<'_>, volume: &VolumeName) -> Result<Option<Self>, StoreError> {
        let Some(record) = rows.volume(volume)? else { return Ok(None) };
        let owner = record.owner().clone();
        let is_not_done = |one: &Operation| *one.owner() == owner && one.phase != Phase::Settled;
        Ok(Some(Situation {
            record,
            commits: rows.commit_ids(&owner)?,
            last: rows.last_operation(&owner)?,
            is_under_way: rows.journal()?.iter().any(is_not_done),
        }))
    }
}

impl VolumeCache {
    fn look(&mut self, pool: &Pool, now: &Situation, time: &Time<'_>) -> Result<QuickStatus, Error> {
        let VolumeCache { commits, unfinished } = self;
        let volume = now.record.owner();
        let shares = disk::may_share_blocks(&pool.layout().full(&layout::volume(volume)));
        let stop: Stop<'_> = &|| time.is_up() || (time.stop)();
        let measure = |tree: &Path| measure(&pool.layout().full(tree), shares, stop);
        let dirty = time.part(Part::Dirty, unfinished, || {
            unless_stopped(is_dirty_unless(pool, &now.record, Some(stop)))
        })?;
        let working_tree = time.part(Part::WorkingTree, unfinished, || {
            measure(&layout::working_tree(volume, &now.record.branch))
        })?;
        let commits = time.part(Part::Commits, unfinished, || {
            let mut all = Bytes { unshared: Some(0), ..Bytes::default() };
            for id in &now.commits {
                let one = match commits.get(id) {
                    Some(known) => *known,
                    None => match measure(&layout::commit_tree(volume, id))? {
                        Some(measured) => *commits.entry(id.clone()).or_insert(measured),
                        None => return Ok(None),
                    },
                };
                all.logical += one.logical;
                all.allocated += one.allocated;
                all.unshared = all.unshared.zip(one.unshared).map(|(all, one)| all + one);
            }
            Ok(Some(all))
        })?;
        Ok(QuickStatus { dirty, working_tree, commits })
    }
}

/// The limit of a look.
struct Time<'s> {
    until: Instant,
    stop: Stop<'s>,
}

impl Time<'_> {
    fn is_up(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Finds out one part, unless it or one before it took too long recently.
    fn part<T>(
        &self,
        part: Part,
        unfinished: &mut Option<(Part, Instant)>,
        find: impl FnOnce() -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        match unfinished {
            Some((first, when)) if *first <= part && when.elapsed() < RETRY_AFTER => return Ok(None),
            Some((first, _)) if *first <= part => *unfinished = None,
            _ => {}
        }
        let found = find()?;
        if found.is_none() && self.is_up() {
            *unfinished = Some((part, Instant::now()));
        }
        Ok(found)
    }
}

fn measure(tree: &Path, shares: bool, stop: Stop<'_>) -> Result<Option<Bytes>, Error> {
    let measured = unless_stopped(tree::measure_unshared(tree, false, stop).map_err(Error::from))?;
    Ok(measured.map(|(usage, own)| Bytes {
        logical: usage.bytes,
        unshared: own.filter(|_| !shares),
        allocated: usage.blocks,
    }))
}

/// Turns the result of a look that ended early into `None`.
fn unless_stopped<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Err(Error::Disk(error)) if error.source.kind() == ErrorKind::Interrupted => Ok(None),
        other => other.map(Some),
    }
}
