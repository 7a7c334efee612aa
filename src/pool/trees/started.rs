//! Remembers what containers wrote while dvol started them again.
//!
//! A database writes a little whenever it starts. That is not the user's change, so `checkout` and
//! `status` leave it out: once the containers are ready, dvol marks each entry that differs from
//! the head. An entry whose mark is still the same was not touched since.
//!
//! Where no check tells when a container is ready, what it writes in the first moments counts as
//! well.
//!
//! ```text
//! file .dvol/started/VOLUME%BRANCH: id of the head · newline · time · newline · marks of 16 bytes
//! ```
//!
//! The time is in seconds since 1970: what changed up to then was written by the start; 0 for none.
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
use crate::sys::tree::{FileTime, MARK_HASH_BYTES, changed_by, mark_of};

/// How many marks are kept for a branch; a start that writes more counts as a change.
const MAX_MARKS: usize = 100_000;

/// How long a container may write after its start if no check tells when it is ready.
const MOMENT_SECONDS: i64 = 3;
/// Only root may read the marks.
const PRIVATE_FILE_MODE: u32 = 0o600;

/// What the last start of the containers wrote into a working tree.
#[derive(Debug, Default)]
pub struct StartMarks {
    root: PathBuf,
    until: Option<FileTime>,
    marks: HashSet<[u8; MARK_HASH_BYTES]>,
}

impl StartMarks {
    /// Returns whether the entry at `path` is as it was once the containers were ready.
    pub fn has(&self, path: &Path) -> bool {
        if self.is_empty() {
            return false;
        }
        let in_time = |until| changed_by(&self.root, path, until).unwrap_or(false);
        self.until.is_some_and(in_time)
            || mark_of(&self.root, path).is_ok_and(|mark| self.marks.contains(&mark))
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty() && self.until.is_none()
    }
}

impl Pool {
    /// Reads the marks of a branch whose head is `head`; none if they are of another head.
    pub fn start_marks(&self, volume: &VolumeName, branch: &BranchName, head: &CommitId) -> StartMarks {
        let root = self.layout.full(&layout::working_tree(volume, branch));
        let bytes = std::fs::read(self.layout.started(volume, branch)).unwrap_or_default();
        let after_head = bytes.strip_prefix(head.as_str().as_bytes());
        let rest = after_head.and_then(|rest| rest.strip_prefix(b"\n")).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return StartMarks::default() };
        let (until, marks) = (str::from_utf8(&rest[..end]).unwrap_or_default(), &rest[end + 1..]);
        let until = until.parse().ok().filter(|seconds| *seconds > 0).map(|seconds| FileTime(seconds, 0));
        let marks = marks.chunks_exact(MARK_HASH_BYTES).filter_map(|mark| mark.try_into().ok()).collect();
        StartMarks { root, until, marks }
    }

    /// Marks the entries at `paths`, which the start of containers changed; and what changes from
    /// now on for a moment, unless they `are_ready`.
    ///
    /// # Errors
    /// When an entry cannot be looked at, or the marks cannot be written.
    pub fn mark_started(
        &self,
        (volume, branch): (&VolumeName, &BranchName),
        head: &CommitId,
        paths: &[PathBuf],
        are_ready: bool,
    ) -> Result<(), DiskError> {
        let root = self.layout.full(&layout::working_tree(volume, branch));
        let until = if are_ready { 0 } else { FileTime::now().0 + MOMENT_SECONDS };
        let mut bytes = format!("{head}\n{until}\n").into_bytes();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_without_a_check_has_a_moment_to_write() {
        let home = tempfile::tempdir().unwrap();
        disk::write_new(&home.path().join("file"), b"x", 0o600).unwrap();
        let at = |seconds| StartMarks {
            root: home.path().to_owned(),
            until: Some(FileTime(FileTime::now().0 + seconds, 0)),
            marks: HashSet::new(),
        };
        let (now, past) = (at(100), at(-100));
        assert!(now.has(Path::new("file")) && now.has(Path::new("deleted")));
        assert!(!past.has(Path::new("file")) && !past.has(Path::new("deleted")));
        assert!(!now.has(Path::new("no/directory")));
        assert!(!StartMarks::default().has(Path::new("file")));
    }
}
