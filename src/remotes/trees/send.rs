//! Sends the trees of commits into a repository.
//!
//! The library passes over what it cannot read and still saves the snapshot. So this source counts
//! its own errors, each warning of the library is one, the snapshot is kept back, and before it is
//! written all of its tree is looked up in the index as the repository has it by then.

use std::collections::BTreeSet;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustic_core::repofile::{Metadata, Node, NodeType, SnapshotFile};
use rustic_core::{
    BackupOptions, ErrorKind, ReadSource, ReadSourceEntry, ReadSourceOpen, RepairIndexOptions, RusticError,
    RusticResult, TreeId,
};

use super::nodes::{EXTRAS, Entry, Extras, MANIFEST, TREE, place, to_node};
use crate::remotes::error::RemoteError;
use crate::remotes::format::gate::Gate;
use crate::remotes::format::repository::{Indexed, Repository, in_words};
use crate::remotes::format::warnings::Warnings;
use crate::remotes::refs::records::{CommitNote, Records, Stored, snapshot_of_commit};
use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;
use crate::sys::tree::{FileReader, OpenTree, SourceKind, TreeSource};

/// What became of the reading so far.
struct Reading {
    cancel: Arc<AtomicBool>,
    /// What holds it back while uploads are behind.
    gate: Arc<Gate>,
    errors: Mutex<Vec<String>>,
    bytes: AtomicU64,
    /// Files of all kinds that were handed over.
    files: AtomicU64,
    progress: Box<dyn Fn(u64) + Send + Sync>,
}

impl Reading {
    fn note(&self, error: &dyn std::fmt::Display) {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).push(error.to_string());
    }
}

/// A tree and the two files beside it, as a source of the library.
struct Source(Mutex<Option<Items>>);

/// The entries of a tree one after the other, then the two files.
struct Items {
    tree: Option<TreeSource>,
    extras: Extras,
    manifest: Vec<u8>,
    /// The files that still come, the last first.
    texts: Vec<(&'static str, Vec<u8>)>,
    is_over: bool,
    reading: Arc<Reading>,
}

/// Where the content of a file comes from.
enum Content {
    File(SendingFile),
    Text(Vec<u8>),
}

/// A file that is being read.
struct SendingFile {
    file: FileReader,
    path: PathBuf,
    reading: Arc<Reading>,
}

impl Read for SendingFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reading.gate.wait(&self.reading.cancel);
        if self.reading.cancel.load(Ordering::Relaxed) || self.reading.gate.has_failed() {
            self.reading.note(&"interrupted");
            return Err(io::Error::other("interrupted"));
        }
        let read = self.file.read(buffer).inspect_err(|error| {
            self.reading.note(&format!("cannot read {}: {error}", self.path.display()));
        })?;
        let bytes = self.reading.bytes.fetch_add(read as u64, Ordering::Relaxed) + read as u64;
        (self.reading.progress)(bytes);
        Ok(read)
    }
}

impl ReadSourceOpen for Content {
    type Reader = Box<dyn Read + Send>;

    fn open(self) -> RusticResult<Self::Reader> {
        Ok(match self {
            Content::Text(text) => Box::new(Cursor::new(text)),
            Content::File(file) => {
                fault::point("source.read").map_err(|error| {
                    let words = format!("cannot read {}: {error}", file.path.display());
                    RusticError::new(ErrorKind::InputOutput, words)
                })?;
                Box::new(file)
            }
        })
    }
}

impl ReadSource for Source {
    type Open = Content;
    type Iter = std::iter::Flatten<std::option::IntoIter<Items>>;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Self::Iter {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().into_iter().flatten()
    }
}

impl Items {
    /// Takes the next entry of the tree; an error ends it, and is noted.
    fn of_tree(&mut self) -> Option<ReadSourceEntry<Content>> {
        let next = self.tree.as_mut()?.next()?;
        let read = next.map_err(|error| error.to_string());
        match read.and_then(|entry| Entry::of(entry).map_err(|error| error.to_string())) {
            Ok((entry, file)) => {
                let node = to_node(&entry, &mut self.extras);
                let path = entry.path.clone();
                let open = file.map(|file| {
                    let file = file.reader(0..file.size());
                    Content::File(SendingFile { file, path, reading: Arc::clone(&self.reading) })
                });
                Some(ReadSourceEntry { path: place(&entry), node, open })
            }
            Err(error) => {
                self.reading.note(&error);
                self.tree = None;
                None
            }
        }
    }

    fn text(&mut self) -> Option<ReadSourceEntry<Content>> {
        if !self.is_over {
            self.is_over = true;
            let extras = serde_json::to_vec(&self.extras).expect("the extras have string keys only");
            self.texts = vec![(MANIFEST, std::mem::take(&mut self.manifest)), (EXTRAS, extras)];
        }
        let (name, text) = self.texts.pop()?;
        let meta = Metadata {
            mode: Some(0o644),
            mtime: Some(jiff::Timestamp::UNIX_EPOCH),
            uid: Some(0),
            gid: Some(0),
            size: text.len() as u64,
            ..Metadata::default()
        };
        let node = Node::new_node(name.as_ref(), NodeType::File, meta);
        Some(ReadSourceEntry { path: name.into(), node, open: Some(Content::Text(text)) })
    }
}

impl Iterator for Items {
    type Item = RusticResult<ReadSourceEntry<Content>>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.of_tree().or_else(|| self.text())?;
        self.reading.files.fetch_add(u64::from(!next.node.is_dir()), Ordering::Relaxed);
        Some(Ok(next))
    }
}

/// How much there is in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TreeCount {
    /// Entries, the root included.
    pub entries: u64,
    /// Bytes in its files, each once and without holes.
    pub bytes: u64,
    /// Bytes to read for a push: files with several names count several times, and holes count.
    pub read: u64,
}

/// Counts what is in a tree.
///
/// # Errors
/// When an entry cannot be read; of kind `Interrupted` once `cancel` is set.
pub fn count_tree(tree: &Path, cancel: Arc<AtomicBool>) -> Result<TreeCount, DiskError> {
    let mut count = TreeCount::default();
    let mut source = TreeSource::new(OpenTree::open(tree)?, cancel);
    while let Some(entry) = source.next().transpose()? {
        count.entries += 1;
        let is_further = entry.names.as_ref().is_some_and(|names| names.first.is_some());
        if let SourceKind::File(file) = &entry.kind {
            count.read += file.size();
            if !is_further {
                let runs = file.runs().at("read", &source.on_disk(&entry.path))?;
                count.bytes += runs.iter().map(|run| run.end - run.start).sum::<u64>();
            }
        }
    }
    Ok(count)
}

/// A commit's tree to send.
pub struct Sending<'s> {
    /// The commit.
    pub note: &'s CommitNote,
    /// Its tree, to which no process writes; `None` if this machine does not have it.
    pub tree: Option<&'s Path>,
    /// The text of the file `dvol.json` beside it.
    pub manifest: &'s [u8],
    /// Ends the sending when it is set.
    pub cancel: Arc<AtomicBool>,
    /// Hears how many bytes of the tree have been read; a file counts under each of its names, and
    /// with its holes.
    pub progress: Box<dyn Fn(u64) + Send + Sync>,
}

impl Repository {
    /// Takes up packs that a push sent before it died.
    ///
    /// # Errors
    /// When the repository cannot be read or written.
    pub fn take_up(&self) -> Result<(), RemoteError> {
        self.run("mend", |open| open.repair_index(&RepairIndexOptions::default(), false))
    }

    /// Sends the tree of a commit, then its record. What the repository has of it already is not
    /// sent again.
    ///
    /// # Errors
    /// When the tree cannot be read as a whole or the repository cannot be written. The record is
    /// not written then.
    pub fn send(&self, records: &mut Records, sending: Sending<'_>) -> Result<(), RemoteError> {
        let Sending { note, tree, manifest, cancel, progress } = sending;
        let tree = tree.map(|tree| Ok(TreeSource::new(OpenTree::open(tree)?, Arc::clone(&cancel))));
        let tree = tree.transpose().map_err(|error: DiskError| error)?;
        let reading = Arc::new(Reading {
            cancel,
            gate: self.backend.gate(),
            errors: Mutex::default(),
            bytes: AtomicU64::new(0),
            files: AtomicU64::new(0),
            progress,
        });
        let source = Source(Mutex::new(Some(Items {
            tree,
            extras: Extras::default(),
            manifest: manifest.to_vec(),
            texts: Vec::new(),
            is_over: false,
            reading: Arc::clone(&reading),
        })));
        let warnings = Warnings::listen();
        let archived = self.archive(note, &source);
        if reading.cancel.load(Ordering::Relaxed) {
            self.backend.release(false)?;
            return Err(RemoteError::Interrupted);
        }
        let snapshot = archived?;
        let warned = warnings.end();
        let mut reasons = std::mem::take(&mut *reading.errors.lock().unwrap_or_else(PoisonError::into_inner));
        if reasons.is_empty() {
            // The library warns of each of the source's errors, too, in other words.
            reasons.extend(warned.iter().map(|text| in_words(text)));
        }
        let processed = snapshot.summary.as_ref().map_or(0, |summary| summary.total_files_processed);
        let files = reading.files.load(Ordering::Relaxed);
        if reasons.is_empty() && processed != files {
            reasons.push(format!("{processed} of {files} files were read"));
        }
        if reasons.is_empty() {
            reasons.extend(look(&self.indexed()?, &snapshot).map_err(|error| self.failed("read", &error))?);
        }
        let is_whole = reasons.is_empty();
        self.backend.release(is_whole)?;
        if !is_whole {
            return Err(RemoteError::Unread { id: note.record.id.clone(), reasons });
        }
        let id = snapshot.id;
        records.add_commit(Stored { note: note.clone(), snapshot, id });
        Ok(())
    }

    /// Writes the tree's packs and their index; the snapshot is kept back.
    fn archive(&self, note: &CommitNote, source: &Source) -> Result<SnapshotFile, RemoteError> {
        let mut options = BackupOptions::default();
        // No parent: size and time cannot tell a write within one tick of the clock.
        options.parent_opts.force = true;
        options.no_scan = true;
        let snapshot = snapshot_of_commit(note);
        let paths = [PathBuf::from(TREE), PathBuf::from(EXTRAS), PathBuf::from(MANIFEST)];
        let fresh = self.fresh()?;
        self.backend.hold_snapshot();
        let archived =
            self.run("write to", |_| fresh.to_indexed_ids()?.archive(&options, source, snapshot, &paths));
        archived.inspect_err(|_| {
            let _ = self.backend.release(false);
        })
    }
}

/// Looks up all of a snapshot's tree in the index. Names what is missing.
fn look(repository: &Indexed, snapshot: &SnapshotFile) -> RusticResult<Option<String>> {
    let (mut seen, mut next) = (BTreeSet::<TreeId>::new(), vec![snapshot.tree]);
    while let Some(id) = next.pop() {
        if !seen.insert(id) {
            continue;
        }
        for node in repository.get_tree(&id)?.nodes {
            next.extend(node.subtree);
            for chunk in node.content.iter().flatten() {
                if repository.get_index_entry(chunk).is_err() {
                    return Ok(Some(format!("the repository lost piece {} of it", chunk.to_hex().as_str())));
                }
            }
        }
    }
    Ok(None)
}
