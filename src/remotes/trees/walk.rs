//! Walks through the tree of a commit as a repository has it.
//!
//! What a repository says is believed only as far as it is checked: names, depth and the number of
//! entries against the record, and each piece against its checksum.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustic_core::repofile::{Node, Tree};
use rustic_core::{DataId, PackedId, TreeId};

use super::nodes::{EXTRAS, Extras, TREE};
use crate::remotes::error::RemoteError;
use crate::remotes::format::blobs::{Blobs, Problem};
use crate::remotes::format::repository::Repository;
use crate::remotes::refs::records::Stored;
use crate::sys::error::At as _;
use crate::sys::tree::EntryPath;

/// The most bytes that the file beside a tree may have.
const MAX_EXTRAS: u64 = 1 << 30;
/// The most bytes that the list of a directory's entries may have: some four million entries.
const MAX_TREE: u64 = 1 << 30;
/// The most bytes of a piece of a file: what restic writes has up to 8 MiB.
const MAX_PIECE: u64 = 16 << 20;
/// How deep a tree may be.
const MAX_DEPTH: usize = 4096;

/// A commit in a repository, whose tree is read.
pub(super) struct Commit<'r> {
    repository: &'r Repository,
    blobs: Blobs,
    pub(super) stored: &'r Stored,
}

impl<'r> Commit<'r> {
    /// Reads the index of the repository.
    pub(super) fn new(repository: &'r Repository, stored: &'r Stored) -> Result<Self, RemoteError> {
        Ok(Commit { repository, blobs: Blobs::new(repository.indexed()?), stored })
    }

    /// Makes the error for a commit that is not what its record says.
    pub(super) fn unlike(&self, reason: impl Into<String>) -> RemoteError {
        RemoteError::Unlike { id: self.stored.note.record.id.clone(), reason: reason.into() }
    }

    /// Returns the node of the tree's root, and what nodes have no place for.
    pub(super) fn root(&self) -> Result<(Node, Extras), RemoteError> {
        let top = self.tree(self.stored.snapshot.tree)?;
        let find = |name: &str| top.nodes.iter().find(|node| node.name == name);
        let extras = find(EXTRAS).map(|node| self.extras(node)).transpose()?.unwrap_or_default();
        let root = find(TREE).ok_or_else(|| self.unlike("it has no tree"))?;
        Ok((root.clone(), extras))
    }

    fn tree(&self, id: TreeId) -> Result<Tree, RemoteError> {
        let bytes = self.read(&id, MAX_TREE)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| self.unlike(format!("directory {}: {error}", id.to_hex().as_str())))
    }

    /// Reads a piece, which must have its checksum.
    fn read<I: PackedId>(&self, id: &I, most: u64) -> Result<Bytes, RemoteError> {
        self.blobs.read(self.repository, id, most).map_err(|problem| match problem {
            Problem::Place(error) => error,
            Problem::Piece(words) => self.unlike(words),
        })
    }

    /// Reads a piece of a file.
    pub(super) fn piece(&self, id: &DataId) -> Result<Bytes, RemoteError> {
        self.read(id, MAX_PIECE)
    }

    /// Returns how long a piece of a file is, as the index says.
    pub(super) fn length(&self, id: &DataId) -> Result<u32, RemoteError> {
        self.blobs.length(id, MAX_PIECE).map_err(|words| self.unlike(words))
    }

    /// Fetches these pieces with few requests, once the first is read.
    pub(super) fn plan<'i>(&self, pieces: impl IntoIterator<Item = &'i DataId>) {
        self.repository.backend.plan(pieces.into_iter().filter_map(|id| self.blobs.to_fetch(id)));
    }

    fn nodes(&self, directory: &Node) -> Result<Vec<Node>, RemoteError> {
        Ok(directory.subtree.map(|id| self.tree(id)).transpose()?.map(|tree| tree.nodes).unwrap_or_default())
    }

    fn extras(&self, node: &Node) -> Result<Extras, RemoteError> {
        if node.meta.size > MAX_EXTRAS {
            return Err(self.unlike("its extras are too large"));
        }
        let mut text = Vec::new();
        for chunk in node.content.iter().flatten() {
            text.extend_from_slice(&self.piece(chunk)?);
            if text.len() as u64 > MAX_EXTRAS {
                return Err(self.unlike("its extras are too large"));
            }
        }
        serde_json::from_slice(&text).map_err(|error| self.unlike(format!("its extras: {error}")))
    }
}

/// An entry on the way through a tree.
pub(super) struct Met {
    /// Path relative to the root.
    pub(super) path: PathBuf,
    /// This path again, in which each name leads nowhere else.
    pub(super) place: EntryPath,
    pub(super) node: Node,
}

/// A directory on the way through a tree: its path, and the nodes that still come.
struct Level {
    path: PathBuf,
    place: EntryPath,
    nodes: std::vec::IntoIter<Node>,
}

/// The way through a tree: each directory comes before what it holds.
pub(super) struct Walk<'w> {
    commit: &'w Commit<'w>,
    /// The directory that the tree is for, in errors.
    into: &'w Path,
    stack: Vec<Level>,
    /// How many entries there were, the root included.
    pub(super) entries: u64,
}

impl<'w> Walk<'w> {
    /// Starts beneath the root of a tree.
    pub(super) fn new(commit: &'w Commit<'w>, root: &Node, into: &'w Path) -> Result<Self, RemoteError> {
        let nodes = commit.nodes(root)?.into_iter();
        let first = Level { path: PathBuf::new(), place: EntryPath::root(), nodes };
        Ok(Walk { commit, into, stack: vec![first], entries: 1 })
    }

    /// Returns the next entry.
    pub(super) fn next(&mut self) -> Result<Option<Met>, RemoteError> {
        let (level, node) = loop {
            let Some(level) = self.stack.last_mut() else { return Ok(None) };
            match level.nodes.next() {
                Some(node) => break (level, node),
                None => self.stack.pop(),
            };
        };
        let path = level.path.join(node.name());
        let place = level.place.join(node.name().as_bytes()).at("make", &self.into.join(&path))?;
        self.entries += 1;
        if self.entries > self.commit.stored.note.entries {
            return Err(self.commit.unlike("it has more entries than its record says"));
        }
        if node.is_dir() {
            if self.stack.len() > MAX_DEPTH {
                return Err(self.commit.unlike(format!("{} lies too deep", path.display())));
            }
            let nodes = self.commit.nodes(&node)?.into_iter();
            self.stack.push(Level { path: path.clone(), place: place.clone(), nodes });
        }
        Ok(Some(Met { path, place, node }))
    }
}
