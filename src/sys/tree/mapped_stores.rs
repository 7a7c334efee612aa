//! Tests whether stores through shared mappings show in the times of files.
//!
//! A file system notes a store when the page becomes dirty: the kernel write-protects a page that
//! it writes back, so the next store faults. Where nothing is written back, later stores leave no
//! mark, and a stat index must not be trusted: in memory (tmpfs), on an overlay whose upper
//! directory is in memory, on one that is mounted volatile, and wherever a file system skips the
//! mark. The kernel has no question for this, so it is tried once with an unnamed file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use mmarinus::{Map, Shared, perms};
use rustix::fs::{Timespec, Timestamps, futimens};

use super::entry::handle::Stat;
use super::measure::sync_filesystem;
use crate::sys::error::DiskError;

/// Bytes of the file that is mapped: one page, or a part of one.
const FILE_BYTES: usize = 4096;
/// A modification time that no store gives: the first second of the epoch.
const LONG_PAST: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Syncs the file system of `directory`, as [`sync_filesystem`] does, and returns whether from here
/// on every store through a shared mapping leaves its mark on the file.
///
/// Makes an unnamed file in `directory`, which should belong to the caller alone. If that cannot be
/// done, the answer is no.
///
/// # Errors
/// As [`sync_filesystem`].
pub fn sync_and_test_stores(directory: &Path) -> Result<bool, DiskError> {
    let mapped = MappedFile::new(directory);
    sync_filesystem(directory)?;
    Ok(mapped.and_then(|mapped| mapped.is_marked()).unwrap_or(false))
}

/// An unnamed file with a page that a store through a mapping has made dirty.
struct MappedFile {
    file: File,
    map: Map<perms::ReadWrite, Shared>,
    /// The memory of this process. A store through it faults like one by an instruction.
    memory: File,
}

impl MappedFile {
    fn new(directory: &Path) -> io::Result<Self> {
        let mut file = tempfile::tempfile_in(directory)?;
        file.set_len(FILE_BYTES as u64)?;
        let map = Map::bytes(FILE_BYTES).anywhere().from(&mut file, 0).with_kind(Shared);
        let map = map.with(perms::ReadWrite).map_err(|error| error.err)?;
        let memory = OpenOptions::new().write(true).open("/proc/self/mem")?;
        let mapped = MappedFile { file, map, memory };
        mapped.store(1)?;
        Ok(mapped)
    }

    fn store(&self, byte: u8) -> io::Result<()> {
        self.memory.write_all_at(&[byte], self.map.addr() as u64)
    }

    /// Stores once more; returns whether that shows in the modification time.
    fn is_marked(&self) -> io::Result<bool> {
        futimens(&self.file, &Timestamps { last_access: LONG_PAST, last_modification: LONG_PAST })?;
        self.store(2)?;
        Ok(Stat::of(self.file.as_fd())?.times.last_modification != LONG_PAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_reaches_the_file_and_the_test_leaves_no_file() {
        let home = tempfile::tempdir().unwrap();
        let mapped = MappedFile::new(home.path()).unwrap();
        mapped.store(7).unwrap();
        let mut byte = [0];
        mapped.file.read_exact_at(&mut byte, 0).unwrap();
        assert_eq!(byte, [7]);
        sync_and_test_stores(home.path()).unwrap();
        assert!(std::fs::read_dir(home.path()).unwrap().next().is_none());
    }

    #[test]
    fn where_no_file_can_be_made_the_answer_is_no() {
        assert!(!sync_and_test_stores(Path::new("/proc/self")).unwrap());
    }
}
