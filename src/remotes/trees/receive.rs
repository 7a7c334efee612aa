//! Receives the trees of commits from a repository.
//!
//! A tree is written in steps, many of which are looked at before they are done: pieces of files
//! that this machine has are found first ([`Local`]), then it is known which pieces of which packs
//! are to be fetched. Memory does not grow with the tree: there is one window of steps.
//!
//! Sizes are checked against the record. The caller compares the checksums of the whole tree.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustic_core::DataId;
use rustic_core::repofile::Node;

use super::local::{Local, NewFiles, Place, hash_of};
use super::nodes::{Entry, Extras, Kind, to_entry};
use super::walk::{Commit, Met, Walk};
use crate::remotes::error::RemoteError;
use crate::remotes::format::repository::Repository;
use crate::remotes::refs::records::Stored;
use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::{EntryPath, NewFile, TreeBuilder};

/// How many steps are looked at together, if they are pieces: 1 GiB of small ones.
const WINDOW: usize = 1 << 15;

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
    /// Similar trees of this machine, from which equal pieces are taken; the most similar first.
    pub similar: &'r [PathBuf],
    /// Ends the receiving when it is set.
    pub cancel: &'r AtomicBool,
    /// Hears how many bytes have been written.
    pub progress: &'r (dyn Fn(u64) + Sync),
}

/// One step of writing a tree.
enum Step {
    /// Makes an entry; a file is then open for its pieces.
    Make(Box<Entry>, EntryPath),
    /// Gives an inode one more name; the first name comes second.
    Link(PathBuf, EntryPath, EntryPath),
    Piece(Piece),
    /// Finishes the open file.
    Finish,
}

/// A piece of the open file.
struct Piece {
    id: DataId,
    offset: u64,
    length: u32,
    /// Where this machine has it.
    place: Option<Place>,
}

/// A file that is being written.
struct Open {
    file: NewFile,
    path: PathBuf,
    size: u64,
    runs: Vec<(u64, u64)>,
}

struct Receiver<'r> {
    commit: &'r Commit<'r>,
    receiving: &'r Receiving<'r>,
    root: Node,
    extras: Extras,
    builder: TreeBuilder,
    local: Local<'r>,
    /// The steps that come next.
    window: Vec<Step>,
    open: Option<Open>,
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
        let commit = Commit::new(self, stored)?;
        let (root, extras) = commit.root()?;
        let piece = self.open.config().chunk_size();
        let receiver = Receiver {
            commit: &commit,
            receiving,
            root,
            extras,
            builder: TreeBuilder::new(receiving.into)?,
            local: Local::new(receiving.similar, piece, receiving.cancel),
            window: Vec::new(),
            open: None,
            received: Received::default(),
            written: 0,
            linked: HashMap::new(),
        };
        receiver.run()
    }
}

impl Receiver<'_> {
    fn run(mut self) -> Result<Received, RemoteError> {
        let commit = self.commit;
        let into = self.receiving.into;
        let root = to_entry(PathBuf::new(), &self.root, &self.extras);
        let root = root.map_err(|reason| commit.unlike(reason))?;
        self.builder.directory(&EntryPath::root(), root.attributes).at("make", into)?;
        let mut walk = Walk::new(commit, &self.root, into)?;
        while let Some(met) = walk.next()? {
            self.refuse_interrupt(&met.path)?;
            self.entry(met)?;
        }
        self.flush()?;
        if let Err((place, source)) = self.builder.finish() {
            let path = into.join(place.to_string());
            return Err(DiskError::new("set the attributes of", path, source).into());
        }
        let received = Received { entries: walk.entries, ..self.received };
        let (entries, bytes) = (received.entries, received.bytes);
        if (entries, bytes) != (commit.stored.note.entries, commit.stored.note.bytes) {
            return Err(commit
                .unlike(format!("it has {entries} entries and {bytes} bytes, not what its record says")));
        }
        Ok(received)
    }

    fn refuse_interrupt(&self, path: &Path) -> Result<(), DiskError> {
        if !self.receiving.cancel.load(Ordering::Relaxed) {
            return Ok(());
        }
        let interrupted = io::Error::from(io::ErrorKind::Interrupted);
        Err(DiskError::new("write", self.receiving.into.join(path), interrupted))
    }

    /// Turns an entry into steps.
    fn entry(&mut self, Met { path, place, node }: Met) -> Result<(), RemoteError> {
        let entry = to_entry(path, &node, &self.extras)
            .map_err(|reason| self.commit.unlike(format!("{}: {reason}", node.name().display())))?;
        if let Some((number, _)) = entry.link.filter(|_| entry.kind != Kind::Directory) {
            if let Some(first) = self.linked.get(&number) {
                let first = first.clone();
                return self.step(Step::Link(entry.path, place, first));
            }
            self.linked.insert(number, place.clone());
        }
        let Kind::File { size, runs } = &entry.kind else {
            return self.step(Step::Make(Box::new(entry), place));
        };
        let size = *size;
        let bytes = runs.as_ref().map_or(size, |runs| runs.iter().map(|(start, end)| end - start).sum());
        self.received.bytes += bytes;
        if self.received.bytes > self.commit.stored.note.bytes {
            return Err(self.commit.unlike("it has more bytes than its record says"));
        }
        let path = entry.path.clone();
        self.step(Step::Make(Box::new(entry), place))?;
        self.content(&path, size, &node)?;
        self.step(Step::Finish)
    }

    /// Turns the content of a file into steps; looks for its pieces at their place in files of this
    /// machine at the same path.
    fn content(&mut self, path: &Path, size: u64, node: &Node) -> Result<(), RemoteError> {
        let unlike = |bytes| self.commit.unlike(format!("{} has {bytes} bytes, not {size}", path.display()));
        let files = self.local.at_path(path);
        let mut offset = 0;
        for id in node.content.iter().flatten() {
            self.refuse_interrupt(path)?;
            let length = self.commit.length(id)?;
            let end = offset + u64::from(length);
            if end > size {
                return Err(unlike(end));
            }
            let place = self.local.find_at(&files, offset, length, id);
            self.step(Step::Piece(Piece { id: *id, offset, length, place }))?;
            offset = end;
        }
        if offset == size { Ok(()) } else { Err(unlike(offset)) }
    }

    fn step(&mut self, step: Step) -> Result<(), RemoteError> {
        self.window.push(step);
        if self.window.len() >= WINDOW { self.flush() } else { Ok(()) }
    }

    /// Does all steps of the window.
    fn flush(&mut self) -> Result<(), RemoteError> {
        let mut steps = mem::take(&mut self.window);
        self.look(&mut steps)?;
        for step in steps {
            self.take(step)?;
        }
        Ok(())
    }

    /// Looks for the pieces of steps that lie elsewhere on this machine, and plans how to fetch the
    /// others.
    fn look(&mut self, steps: &mut [Step]) -> Result<(), RemoteError> {
        let missing = |step: &Step| match step {
            Step::Piece(piece) if piece.place.is_none() => Some((piece.id, piece.length)),
            _ => None,
        };
        let wanted: HashMap<DataId, u32> = steps.iter().filter_map(missing).collect();
        self.local.find_moved(&wanted, || new_files(self.commit, &self.root, self.receiving.into))?;
        for step in &mut *steps {
            if let Step::Piece(piece) = step
                && piece.place.is_none()
            {
                piece.place = self.local.place(&piece.id);
            }
        }
        let fetched: Vec<DataId> = steps.iter().filter_map(missing).map(|(id, _)| id).collect();
        self.commit.plan(&fetched);
        Ok(())
    }

    fn take(&mut self, step: Step) -> Result<(), RemoteError> {
        let full = |path: &Path| self.receiving.into.join(path);
        match step {
            Step::Make(entry, place) => {
                let Entry { path, kind, attributes, .. } = *entry;
                self.refuse_interrupt(&path)?;
                let builder = &mut self.builder;
                match kind {
                    Kind::Directory => builder.directory(&place, attributes),
                    Kind::Symlink(target) => builder.symlink(&place, &target, &attributes),
                    Kind::Special(kind) => builder.special(&place, kind, &attributes),
                    Kind::File { size, runs } => builder.file(&place, attributes).map(|file| {
                        let runs = runs.unwrap_or_else(|| vec![(0, size)]);
                        self.open = Some(Open { file, path: path.clone(), size, runs });
                    }),
                }
                .at("make", &full(&path))?;
            }
            Step::Link(path, place, first) => {
                self.builder.hard_link(&place, &first).at("link", &full(&path))?;
            }
            Step::Piece(piece) => self.write(&piece)?,
            Step::Finish => {
                if let Some(Open { file, path, size, .. }) = self.open.take() {
                    file.finish(size).at("write", &full(&path))?;
                }
            }
        }
        Ok(())
    }

    /// Writes a piece of the open file: from this machine where that has it, else from the
    /// repository.
    fn write(&mut self, piece: &Piece) -> Result<(), RemoteError> {
        let Some(open) = &self.open else { return Ok(()) };
        self.refuse_interrupt(&open.path)?;
        let local = piece.place.as_ref().and_then(|place| self.local.read(place, piece.length));
        let bytes = match local {
            Some(bytes) => {
                self.received.here += u64::from(piece.length);
                bytes.into()
            }
            None => self.commit.piece(&piece.id)?,
        };
        if bytes.len() != piece.length as usize {
            return Err(self.commit.unlike(format!("piece {} is damaged", piece.id.to_hex().as_str())));
        }
        let (offset, end) = (piece.offset, piece.offset + u64::from(piece.length));
        for (start, stop) in &open.runs {
            let (from, to) = ((*start).max(offset), (*stop).min(end));
            if from < to {
                let bytes = &bytes[(from - offset) as usize..(to - offset) as usize];
                open.file.write_at(bytes, from).at("write", &self.receiving.into.join(&open.path))?;
            }
        }
        self.written += u64::from(piece.length);
        (self.receiving.progress)(self.written);
        Ok(())
    }
}

/// Lists the files of a commit's tree.
fn new_files(commit: &Commit<'_>, root: &Node, into: &Path) -> Result<NewFiles, RemoteError> {
    let mut walk = Walk::new(commit, root, into)?;
    let mut files = NewFiles::new();
    while let Some(Met { path, node, .. }) = walk.next()? {
        if node.is_file() {
            files.insert(hash_of(&path), node.meta.size);
        }
    }
    Ok(files)
}
