//! Remembers what containers wrote while dvol started them again.
//!
//! A database writes a little whenever it starts. That is not the user's change, so `checkout` and
//! `status` leave it out: once the containers are ready, dvol marks each entry that differs from
//! the head. An entry whose mark is still the same was not touched since. Where no check tells when
//! a container is ready, dvol marks right after the start: what is written later may be the user's.
//!
//! ```text
//! file .dvol/started/VOLUME%BRANCH: id of the head · newline · marks of 16 bytes
//! ```
//!
//! The marks count only while the branch has this head. They decide about refusals and words alone:
//! a commit or a reset looks at the trees themselves. So the file needs no journal, and one that is
//! absent or damaged only makes dvol stricter.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::layout;
use crate::model::{BranchName, CommitId, VolumeName};
use crate::pool::Pool;
use crate::sys::disk;
use crate::sys::error::DiskError;
use crate::sys::tree::{MARK_HASH_BYTES, mark_of};

/// How many marks are kept for a branch; a start that writes more counts as a change.
const MAX_MARKS: usize = 100_000;

/// Only root may read the marks.
const PRIVATE_FILE_MODE: u32 = 0o600;

/// What the last start of the containers wrote into a working tree.
#[derive(Debug, Default)]
pub struct StartMarks {
    root: PathBuf,
    marks: HashSet<[u8; MARK_HASH_BYTES]>,
}

impl StartMarks {
    /// Returns whether the entry at `path` is as it was once the containers were ready.
    pub fn has(&self, path: &Path) -> bool {
        !self.is_empty() && mark_of(&self.root, path).is_ok_and(|mark| self.marks.contains(&mark))
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }
}

impl Pool {
    /// Reads the marks of a branch whose head is `head`; none if they are of another head.
    pub fn start_marks(&self, volume: &VolumeName, branch: &BranchName, head: &CommitId) -> StartMarks {
        let root = self.layout.full(&layout::working_tree(volume, branch));
        let bytes = std::fs::read(self.layout.started(volume, branch)).unwrap_or_default();
        let after_head = bytes.strip_prefix(head.as_str().as_bytes());
        let marks = after_head.and_then(|rest| rest.strip_prefix(b"\n")).unwrap_or_default();
        let marks = marks.chunks_exact(MARK_HASH_BYTES).filter_map(|mark| mark.try_into().ok()).collect();
        StartMarks { root, marks }
    }

    /// Marks the entries at `paths`, which the start of containers changed.
    ///
    /// # Errors
    /// When an entry cannot be looked at, or the marks cannot be written.
    pub fn mark_started(
        &self,
        (volume, branch): (&VolumeName, &BranchName),
        head: &CommitId,
        paths: &[PathBuf],
    ) -> Result<(), DiskError> {
        let root = self.layout.full(&layout::working_tree(volume, branch));
        let mut bytes = format!("{head}\n").into_bytes();
        if paths.len() <= MAX_MARKS {
            for path in paths {
                bytes.extend_from_slice(&mark_of(&root, path)?);
            }
        }
        let file = self.layout.started(volume, branch);
        if let Some(folder) = file.parent() {
            disk::ensure_directory(folder, layout::PRIVATE_MODE)?;
        }
        // Of this process alone: another one may mark at the same time.
        let new = disk::beside(&file, &format!(".{}", std::process::id()));
        disk::write_new(&new, &bytes, PRIVATE_FILE_MODE)?;
        disk::replace(&new, &file)
    }
}
