//! Spares in trash: large files that left a working tree, made equal to the commit's again, so that
//! the next exchange with the same commit copies none of them.
//!
//! They are made once containers are ready after a reset, by a process of its own, so that the
//! caller need not wait; what is still missing at the next reset, before that holds a container.
//! `sys::tree` says what keeps old files whole.

use std::any::Any;
use std::path::Path;
use std::time::Duration;

use super::plan::PlanBuilder;
use super::trash::measure_again;
use crate::error::Error;
use crate::layout::{self, Layout};
use crate::model::{CommitId, Move, Reach, VolumeName};
use crate::pool::{Pool, current_branch, existing};
use crate::store::Rows;
use crate::sys::disk;
use crate::sys::tree::{self, LeftTree, Making};

/// How many operations of a volume are looked at, the last first.
const OPERATIONS_MAX: usize = 32;
/// How many exchanges may lend spares to the next one.
const EXCHANGES_MAX: usize = 4;
/// The part of the free space that copied spares may take.
const COPIED_PART: u64 = 10;
/// How many bytes of them there may be.
const COPIED_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// How often to try to take the volume's lock.
const LOCK_ATTEMPTS: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(30);

impl PlanBuilder<'_> {
    /// Finds what earlier exchanges of the working tree at `place` with `commit` left, the last
    /// first. Finds nothing where blocks are shared.
    ///
    /// # Errors
    /// When the operation log cannot be read.
    pub fn earlier_exchanges(
        &self,
        rows: &Rows<'_>,
        volume: &VolumeName,
        (place, commit): (&Path, &CommitId),
    ) -> Result<Vec<LeftTree>, Error> {
        earlier_exchanges(self.layout, rows, volume, (place, commit))
    }
}

fn earlier_exchanges(
    layout: &Layout,
    rows: &Rows<'_>,
    volume: &VolumeName,
    (place, commit): (&Path, &CommitId),
) -> Result<Vec<LeftTree>, Error> {
    let mut found = Vec::new();
    let operations = rows.operations(volume, OPERATIONS_MAX)?;
    // The name may have had another volume.
    let line = operations.first().map(|last| last.line);
    for operation in operations.iter().filter(|operation| Some(operation.line) == line) {
        if operation.plan.made_of.as_ref().or(operation.head_after.as_ref()) != Some(commit) {
            continue;
        }
        for step in &operation.plan.install {
            let Move::ExchangeEntries { staged, place: at, steps, .. } = step else { continue };
            let spares = layout.full(&layout::spares_of(staged));
            if at == place && found.len() < EXCHANGES_MAX && disk::inode(&spares)?.is_some() {
                found.push(LeftTree { tree: layout.full(staged), list: layout.full(steps), spares });
            }
        }
    }
    Ok(found)
}

impl Pool {
    /// Makes the spares that earlier exchanges with the tree `source` can give of their old files.
    /// What fails only costs the next exchange time. The caller has the volume's lock.
    pub fn prepare_spares(&self, source: &Path, earlier: &[LeftTree]) {
        let goes_on = || self.check_interrupted().is_ok();
        let enter = || Some(Box::new(()) as Box<dyn Any>);
        let options = self.copy_options();
        let making = Making { options: &options, goes_on: &goes_on, enter: &enter, copied_max: 0 };
        let _ = tree::prepare_spares(source, earlier, &making);
    }

    /// Makes the spares that earlier exchanges of a volume's working tree with the head's tree can
    /// give, and copies what no old file serves for. Keeps the volume's lock only for moments, and
    /// ends as soon as another process works on the volume.
    ///
    /// # Errors
    /// When the metadata or a tree cannot be read, or the disk is full.
    pub fn prepare_next_spares(&self, volume: &VolumeName) -> Result<u64, Error> {
        let found = self.store().read(|rows| {
            let branch = current_branch(&rows, &existing(&rows, volume)?)?;
            let Some(head) = branch.head else { return Ok(None) };
            let owner = &branch.volume;
            let place = layout::working_tree(owner, &branch.name);
            let earlier = earlier_exchanges(&self.layout, &rows, volume, (&place, &head))?;
            let source = self.layout.full(&layout::commit_tree(owner, &head));
            Ok::<_, Error>(Some((source, earlier)))
        })?;
        let Some((source, earlier)) = found else { return Ok(0) };
        let enter = || {
            // A reader has the lock for moments only, an operation for longer.
            for _ in 0..LOCK_ATTEMPTS {
                if let Some(locks) = self.try_lock_one(Reach::Branch, "reset", volume).ok()? {
                    return Some(Box::new(locks) as Box<dyn Any>);
                }
                std::thread::sleep(LOCK_PAUSE);
            }
            None
        };
        let goes_on = || self.check_interrupted().is_ok();
        let copied_max = COPIED_MAX_BYTES.min(tree::free_space(self.layout.root())? / COPIED_PART);
        let options = self.copy_options();
        let making = Making { options: &options, goes_on: &goes_on, enter: &enter, copied_max };
        let made = tree::prepare_spares(&source, &earlier, &making);
        if let Some(_inside) = enter() {
            earlier.iter().for_each(|left| self.measure_again(left));
        }
        Ok(made?)
    }

    /// Measures the trash of an operation again that has lent a spare or got one. Failures are left
    /// to those who need the size.
    pub fn measure_again(&self, left: &LeftTree) {
        if let Some(directory) = left.tree.parent() {
            let _ = measure_again(directory);
        }
    }
}
