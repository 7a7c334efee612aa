//! Finds pieces of a new tree in trees of this machine: at the same path and place, else anywhere.
//!
//! A file that was renamed has its pieces under another path, and a log that a database gave a new
//! name has them in a file that is partly written anew. So each piece that is compared leaves its
//! checksum here, and files that the new tree has no more are read for their checksums while pieces
//! are missing: those first that are as large as a new file. How much is read for that grows with
//! what would be fetched otherwise, so that deleted data is not read in vain.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustic_core::{DataId, Id};
use sha2::{Digest as _, Sha256};

use crate::sys::tree::{Entry, EntryKind, TreeEntry};

/// How many places of pieces are known at once: some 60 bytes of memory each.
const MOST_PLACES: usize = 1 << 17;
/// Of these, how many may be of pieces that did not move: a copy of a file has them, too.
const MOST_UNMOVED: usize = MOST_PLACES / 2;
/// How many files that are gone are read at most.
const MOST_GONE: usize = 1 << 16;
/// How many bytes are read for each byte that would be fetched otherwise, and how many in any case:
/// to read and hash is so much faster than a network.
const READ_A_BYTE: u64 = 4;
const READ_ANYWAY: u64 = 64 << 20;

/// Where a piece lies on this machine.
#[derive(Debug, Clone)]
pub(super) struct Place {
    file: Rc<TreeFile>,
    offset: u64,
}

/// A file of one of the trees, by the tree's number.
#[derive(Debug)]
struct TreeFile {
    tree: usize,
    path: PathBuf,
}

/// The files of a new tree: a hash of each path, and its size.
pub(super) type NewFiles = HashMap<u64, u64>;

/// Hashes a path. Two paths with one hash only cost a file that is not read.
pub(super) fn hash_of(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// The trees of this machine that may have pieces of a new one.
pub(super) struct Local<'r> {
    trees: &'r [PathBuf],
    /// The size of the pieces that the repository cuts files into.
    piece: u32,
    cancel: &'r AtomicBool,
    places: HashMap<Id, Place>,
    /// The files that the new tree does not have; `None` before anything asked for them.
    gone: Option<VecDeque<(TreeFile, u64)>>,
    /// How many more bytes of these may be read.
    allowed: u64,
    /// The file that was read last.
    open: Option<(Rc<TreeFile>, File)>,
}

/// The files at the path of a new file, open for reading.
pub(super) struct AtPath(Vec<(Rc<TreeFile>, File)>);

impl<'r> Local<'r> {
    pub(super) fn new(trees: &'r [PathBuf], piece: usize, cancel: &'r AtomicBool) -> Self {
        Local {
            trees,
            piece: u32::try_from(piece).unwrap_or(u32::MAX),
            cancel,
            places: HashMap::new(),
            gone: None,
            allowed: READ_ANYWAY,
            open: None,
        }
    }

    /// Opens the files at a path.
    pub(super) fn at_path(&self, path: &Path) -> AtPath {
        let open = |tree: usize| {
            let file = TreeFile { tree, path: path.to_owned() };
            let opened = self.open_file(&file)?;
            Some((Rc::new(file), opened))
        };
        AtPath((0..self.trees.len()).filter_map(open).collect())
    }

    /// Opens a file, if it is a regular one.
    fn open_file(&self, file: &TreeFile) -> Option<File> {
        let found = TreeEntry::find(&self.trees[file.tree], &file.path).ok().flatten()?;
        if found.entry.kind == EntryKind::File { found.open().ok() } else { None }
    }

    /// Looks for a piece at its place in the files at its path.
    pub(super) fn find_at(&mut self, files: &AtPath, offset: u64, length: u32, id: &DataId) -> Option<Place> {
        for (file, opened) in &files.0 {
            let Some(found) = checksum(opened, offset, length) else { continue };
            let place = Place { file: Rc::clone(file), offset };
            let is_equal = found == **id;
            let most = if is_equal { MOST_UNMOVED } else { MOST_PLACES };
            if self.places.len() < most {
                self.places.entry(found).or_insert_with(|| place.clone());
            }
            if is_equal {
                return Some(place);
            }
        }
        None
    }

    /// Looks for pieces in any file. `wanted` has their lengths; `list` finds out, once, which
    /// files the new tree has.
    ///
    /// # Errors
    /// Those of `list`.
    pub(super) fn find_moved<E>(
        &mut self,
        wanted: &HashMap<DataId, u32>,
        list: impl FnOnce() -> Result<NewFiles, E>,
    ) -> Result<(), E> {
        if self.trees.is_empty() {
            return Ok(());
        }
        let mut missing: HashMap<Id, u32> = wanted.iter().map(|(id, length)| (**id, *length)).collect();
        missing.retain(|id, _| !self.places.contains_key(id));
        if missing.is_empty() {
            return Ok(());
        }
        if self.gone.is_none() {
            self.gone = Some(self.list_gone(&list()?));
        }
        let bytes: u64 = missing.values().map(|length| u64::from(*length)).sum();
        self.allowed += bytes * READ_A_BYTE;
        let mut gone = self.gone.take().unwrap_or_default();
        // The next pieces may allow what is too large now.
        let mut left = VecDeque::new();
        while !missing.is_empty()
            && self.places.len() < MOST_PLACES
            && let Some((file, size)) = gone.pop_front()
        {
            if size > self.allowed {
                left.push_back((file, size));
            } else {
                self.allowed -= size;
                self.read_gone(file, size, &mut missing);
            }
        }
        left.append(&mut gone);
        self.gone = Some(left);
        Ok(())
    }

    /// Returns where a piece lies that was looked for before.
    pub(super) fn place(&self, id: &DataId) -> Option<Place> {
        self.places.get(&**id).cloned()
    }

    /// Takes the checksums of a file that the new tree does not have.
    fn read_gone(&mut self, file: TreeFile, size: u64, missing: &mut HashMap<Id, u32>) {
        let Some(opened) = self.open_file(&file) else { return };
        let file = Rc::new(file);
        let mut offset = 0;
        while offset < size && self.places.len() < MOST_PLACES && !self.cancel.load(Ordering::Relaxed) {
            let length = u64::from(self.piece).min(size - offset) as u32;
            let Some(found) = checksum(&opened, offset, length) else { return };
            missing.remove(&found);
            self.places.entry(found).or_insert_with(|| Place { file: Rc::clone(&file), offset });
            offset += u64::from(length);
        }
    }

    /// Lists the files that the new tree does not have, those first that are as large as one that
    /// only the new tree has.
    fn list_gone(&self, new: &NewFiles) -> VecDeque<(TreeFile, u64)> {
        let (mut gone, mut stayed) = (Vec::new(), HashSet::new());
        for (tree, root) in self.trees.iter().enumerate() {
            let Ok(Some(root)) = TreeEntry::find(root, Path::new("")) else { continue };
            let mut visit = |path: &Path, entry: Entry| {
                if entry.kind == EntryKind::File && entry.size > 0 {
                    let hash = hash_of(path);
                    if new.contains_key(&hash) {
                        stayed.insert(hash);
                    } else {
                        gone.push((TreeFile { tree, path: path.to_owned() }, entry.size));
                    }
                }
                let is_over = gone.len() == MOST_GONE || self.cancel.load(Ordering::Relaxed);
                if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            // What cannot be listed is only not used.
            let _ = root.list(true, &mut visit);
        }
        let only_new = new.iter().filter(|(hash, _)| !stayed.contains(hash));
        let sizes: HashSet<u64> = only_new.map(|(_, size)| *size).collect();
        gone.sort_by_key(|(_, size)| !sizes.contains(size));
        gone.into()
    }

    /// Reads a piece whose place is known.
    pub(super) fn read(&mut self, place: &Place, length: u32) -> Option<Vec<u8>> {
        if self.open.as_ref().is_none_or(|(file, _)| !Rc::ptr_eq(file, &place.file)) {
            self.open = Some((Rc::clone(&place.file), self.open_file(&place.file)?));
        }
        let (_, file) = self.open.as_ref()?;
        let mut bytes = vec![0; length as usize];
        file.read_exact_at(&mut bytes, place.offset).ok()?;
        Some(bytes)
    }
}

/// Returns the checksum of the bytes of a file at a place, if it has so many.
fn checksum(file: &File, offset: u64, length: u32) -> Option<Id> {
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, offset).ok()?;
    Some(Id::new(Sha256::digest(&bytes).into()))
}
