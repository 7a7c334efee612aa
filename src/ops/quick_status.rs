//! What can be told of a volume at a quick_status: whether it has uncommitted changes, and how big it is.
//!
//! A look at trees takes as long as they are big, so it ends when its caller says so. What it has not found out by
//! then is not told: nothing is guessed, and nothing is told that may have been otherwise in between.

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

/// How long what could not be found out in time is not tried again.
const REST: Duration = Duration::from_secs(2);

/// What some trees take, as `du` tells it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Sum of the sizes of the files.
    pub logical: u64,
    /// What deleting the tree gives back; none where the file system shares blocks, so that it takes long to tell.
    pub unshared: Option<u64>,
    /// What is allocated to it, shared or not.
    pub allocated: u64,
}

/// What was found out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuickStatus {
    /// Whether the working tree of the current branch differs from its head.
    pub dirty: Option<bool>,
    /// That tree.
    pub working_tree: Option<Bytes>,
    /// The trees of all commits.
    pub commits: Option<Bytes>,
}

/// What earlier looks found out of what never changes, and what they did not find out.
#[derive(Debug, Default)]
pub struct StatusCache {
    volumes: HashMap<VolumeName, Known>,
}

#[derive(Debug, Default)]
struct Known {
    commits: HashMap<CommitId, Bytes>,
    /// The part that took too long, and when.
    unfinished: Option<(Part, Instant)>,
}

/// What is looked at, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Dirty,
    WorkingTree,
    Commits,
}

/// What must be the same before and after a look for it to be of one state of the volume.
#[derive(PartialEq, Eq)]
struct Situation {
    record: VolumeRecord,
    commits: Vec<CommitId>,
    /// The number of its last operation.
    last: Option<u64>,
    /// Whether one is under way.
    disturbed: bool,
}

/// Looks at a volume for `most` of time, or until `stop`. Takes no lock that an operation holds.
///
/// # Errors
/// When the metadata cannot be read.
pub fn quick_status(
    pool: &Pool,
    volume: &VolumeName,
    glances: &mut StatusCache,
    most: Duration,
    stop: Stop<'_>,
) -> Result<QuickStatus, Error> {
    let time = Time { until: Instant::now() + most, stop };
    let situation = || pool.store().read(|rows| Situation::read(&rows, volume));
    let before = match situation()? {
        None => {
            glances.volumes.remove(volume);
            return Ok(QuickStatus::default());
        }
        Some(before) if before.disturbed => return Ok(QuickStatus::default()),
        Some(before) => before,
    };
    let known = glances.volumes.entry(volume.clone()).or_default();
    known.commits.retain(|id, _| before.commits.binary_search(id).is_ok());
    let seen = known.look(pool, &before, &time)?;
    // A tree that was exchanged meanwhile is neither the old one nor the new.
    Ok(if situation()?.as_ref() == Some(&before) { seen } else { QuickStatus::default() })
}

impl Situation {
    fn read(rows: &Rows<'_>, volume: &VolumeName) -> Result<Option<Self>, StoreError> {
        let Some(record) = rows.volume(volume)? else { return Ok(None) };
        let is_in_the_way = |one: &Operation| one.volume == *volume && one.phase != Phase::Settled;
        Ok(Some(Situation {
            record,
            commits: rows.commit_ids(volume)?,
            last: rows.operations(volume, 1)?.first().map(|operation| operation.number),
            disturbed: rows.journal()?.iter().any(is_in_the_way),
        }))
    }
}

impl Known {
    fn look(&mut self, pool: &Pool, now: &Situation, time: &Time<'_>) -> Result<QuickStatus, Error> {
        let Known { commits, unfinished } = self;
        let volume = &now.record.name;
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

/// How long a look may take.
struct Time<'s> {
    until: Instant,
    stop: Stop<'s>,
}

impl Time<'_> {
    fn is_up(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Finds one part out, unless it or one before it took too long a while ago.
    fn part<T>(
        &self,
        part: Part,
        unfinished: &mut Option<(Part, Instant)>,
        find: impl FnOnce() -> Result<Option<T>, Error>,
    ) -> Result<Option<T>, Error> {
        match unfinished {
            Some((first, when)) if *first <= part && when.elapsed() < REST => return Ok(None),
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

/// Makes what ended early nothing at all.
fn unless_stopped<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Err(Error::Disk(error)) if error.source.kind() == ErrorKind::Interrupted => Ok(None),
        other => other.map(Some),
    }
}
