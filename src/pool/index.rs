//! Stat indexes of working trees: loaded before a tree is compared or replaced, written when its
//! content is known. An index that is missing, old or cannot be read only costs time.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::{Error, Pool};
use crate::layout;
use crate::model::{BranchName, CommitId, TreeIndexRecord, VolumeName};
use crate::store::{IndexDirectories, StoreError, Writer};
use crate::sys::tree::{self, Bounds, Chunk, FileTime, MemoryIndex};

impl Pool {
    /// What is known of the working tree of a branch, if it is known to have `commit`'s content.
    ///
    /// # Errors
    /// When the metadata cannot be read.
    pub fn tree_index(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        commit: &CommitId,
    ) -> Result<Option<MemoryIndex>, Error> {
        // What was stored through a mapping there may bear no mark.
        if !tree::marks_mapped_stores(&self.layout.full(&layout::working_tree(volume, branch))) {
            return Ok(None);
        }
        let (record, directories) = self.store.read(|rows| {
            let record = rows.tree_index(volume, branch)?.filter(|record| record.commit == *commit);
            let directories = match record {
                Some(_) => rows.tree_index_directories(volume, branch)?,
                None => IndexDirectories::new(),
            };
            Ok::<_, Error>((record, directories))
        })?;
        let Some(record) = record else { return Ok(None) };
        let bounds = Bounds {
            modified: FileTime(record.modified.0, record.modified.1),
            changed: FileTime(record.changed.0, record.changed.1),
        };
        if bounds.lie_ahead() {
            return Ok(None);
        }
        let mut index = MemoryIndex::default();
        for (path, marks) in directories {
            index.insert(PathBuf::from(OsStr::from_bytes(&path)), Chunk::new(bounds, marks));
        }
        Ok(Some(index))
    }

    /// Looks at the working tree of a branch as it is now: what is older than `bounds` has `commit`'s content.
    ///
    /// # Errors
    /// When the tree cannot be looked at.
    pub(super) fn look_at_tree(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        commit: &CommitId,
        bounds: Bounds,
    ) -> Result<TreeIndex, Error> {
        let mut directories = IndexDirectories::new();
        let root = self.layout.full(&layout::working_tree(volume, branch));
        tree::scan_tree(&root, bounds, &mut |path: &Path, marks| {
            directories.push((path.as_os_str().to_owned().into_vec(), marks));
        })?;
        let record = TreeIndexRecord {
            commit: commit.clone(),
            modified: (bounds.modified.0, bounds.modified.1),
            changed: (bounds.changed.0, bounds.changed.1),
        };
        Ok(TreeIndex { volume: volume.clone(), branch: branch.clone(), record, directories })
    }
}

/// What is known of a working tree, on its way to the metadata.
pub(super) struct TreeIndex {
    volume: VolumeName,
    branch: BranchName,
    record: TreeIndexRecord,
    directories: IndexDirectories,
}

impl TreeIndex {
    pub(super) fn write(&self, writer: &Writer<'_>) -> Result<(), StoreError> {
        writer.set_tree_index(&self.volume, &self.branch, Some((&self.record, &self.directories)))
    }
}
