//! The order of a history's graph: no commit comes before all of its children, whatever the dates
//! say. Which commits have children is known only once the lines are followed down to the root.
//! Commits never change, so what was followed once is kept as long as the caller keeps [`Lines`];
//! after that, only new commits are read.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::ops::ControlFlow;

use super::walk::{History, MAX_SINGLE_READS};
use crate::model::{CommitId, Instant};
use crate::store::StoreError;

/// The parents and dates of the commits of one volume that were met so far.
#[derive(Debug, Default)]
pub struct Lines {
    places: HashMap<CommitId, usize>,
    nodes: Vec<Node>,
    /// How many records were read.
    #[cfg(test)]
    reads: usize,
}

#[derive(Debug)]
struct Node {
    id: CommitId,
    /// The place of the parent, and the time of the commit; `None` until it is read.
    line: Option<(Option<usize>, i64)>,
}

impl Lines {
    /// Returns how many records were read for all walks so far.
    #[cfg(test)]
    pub(crate) fn reads(&self) -> usize {
        self.reads
    }

    fn place(&mut self, id: &CommitId) -> usize {
        if let Some(place) = self.places.get(id) {
            return *place;
        }
        self.nodes.push(Node { id: id.clone(), line: None });
        self.places.insert(id.clone(), self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    fn note(&mut self, id: &CommitId, parent: Option<&CommitId>, date: Instant) {
        let place = self.place(id);
        let parent = parent.map(|parent| self.place(parent));
        self.nodes[place].line = Some((parent, date.micros));
        #[cfg(test)]
        (self.reads += 1);
    }

    /// Passes each commit that is reachable from `starts` and not in `hidden`, with its parent, to
    /// `visit` until that breaks: of those whose children were all passed, the newest first.
    pub(crate) fn walk(
        &mut self,
        history: &mut History<'_>,
        starts: &[CommitId],
        hidden: &BTreeSet<CommitId>,
        visit: &mut dyn FnMut(&mut History<'_>, &CommitId, Option<&CommitId>) -> Visit,
    ) -> Result<(), StoreError> {
        let hidden: BTreeSet<usize> = hidden.iter().map(|id| self.place(id)).collect();
        let mut ready: Vec<usize> = starts.iter().map(|id| self.place(id)).collect();
        let mut children = self.count_children(history, &ready, &hidden)?;
        let mut seen = vec![false; self.nodes.len()];
        let mut heap = BinaryHeap::new();
        let mut order = 0_u64;
        loop {
            for place in ready.drain(..) {
                if children[place] > 0 || seen[place] || hidden.contains(&place) {
                    continue;
                }
                seen[place] = true;
                if let Some((parent, micros)) = self.nodes[place].line {
                    order += 1;
                    heap.push((micros, Reverse(order), place, parent));
                }
            }
            let Some((_, _, place, parent)) = heap.pop() else { return Ok(()) };
            if let Some(parent) = parent {
                children[parent] -= 1;
                ready.push(parent);
            }
            let parent = parent.map(|parent| &self.nodes[parent].id);
            if visit(history, &self.nodes[place].id, parent)?.is_break() {
                return Ok(());
            }
        }
    }

    /// Follows all lines from `starts`, and counts the children that each commit has among those to
    /// be passed.
    fn count_children(
        &mut self,
        history: &History<'_>,
        starts: &[usize],
        hidden: &BTreeSet<usize>,
    ) -> Result<Vec<usize>, StoreError> {
        let mut count = vec![0; self.nodes.len()];
        let mut seen = vec![false; self.nodes.len()];
        let mut single_reads = 0;
        for start in starts {
            let mut next = Some(*start);
            while let Some(place) = next.filter(|place| !seen[*place] && !hidden.contains(place)) {
                seen[place] = true;
                if self.nodes[place].line.is_none() {
                    single_reads += 1;
                    self.read(history, place, single_reads == MAX_SINGLE_READS)?;
                    count.resize(self.nodes.len(), 0);
                    seen.resize(self.nodes.len(), false);
                }
                next = self.nodes[place].line.and_then(|(parent, _)| parent);
                if let Some(parent) = next {
                    count[parent] += 1;
                }
            }
        }
        Ok(count)
    }

    /// Reads one commit, or all of the volume.
    fn read(&mut self, history: &History<'_>, place: usize, all: bool) -> Result<(), StoreError> {
        if all {
            history.each_commit(&mut |commit| self.note(&commit.id, commit.parent.as_ref(), commit.date))?;
        }
        if self.nodes[place].line.is_none()
            && let Some(commit) = history.record(&self.nodes[place].id)?
        {
            self.note(&commit.id, commit.parent.as_ref(), commit.date);
        }
        Ok(())
    }
}

/// Whether a walk goes on.
pub(crate) type Visit = Result<ControlFlow<()>, StoreError>;
