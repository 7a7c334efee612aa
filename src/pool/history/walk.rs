//! Walking over the commits of a volume towards the root.
//!
//! A walk that shows only the newest commits reads only their records, so its cost does not grow
//! with the history. A walk that goes on reads all records of the volume in one scan.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::ops::ControlFlow;

use super::lines::Lines;
use crate::model::{CommitId, CommitRecord, VolumeName};
use crate::pool::Commits;
use crate::store::{CommitGlance, Rows, StoreError};

/// How many records are read one by one before all of the volume are read.
pub(super) const MAX_SINGLE_READS: usize = 256;

/// Walks over the commits of one volume, as one transaction sees them.
pub(crate) struct History<'r> {
    commits: Commits<'r>,
    /// The dropped commits met so far.
    dropped: BTreeSet<CommitId>,
    /// How many records were read one by one.
    single_reads: usize,
    /// All records of the volume, once they were read.
    all: Option<HashMap<CommitId, CommitRecord>>,
}

impl<'r> History<'r> {
    /// Begins a walk.
    pub(crate) fn new(rows: Rows<'r>, volume: &VolumeName) -> Self {
        History { commits: Commits::new(rows, volume), dropped: BTreeSet::new(), single_reads: 0, all: None }
    }

    /// Returns the record of a commit, dropped or not.
    pub(super) fn record(&self, id: &CommitId) -> Result<Option<CommitRecord>, StoreError> {
        self.commits.record(id)
    }

    /// Passes a glance at each commit of the volume to `each`.
    pub(super) fn each_commit(&self, each: &mut dyn FnMut(CommitGlance)) -> Result<(), StoreError> {
        self.commits.rows.each_commit(&self.commits.volume, each)
    }

    /// Returns the record of a commit, and notes whether it is a dropped one.
    pub(crate) fn get(&mut self, id: &CommitId) -> Result<Option<CommitRecord>, StoreError> {
        self.single_reads += 1;
        let Commits { rows, volume, .. } = &self.commits;
        if self.all.is_none() && self.single_reads > MAX_SINGLE_READS {
            let commits = rows.commits(volume)?;
            self.all = Some(commits.into_iter().map(|commit| (commit.id.clone(), commit)).collect());
        }
        let kept = match &self.all {
            Some(all) => all.get(id).cloned(),
            None => rows.commit(volume, id)?,
        };
        if kept.is_some() {
            return Ok(kept);
        }
        let dropped = self.commits.dropped_record(id)?;
        self.dropped.extend(dropped.as_ref().map(|commit| commit.id.clone()));
        Ok(dropped)
    }

    /// Returns whether a commit that was visited is a dropped one.
    pub(crate) fn is_dropped(&self, id: &CommitId) -> bool {
        self.dropped.contains(id)
    }

    /// Collects `start` and its ancestors.
    pub(crate) fn ancestors(&mut self, start: &CommitId) -> Result<BTreeSet<CommitId>, StoreError> {
        let mut found = BTreeSet::new();
        let mut next = Some(start.clone());
        while let Some(id) = next.filter(|id| found.insert(id.clone())) {
            next = self.get(&id)?.and_then(|commit| commit.parent);
        }
        Ok(found)
    }

    /// Passes each commit that is reachable from `starts` and not in `hidden` to `visit`, newest
    /// first, until it breaks. A commit comes before its parent. With `topological`, no commit
    /// comes before all of its children, whatever the dates say; that follows all lines first.
    pub(crate) fn walk(
        &mut self,
        starts: &[CommitId],
        hidden: &BTreeSet<CommitId>,
        topological: bool,
        visit: &mut dyn FnMut(CommitRecord) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        if topological {
            return Lines::default().walk(self, starts, hidden, &mut |history, id, _| {
                Ok(history.get(id)?.map_or(ControlFlow::Continue(()), &mut *visit))
            });
        }
        let mut seen = BTreeSet::new();
        let mut heap = BinaryHeap::new();
        let mut order = 0_u64;
        let mut ready: Vec<CommitId> = starts.to_vec();
        loop {
            for id in ready.drain(..) {
                if hidden.contains(&id) || !seen.insert(id.clone()) {
                    continue;
                }
                if let Some(commit) = self.get(&id)? {
                    order += 1;
                    heap.push((commit.date.micros, Reverse(order), Unordered(commit)));
                }
            }
            let Some((_, _, Unordered(commit))) = heap.pop() else { return Ok(()) };
            ready.extend(commit.parent.clone());
            if visit(commit).is_break() {
                return Ok(());
            }
        }
    }
}

/// A commit on the heap, which orders it by the values beside it.
struct Unordered(CommitRecord);

impl PartialEq for Unordered {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Unordered {}
impl PartialOrd for Unordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Unordered {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}
