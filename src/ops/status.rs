//! `status`: what the working tree has that the head has not.

use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use crate::layout;
use crate::model::{BranchName, CommitId, VolumeName, VolumeRecord};
use crate::pool::{Error, Pool, existing};
use crate::sys::disk;
use crate::sys::tree::{self, Change, ChangeKind, Index};

/// One changed entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusChange {
    /// What became of it.
    pub kind: ChangeKind,
    /// Where, relative to the volume's root; in JSON, bytes that are not UTF-8 are written `\xNN`.
    #[serde(serialize_with = "printable")]
    pub path: PathBuf,
}

/// The state of a volume's working tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The volume.
    pub volume: VolumeName,
    /// Its current branch.
    pub branch: BranchName,
    /// The head of that branch.
    pub head: Option<CommitId>,
    /// Whether nothing differs.
    pub clean: bool,
    /// What differs, in the order of a walk.
    pub changes: Vec<StatusChange>,
}

fn printable<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.as_os_str().as_bytes().escape_invalid())
}

trait EscapeInvalid {
    fn escape_invalid(&self) -> String;
}

impl EscapeInvalid for [u8] {
    fn escape_invalid(&self) -> String {
        let mut text = String::with_capacity(self.len());
        for chunk in self.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                text.push_str(&format!("\\x{byte:02x}"));
            }
        }
        text
    }
}

/// Compares the working tree of the current branch with its head; with an empty tree when it has
/// no commit.
///
/// # Errors
/// When there is no such volume, or a tree cannot be read.
pub fn status(pool: &Pool, volume: Option<&VolumeName>) -> Result<Status, Error> {
    let volume = pool.select(volume)?;
    let record = pool.store().read(|rows| existing(&rows, &volume))?;
    let mut changes = Vec::new();
    let head = compare(pool, &record, &mut |change| {
        changes.push(StatusChange { kind: change.kind, path: change.path });
        ControlFlow::Continue(())
    })?;
    Ok(Status { volume, branch: record.branch, head, clean: changes.is_empty(), changes })
}

/// Whether anything differs; stops at the first difference.
pub(super) fn is_dirty(pool: &Pool, record: &VolumeRecord) -> Result<bool, Error> {
    let mut dirty = false;
    compare(pool, record, &mut |_| {
        dirty = true;
        ControlFlow::Break(())
    })?;
    Ok(dirty)
}

fn compare(
    pool: &Pool,
    record: &VolumeRecord,
    visit: &mut dyn FnMut(Change) -> ControlFlow<()>,
) -> Result<Option<CommitId>, Error> {
    let branch = pool.store().read(|rows| rows.branch(&record.name, &record.branch))?;
    let head = branch.and_then(|branch| branch.head);
    let working_tree = pool.layout().full(&layout::working_tree(&record.name, &record.branch));
    match &head {
        Some(id) => {
            let tree = pool.layout().full(&layout::commit_tree(&record.name, id));
            let index = pool.tree_index(&record.name, &record.branch, id)?;
            let index = index.as_ref().map(|index| index as &dyn Index);
            tree::compare_known_trees(&tree, &working_tree, index, visit)?;
        }
        // Everything is new; the tree's own root has nothing to be compared with.
        None => {
            for name in disk::names_in(&working_tree)? {
                if visit(Change { path: PathBuf::from(name), kind: ChangeKind::Added }).is_break() {
                    break;
                }
            }
        }
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::EscapeInvalid as _;

    #[test]
    fn bytes_that_are_no_text_are_escaped() {
        assert_eq!(b"a\xffb\xc3\xa9".escape_invalid(), "a\\xffbé");
    }
}
