//! Tells when a copy took long for little: without shared blocks, a large file is copied whole
//! however little of it changed.

use std::path::Path;

use crate::pool::{Notice, Pool};
use crate::sys::tree::{self, CopyStats, CopyWay};

/// The part of what counts as much that a single file must have to be looked at.
const LARGE_PART: u64 = 16;

impl Pool {
    /// Tells once for all copies if much was copied of files of which little changed. A copy is
    /// given by what it did, the tree that it made and the tree that it was made against.
    pub fn tell_if_alike<'c>(&self, copies: impl Iterator<Item = ([&'c CopyStats; 2], &'c Path, &'c Path)>) {
        let much = self.options.much_copied;
        let large = (much / LARGE_PART).max(1);
        let alike = copies.filter(|(stats, ..)| stats.iter().map(|one| not_shared(one)).sum::<u64>() >= much);
        // It is a hint; what cannot be read now does not matter.
        let sum = alike.map(|(_, made, before)| tree::measure_alike(made, before, large).unwrap_or(0)).sum();
        if sum >= much {
            self.tell(&Notice::CopiedAlike { bytes: sum });
        }
    }
}

fn not_shared(stats: &CopyStats) -> u64 {
    stats.moved() - stats.by_way[CopyWay::Cloned].bytes
}
