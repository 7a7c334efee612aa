//! What a caller asks of a copy, and what it is told about it.

use std::fmt;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

/// Called now and then, from several threads, with the bytes and the entries done so far.
///
/// At the end they are the `bytes` and `entries` that `measure_tree` says of the same tree.
pub type Progress = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// Asked at each entry and in long files: true ends what runs soon, with an error of kind `Interrupted`.
pub type Stop<'s> = &'s dyn Fn() -> bool;

/// How to copy.
#[derive(Clone, Default)]
pub struct CopyOptions {
    /// Threads that copy, beside the one that walks; 0 chooses by the number of processors.
    pub workers: usize,
    /// Whom to tell how far the copy is.
    pub progress: Option<Progress>,
    /// Set to true, it ends the copy soon, with an error of kind `Interrupted`.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl fmt::Debug for CopyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyOptions")
            .field("workers", &self.workers)
            .field("progress", &self.progress.is_some())
            .field("cancel", &self.cancel)
            .finish()
    }
}

/// What one way to copy the bytes of files has done.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// Files copied this way.
    pub files: u64,
    /// Bytes that were shared or moved; holes are not counted, but for clones, which are whole.
    pub bytes: u64,
}

/// What a copy has made. Empty files stand in `files` alone: they need none of the ways.
#[derive(Default, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyStats {
    /// Regular files, each inode once.
    pub files: u64,
    /// Directories, without the root.
    pub directories: u64,
    /// Symlinks, FIFOs, sockets and devices, each inode once.
    pub others: u64,
    /// Further names of inodes that are counted above.
    pub hard_links: u64,
    /// Sum of the sizes of the regular files, holes included.
    pub bytes: u64,
    /// Entries that were there already, from an earlier pass.
    #[serde(default)]
    pub kept: u64,
    /// Regular files that were known to be unchanged and stayed.
    #[serde(default)]
    pub reused: u64,
    /// Files that share their blocks with the source (FICLONE).
    pub cloned: Rung,
    /// Files that the kernel copied (`copy_file_range`).
    pub ranged: Rung,
    /// Files that were read and written.
    pub written: Rung,
    /// Files of which an earlier pass had made a copy, that was compared with them: the bytes are those that
    /// differed.
    #[serde(default)]
    pub revised: Rung,
}

impl CopyStats {
    /// Bytes that were shared or moved, in whatever way.
    pub fn moved(&self) -> u64 {
        [self.cloned, self.ranged, self.written, self.revised].iter().map(|rung| rung.bytes).sum()
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
        self.reused += other.reused;
        self.cloned += other.cloned;
        self.ranged += other.ranged;
        self.written += other.written;
        self.revised += other.revised;
    }
}

impl AddAssign for Rung {
    fn add_assign(&mut self, other: Rung) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}
