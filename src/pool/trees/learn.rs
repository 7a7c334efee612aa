//! Learning an index: where no stat index relates a working tree to a commit, the bytes of both are
//! compared while containers still run.
//!
//! The next step then finds an index as usual, and copies what differs and no more. Where the file
//! system shares blocks, a copy of everything takes less time than a comparison; and where a
//! container is only frozen, everything is copied anyway.

use std::cell::RefCell;
use std::path::Path;

use super::index::{Basis, StoredIndex, TreeIndex, key, record};
use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, CommitId, VolumeName};
use crate::pool::{Pool, Purpose};
use crate::store::{IndexChange, change_key};
use crate::sys::disk;
use crate::sys::error::At as _;
use crate::sys::spool::Spool;
use crate::sys::tree::{self, Bounds};

impl Pool {
    /// Opens the index of a branch's working tree, as [`Pool::tree_index`] does, or relates it by
    /// checksums; if there is none, compares the working tree with `source`, the tree of `commit`,
    /// and makes one. Returns `None` where a whole copy serves better, or times cannot be trusted.
    /// `purpose` is what the containers on all of `volumes` are going to be held for.
    ///
    /// # Errors
    /// When the metadata or a tree cannot be read, or the run is interrupted.
    pub fn known_tree(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        (commit, source): (&CommitId, &Path),
        (purpose, volumes): (Purpose, &[VolumeName]),
    ) -> Result<Option<StoredIndex<'_>>, Error> {
        if let Some(index) = self.tree_index(volume, branch, commit)? {
            return Ok(Some(index));
        }
        if let Some(index) = self.tree_index_by_sums(volume, branch, (commit, source))? {
            return Ok(Some(index));
        }
        let tree = self.layout.full(&layout::working_tree(volume, branch));
        let staging = self.layout.staging();
        let bounds = Bounds::now();
        if disk::inode(&tree)?.is_none()
            || disk::can_clone(&staging)
            || self.preview(purpose, volumes.iter())?.freezes
            || !tree::sync_and_test_stores(&staging)?
        {
            return Ok(None);
        }
        let mut pieces = Spool::new(&staging);
        self.watched(source, || {
            tree::learn_equal(source, &tree, &self.copy_options(), &mut |directory, hashes| {
                let at = change_key(IndexChange::AppendPiece, &key(directory));
                pieces.put(&at, hashes).at("write in", &staging)
            })
        })?;
        let index = TreeIndex {
            volume: volume.clone(),
            branch: branch.clone(),
            record: record(commit, bounds),
            pieces: RefCell::new(pieces),
            basis: Basis::Nothing,
            changed: None,
        };
        self.store.write(|writer| index.write(writer))?;
        self.tree_index(volume, branch, commit)
    }
}
