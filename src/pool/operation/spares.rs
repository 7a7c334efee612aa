//! Spares in trash: large files that left a working tree, made equal to the commit's again, so that
//! the next exchange with the same commit copies none of them.
//!
//! They are made while containers get ready after a reset; what is still missing at the next one,
//! before that holds a container. `sys::tree` says what keeps old files whole.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::plan::PlanBuilder;
use super::trash::measure_again;
use crate::error::Error;
use crate::layout;
use crate::model::{CommitId, Move, Reach, VolumeName};
use crate::pool::Pool;
use crate::store::Rows;
use crate::sys::disk;
use crate::sys::tree::{self, LeftTree};

/// How many operations of a volume are looked at, the last first.
const OPERATIONS_MAX: usize = 32;
/// How many exchanges may lend spares to the next one.
const EXCHANGES_MAX: usize = 4;
/// How long spares are still prepared once all containers are ready.
const GRACE: Duration = Duration::from_millis(500);

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
                let spares = self.layout.full(&layout::spares_of(staged));
                if at == place && found.len() < EXCHANGES_MAX && disk::inode(&spares)?.is_some() {
                    found.push(LeftTree {
                        tree: self.layout.full(staged),
                        list: self.layout.full(steps),
                        spares,
                    });
                }
            }
        }
        Ok(found)
    }
}

impl Pool {
    /// Makes the spares that an earlier exchange with the tree `source` can give. What fails only
    /// costs the next exchange time.
    pub fn prepare_spares(&self, source: &Path, left: &LeftTree) {
        let goes_on = || self.check_interrupted().is_ok();
        let _ = tree::prepare_spares(source, left, &self.copy_options(), &goes_on);
    }

    /// Makes the spares of an exchange that was just done, until some time after `is_ready` is set.
    /// Leaves that to the next exchange if another process works on the volume.
    pub fn prepare_spares_until(
        &self,
        volume: &VolumeName,
        (source, left): (&Path, &LeftTree),
        is_ready: &AtomicBool,
    ) {
        let Ok(Some(_locks)) = self.try_lock_all(Reach::Branch, "reset", volume) else { return };
        let ready = std::sync::OnceLock::new();
        let goes_on = || {
            let is_over = || ready.get_or_init(Instant::now).elapsed() > GRACE;
            self.check_interrupted().is_ok() && !(is_ready.load(Ordering::Relaxed) && is_over())
        };
        let _ = tree::prepare_spares(source, left, &self.copy_options(), &goes_on);
        self.measure_again(left);
    }

    /// Measures the trash of an operation again that has lent a spare or got one. Failures are left
    /// to those who need the size.
    pub fn measure_again(&self, left: &LeftTree) {
        if let Some(directory) = left.tree.parent() {
            let _ = measure_again(directory);
        }
    }
}
