//! Receives the trees of commits from a repository.
//!
//! What a repository says is believed only as far as it is checked: names, sizes and the number of
//! entries against the record, and each piece against its checksum. The caller compares the
//! checksums of the whole tree.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustic_core::repofile::{BlobType, Node, Tree};
use rustic_core::{BlobId, RusticResult, TreeId};
use sha2::{Digest as _, Sha256};

use super::cache::hex;
use super::error::RemoteError;
use super::nodes::{EXTRAS, Extras, Kind, TREE, to_entry};
use super::panics::caught;
use super::records::Stored;
use super::repository::{Indexed, Repository};
use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::{EntryKind, EntryPath, NewFile, TreeBuilder, TreeEntry};

/// The most bytes that the file beside a tree may have.
const MAX_EXTRAS: u64 = 1 << 30;
/// How deep a tree may be.
const MAX_DEPTH: usize = 4096;

/// What came over the wire, and what this machine had already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Received {
    /// Entries in the tree, the root included.
    pub entries: u64,
    /// Bytes in its files, without holes.
    pub bytes: u64,
    /// How many of these were read from a tree of this machine.
    pub here: u64,
}

/// A tree to receive.
pub struct Receiving<'r> {
    /// The empty directory that becomes the tree.
    pub into: &'r Path,
    /// A similar tree of this machine, from which equal pieces are taken.
    pub similar: Option<&'r Path>,
    /// Ends the receiving when it is set.
    pub cancel: &'r AtomicBool,
    /// Hears how many bytes have been written.
    pub progress: &'r (dyn Fn(u64) + Sync),
}

struct Receiver<'r> {
    repository: &'r Repository,
    index: Indexed,
    stored: &'r Stored,
    receiving: &'r Receiving<'r>,
    extras: Extras,
    received: Received,
    /// Bytes that were written, for the progress.
    written: u64,
    /// The first name of each inode that has several.
    linked: HashMap<u64, EntryPath>,
}

impl Repository {
    /// Writes the tree of a commit into an empty directory.
    ///
    /// # Errors
    /// When the repository cannot be read, is not what the record says, or the directory cannot be
    /// written.
    pub fn receive(&self, stored: &Stored, receiving: &Receiving<'_>) -> Result<Received, RemoteError> {
        let index = self.indexed()?;
        let (extras, received, linked) = Default::default();
        let mut receiver =
            Receiver { repository: self, index, stored, receiving, extras, received, written: 0, linked };
        receiver.run()?;
        Ok(receiver.received)
    }
}

impl Receiver<'_> {
    fn unlike(&self, reason: impl Into<String>) -> RemoteError {
        RemoteError::Unlike { id: self.stored.note.record.id.clone(), reason: reason.into() }
    }

    fn read<T>(&self, call: impl FnOnce(&Indexed) -> RusticResult<T>) -> Result<T, RemoteError> {
        match caught(|| call(&self.index)) {
            Ok(read) => read.map_err(|error| self.repository.failed("read", &error)),
            Err(panic) => Err(self.unlike(panic)),
        }
    }

    fn run(&mut self) -> Result<(), RemoteError> {
        let top = self.tree(self.stored.snapshot.tree)?;
        let find = |name: &str| top.nodes.iter().find(|node| node.name == name);
        if let Some(node) = find(EXTRAS) {
            self.extras = self.extras(node)?;
        }
        let root = find(TREE).ok_or_else(|| self.unlike("it has no tree"))?;
        let entry = to_entry(PathBuf::new(), root, &self.extras).map_err(|reason| self.unlike(reason))?;
        let mut builder = TreeBuilder::new(self.receiving.into)?;
        let place = EntryPath::root();
        builder.directory(&place, entry.attributes).at("make", self.receiving.into)?;
        self.received.entries = 1;
        let mut stack = vec![(PathBuf::new(), place, self.nodes(root)?.into_iter())];
        while let Some((above, place, nodes)) = stack.last_mut() {
            let Some(node) = nodes.next() else {
                stack.pop();
                continue;
            };
            let path = above.join(node.name());
            // One name, which leads nowhere else.
            let place = place.join(node.name().as_bytes()).at("make", &self.receiving.into.join(&path))?;
            self.entry(&mut builder, &place, path.clone(), &node)?;
            if node.is_dir() {
                if stack.len() > MAX_DEPTH {
                    return Err(self.unlike(format!("{} lies too deep", path.display())));
                }
                stack.push((path, place, self.nodes(&node)?.into_iter()));
            }
        }
        if let Err((place, source)) = builder.finish() {
            let path = self.receiving.into.join(place.to_string());
            return Err(DiskError::new("set the attributes of", path, source).into());
        }
        let (entries, bytes) = (self.received.entries, self.received.bytes);
        if (entries, bytes) != (self.stored.note.entries, self.stored.note.bytes) {
            return Err(
                self.unlike(format!("it has {entries} entries and {bytes} bytes, not what its record says"))
            );
        }
        Ok(())
    }

    fn tree(&self, id: TreeId) -> Result<Tree, RemoteError> {
        self.read(|index| index.get_tree(&id))
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
            text.extend_from_slice(&self.chunk(&BlobId::from(**chunk))?);
            if text.len() as u64 > MAX_EXTRAS {
                return Err(self.unlike("its extras are too large"));
            }
        }
        serde_json::from_slice(&text).map_err(|error| self.unlike(format!("its extras: {error}")))
    }

    /// Reads a piece, which must have its checksum.
    fn chunk(&self, id: &BlobId) -> Result<bytes::Bytes, RemoteError> {
        let bytes = self.read(|index| index.get_blob_cached(id, BlobType::Data))?;
        let wanted = id.to_hex();
        if hex(&Sha256::digest(&bytes)) != wanted.as_str() {
            return Err(self.unlike(format!("piece {} is damaged", wanted.as_str())));
        }
        Ok(bytes)
    }

    fn entry(
        &mut self,
        builder: &mut TreeBuilder,
        place: &EntryPath,
        path: PathBuf,
        node: &Node,
    ) -> Result<(), RemoteError> {
        let full = self.receiving.into.join(&path);
        if self.receiving.cancel.load(Ordering::Relaxed) {
            let interrupted = io::Error::from(io::ErrorKind::Interrupted);
            return Err(DiskError::new("write", full, interrupted).into());
        }
        self.received.entries += 1;
        if self.received.entries > self.stored.note.entries {
            return Err(self.unlike("it has more entries than its record says"));
        }
        let entry = to_entry(path, node, &self.extras)
            .map_err(|reason| self.unlike(format!("{}: {reason}", node.name().display())))?;
        if let Some((number, _)) = entry.link.filter(|_| entry.kind != Kind::Directory) {
            if let Some(first) = self.linked.get(&number) {
                return Ok(builder.hard_link(place, first).at("link", &full)?);
            }
            self.linked.insert(number, place.clone());
        }
        match &entry.kind {
            Kind::Directory => Ok(builder.directory(place, entry.attributes).at("make", &full)?),
            Kind::Symlink(target) => {
                Ok(builder.symlink(place, target, &entry.attributes).at("make", &full)?)
            }
            Kind::Special(kind) => Ok(builder.special(place, *kind, &entry.attributes).at("make", &full)?),
            Kind::File { size, runs } => {
                let runs = runs.clone().unwrap_or_else(|| vec![(0, *size)]);
                self.received.bytes += runs.iter().map(|(start, end)| end - start).sum::<u64>();
                if self.received.bytes > self.stored.note.bytes {
                    return Err(self.unlike("it has more bytes than its record says"));
                }
                let file = builder.file(place, entry.attributes).at("make", &full)?;
                self.content(&entry.path, *size, &runs, &file, node)?;
                Ok(file.finish(*size).at("write", &full)?)
            }
        }
    }

    /// Writes the content of a file, piece by piece: from the similar tree where that has the piece
    /// at the same place, else from the repository.
    fn content(
        &mut self,
        path: &Path,
        size: u64,
        runs: &[(u64, u64)],
        file: &NewFile,
        node: &Node,
    ) -> Result<(), RemoteError> {
        let similar = self.receiving.similar.and_then(|tree| open_similar(tree, path));
        let mut at = 0;
        for chunk in node.content.iter().flatten() {
            let length = self.read(|index| index.get_index_entry(chunk))?.data_length();
            let local =
                similar.as_ref().and_then(|file| equal_piece(file, at, length, chunk.to_hex().as_str()));
            let bytes = match local {
                Some(bytes) => {
                    self.received.here += u64::from(length);
                    bytes.into()
                }
                None => self.chunk(&BlobId::from(**chunk))?,
            };
            let end = at + bytes.len() as u64;
            for (start, stop) in runs {
                let (from, to) = ((*start).max(at), (*stop).min(end));
                if from < to {
                    let piece = &bytes[(from - at) as usize..(to - at) as usize];
                    file.write_at(piece, from).at("write", &self.receiving.into.join(path))?;
                }
            }
            at = end;
            self.written += u64::from(length);
            (self.receiving.progress)(self.written);
        }
        if at != size {
            return Err(self.unlike(format!("{} has {at} bytes, not {size}", path.display())));
        }
        Ok(())
    }
}

/// Opens the regular file at `path` of a tree, if there is one.
fn open_similar(tree: &Path, path: &Path) -> Option<File> {
    let found = TreeEntry::find(tree, path).ok().flatten()?;
    if found.entry.kind == EntryKind::File { found.open().ok() } else { None }
}

/// Returns the bytes of a file at a place if they are those of a piece.
fn equal_piece(file: &File, at: u64, length: u32, id: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, at).ok()?;
    (hex(&Sha256::digest(&bytes)) == id).then_some(bytes)
}
