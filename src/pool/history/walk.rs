//! The commits of a volume, walked from some of them towards the root.
//!
//! A walk that shows the newest few asks for these alone, so it does not grow with the history;
//! one that goes on reads all records of the volume in one scan.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::ops::ControlFlow;

use crate::model::{CommitId, CommitRecord, VolumeName};
use crate::pool::Commits;
use crate::store::{Rows, StoreError};

/// After so many single questions the whole volume is read.
const SINGLE: usize = 256;

/// The commits of one volume as one transaction sees them.
pub(crate) struct History<'r> {
    commits: Commits<'r>,
    dropped: BTreeSet<CommitId>,
    asked: usize,
    all: Option<HashMap<CommitId, CommitRecord>>,
}

impl<'r> History<'r> {
    pub(crate) fn new(rows: Rows<'r>, volume: &VolumeName) -> Self {
        History { commits: Commits::new(rows, volume), dropped: BTreeSet::new(), asked: 0, all: None }
    }

    fn get(&mut self, id: &CommitId) -> Result<Option<CommitRecord>, StoreError> {
        self.asked += 1;
        let Commits { rows, volume, .. } = &self.commits;
        if self.all.is_none() && self.asked > SINGLE {
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

    /// Whether a commit that was walked over is one that an operation dropped: no branch and no tag leads to it.
    pub(crate) fn is_dropped(&self, id: &CommitId) -> bool {
        self.dropped.contains(id)
    }

    /// `start` and all before it.
    pub(crate) fn ancestors(&mut self, start: &CommitId) -> Result<BTreeSet<CommitId>, StoreError> {
        let mut found = BTreeSet::new();
        let mut next = Some(start.clone());
        while let Some(id) = next.filter(|id| found.insert(id.clone())) {
            next = self.get(&id)?.and_then(|commit| commit.parent);
        }
        Ok(found)
    }

    /// Shows `visit` each commit that `starts` lead to and `hidden` has not, newest first, until it
    /// breaks. A commit comes before its parent; with `topological` before the parents of all
    /// others too, whatever the dates say, which takes reading them all first.
    pub(crate) fn walk(
        &mut self,
        starts: &[CommitId],
        hidden: &BTreeSet<CommitId>,
        topological: bool,
        visit: &mut dyn FnMut(CommitRecord) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let waiting = if topological { self.children(starts, hidden)? } else { HashMap::new() };
        let mut children = waiting;
        let mut seen = BTreeSet::new();
        let mut heap = BinaryHeap::new();
        let mut order = 0_u64;
        let mut ready: Vec<CommitId> = starts.to_vec();
        loop {
            for id in ready.drain(..) {
                let blocked = children.get(&id).is_some_and(|count| *count > 0);
                if blocked || hidden.contains(&id) || !seen.insert(id.clone()) {
                    continue;
                }
                if let Some(commit) = self.get(&id)? {
                    order += 1;
                    heap.push((commit.date.micros, Reverse(order), HeldContainer(commit)));
                }
            }
            let Some((_, _, HeldContainer(commit))) = heap.pop() else { return Ok(()) };
            if let Some(parent) = &commit.parent {
                if let Some(count) = children.get_mut(parent) {
                    *count -= 1;
                }
                ready.push(parent.clone());
            }
            if visit(commit).is_break() {
                return Ok(());
            }
        }
    }

    /// How many children each commit has among those that will be shown.
    fn children(
        &mut self,
        starts: &[CommitId],
        hidden: &BTreeSet<CommitId>,
    ) -> Result<HashMap<CommitId, usize>, StoreError> {
        let mut count = HashMap::new();
        let mut seen = BTreeSet::new();
        for start in starts {
            let mut next = Some(start.clone());
            while let Some(id) = next.filter(|id| !hidden.contains(id) && seen.insert(id.clone())) {
                next = self.get(&id)?.and_then(|commit| commit.parent);
                if let Some(parent) = &next {
                    *count.entry(parent.clone()).or_insert(0) += 1;
                }
            }
        }
        Ok(count)
    }
}

/// A commit on the heap, which is ordered by what stands beside it.
struct HeldContainer(CommitRecord);

impl PartialEq for HeldContainer {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for HeldContainer {}
impl PartialOrd for HeldContainer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for HeldContainer {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}
