//! The options of a copy, and what it reports.

use std::fmt;
use std::ops::{AddAssign, Index, IndexMut};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Serialize, Serializer};

use crate::sys::tree::entry::flags::RefusedFlags;

/// Called now and then, from several threads, with the bytes and the entries done so far.
///
/// At the end they equal the `bytes` and `entries` that `measure_tree` reports of the tree.
pub type Progress = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// Asked at each entry and within long files; true ends the work soon, with an error of kind
/// `Interrupted`.
pub type Stop<'s> = &'s dyn Fn() -> bool;

/// Options of a copy.
#[derive(Clone, Default)]
pub struct CopyOptions {
    /// Number of threads that copy, beside the one that walks; 0 chooses by the number of
    /// processors.
    pub workers: usize,
    /// Receives the progress of the copy.
    pub progress: Option<Progress>,
    /// Ends the copy soon when set, with an error of kind `Interrupted`.
    pub cancel: Option<Arc<AtomicBool>>,
    /// Counts the entries whose flags of chattr(1) the file system refuses.
    pub refused_flags: Arc<RefusedFlags>,
}

impl fmt::Debug for CopyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyOptions")
            .field("workers", &self.workers)
            .field("progress", &self.progress.is_some())
            .field("cancel", &self.cancel)
            .field("refused_flags", &self.refused_flags)
            .finish()
    }
}

/// A way to copy the bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyWay {
    /// The copy shares its blocks with the source (`FICLONE`).
    Cloned,
    /// The kernel copied the bytes (`copy_file_range`).
    Ranged,
    /// The bytes were read and written.
    Written,
    /// A copy from the first pass, or a file that an earlier exchange took out of the tree, was
    /// compared with the file; only bytes that differed were written.
    Patched,
}

impl CopyWay {
    /// Lists all ways, the cheapest first.
    pub const ALL: [CopyWay; 4] = [CopyWay::Cloned, CopyWay::Ranged, CopyWay::Written, CopyWay::Patched];

    /// Returns the key of this way in JSON, which scripts rely on.
    pub fn key(self) -> &'static str {
        match self {
            CopyWay::Cloned => "cloned",
            CopyWay::Ranged => "ranged",
            CopyWay::Written => "written",
            CopyWay::Patched => "revised",
        }
    }
}

/// What each [`CopyWay`] has done. Serializes as a map from [`CopyWay::key`].
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByWay([Rung; CopyWay::ALL.len()]);

impl Index<CopyWay> for ByWay {
    type Output = Rung;

    fn index(&self, way: CopyWay) -> &Rung {
        &self.0[way as usize]
    }
}

impl IndexMut<CopyWay> for ByWay {
    fn index_mut(&mut self, way: CopyWay) -> &mut Rung {
        &mut self.0[way as usize]
    }
}

impl Serialize for ByWay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(CopyWay::ALL.map(|way| (way.key(), self[way])))
    }
}

/// Counts the files copied in one way.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rung {
    /// Files copied this way.
    pub files: u64,
    /// Bytes that were shared or moved. Holes do not count, except in clones, which are whole.
    pub bytes: u64,
}

/// Counts what a copy made. Empty files count only in `files`: they need none of the ways.
#[derive(Default, Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CopyStats {
    /// Regular files, each inode once.
    pub files: u64,
    /// Directories, without the root.
    pub directories: u64,
    /// Symlinks, FIFOs, sockets and devices, each inode once.
    pub others: u64,
    /// Further names of inodes that were counted above.
    pub hard_links: u64,
    /// Sum of the sizes of the regular files, holes included.
    pub bytes: u64,
    /// Entries that an earlier pass had copied.
    pub kept: u64,
    /// Sum of the sizes of the regular files among these.
    pub kept_bytes: u64,
    /// Regular files that were known to be unchanged and stayed.
    pub reused: u64,
    /// Files and bytes by the way that they were copied.
    #[serde(flatten)]
    pub by_way: ByWay,
}

impl CopyStats {
    /// Sums up the bytes that were shared or moved, in whatever way.
    pub fn moved(&self) -> u64 {
        self.by_way.0.iter().map(|rung| rung.bytes).sum()
    }
}

impl AddAssign<&CopyStats> for CopyStats {
    fn add_assign(&mut self, other: &CopyStats) {
        self.files += other.files;
        self.directories += other.directories;
        self.others += other.others;
        self.hard_links += other.hard_links;
        self.bytes += other.bytes;
        self.kept += other.kept;
        self.kept_bytes += other.kept_bytes;
        self.reused += other.reused;
        for way in CopyWay::ALL {
            self.by_way[way] += other.by_way[way];
        }
    }
}

impl AddAssign for Rung {
    fn add_assign(&mut self, other: Rung) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}
