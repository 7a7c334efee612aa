//! Stat indexes of working trees: read while a tree is compared or replaced, written when its
//! content is known. An index that is missing, old or unreadable only costs time.
//!
//! Reading and writing go page by page, so that memory does not grow with the tree. An index that
//! knows a working tree as one commit serves for another commit too, if the metadata has the paths
//! that each commit between the two changed.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::CStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, CommitId, TreeIndexRecord, VolumeName};
use crate::pool::{Commits, Pool};
use crate::store::{IndexChange, Rows, StoreError, Writer, change_key, piece_key};
use crate::sys::error::At as _;
use crate::sys::spool::Spool;
use crate::sys::tree::{self, Bounds, DirectoryIndex, FileTime, Index, IndexDelta, ScanEvent};

/// How much of an index one transaction reads, in bytes.
const PAGE_BYTES: usize = 512 << 10;
/// How much of an index stays in memory, in bytes.
const CACHE_BYTES: usize = 8 << 20;
/// How many bytes of changed paths are stored for one commit, and read for all commits between two.
pub(super) const CHANGED_PATHS_BYTES: usize = 1 << 20;
/// How many commits between two are followed.
const MAX_COMMITS_BETWEEN: usize = 1000;

/// The names of entries, by the key of the directory that they are in.
pub(super) type Paths = HashMap<Vec<u8>, Arc<HashSet<Box<[u8]>>>>;

/// Reads the stored index of a working tree, page by page. Holds no transaction open.
pub struct StoredIndex<'p> {
    pool: &'p Pool,
    volume: VolumeName,
    branch: BranchName,
    record: TreeIndexRecord,
    bounds: Bounds,
    /// Entries that may differ between the indexed commit and the wanted one.
    except: Paths,
    pages: Mutex<Pages>,
}

/// The pages that were read last, the newest in front.
#[derive(Default)]
struct Pages {
    cached: VecDeque<Page>,
    /// Whether another process has replaced the index since it was opened.
    is_stale: bool,
}

/// Some directories of the index that follow each other.
struct Page {
    /// The key from which on the page was read.
    first: Vec<u8>,
    /// The key of its last directory; `None` if no directory follows.
    last: Option<Vec<u8>>,
    weight: usize,
    directories: HashMap<Vec<u8>, Arc<DirectoryIndex>>,
}

/// Asks for an index of a branch's working tree: every entry that is older than `bounds` has the
/// content of `commit`. If `commit` was just made of this tree, `parent` names the commit before
/// it, and the paths that differ between the two are found on the way.
#[derive(Clone, Copy)]
pub struct Look<'l> {
    /// The volume.
    pub volume: &'l VolumeName,
    /// The branch.
    pub branch: &'l BranchName,
    /// The commit that its working tree equals.
    pub commit: &'l CommitId,
    /// The commit before it, if it was just made of the tree.
    pub parent: Option<&'l CommitId>,
    /// Entries that are younger than these may differ from the commit.
    pub bounds: Bounds,
    /// Set if the tree became equal to the commit by an exchange of entries; then only the entries
    /// that arrived are read.
    pub exchanged: Option<Exchanged<'l>>,
}

/// Describes an exchange of entries with an indexed tree.
#[derive(Clone, Copy)]
pub struct Exchanged<'l> {
    /// The tree's index before the exchange.
    pub before: &'l StoredIndex<'l>,
    /// The list of the exchanged entries.
    pub list: &'l Path,
}

/// Returns the key of a directory. Keys sort in the order of a walk.
pub(super) fn key(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().iter().map(|byte| if *byte == b'/' { 0 } else { *byte }).collect()
}

impl Pool {
    /// Opens the index of a branch's working tree, to find the entries that equal `commit`'s.
    /// Returns `None` if there is no index, or none that can be trusted or related to `commit`.
    ///
    /// # Errors
    /// When the metadata cannot be read.
    pub fn tree_index(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        commit: &CommitId,
    ) -> Result<Option<StoredIndex<'_>>, Error> {
        let found = self.store.read(|rows| {
            let Some(record) = rows.tree_index(volume, branch)? else { return Ok::<_, Error>(None) };
            Ok(between(&rows, volume, &record.commit, commit)?.map(|except| (record, except)))
        })?;
        Ok(found.and_then(|(record, except)| self.stored_index(volume, branch, record, except)))
    }

    /// Opens the index of a branch's working tree as [`Pool::tree_index`] does, but relates it to
    /// the commit, whose tree is `source`, by the checksums of both.
    ///
    /// # Errors
    /// When the metadata cannot be read.
    pub(super) fn tree_index_by_sums(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        (commit, source): (&CommitId, &Path),
    ) -> Result<Option<StoredIndex<'_>>, Error> {
        let Some(record) = self.store.read(|rows| rows.tree_index(volume, branch))? else { return Ok(None) };
        let except = self.differing_sums(volume, &record.commit, (commit, source));
        Ok(except.and_then(|except| self.stored_index(volume, branch, record, except)))
    }

    /// Opens an index by its record, unless its times cannot be trusted.
    fn stored_index(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        record: TreeIndexRecord,
        except: Paths,
    ) -> Option<StoredIndex<'_>> {
        let bounds = Bounds {
            modified: FileTime(record.modified.0, record.modified.1),
            changed: FileTime(record.changed.0, record.changed.1),
        };
        if bounds.lie_ahead() {
            return None;
        }
        let (volume, branch) = (volume.clone(), branch.clone());
        Some(StoredIndex { pool: self, volume, branch, record, bounds, except, pages: Mutex::default() })
    }

    /// Makes the index that `look` asks for.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(in crate::pool) fn look_at_tree(&self, look: &Look<'_>) -> Result<TreeIndex, Error> {
        let Look { volume, branch, commit, parent, bounds, exchanged } = *look;
        if let Some(exchanged) = exchanged {
            return self.look_at_exchanged(exchanged, commit, bounds);
        }
        let staging = self.layout.staging();
        let mut pieces = Spool::new(&staging);
        let before = match parent {
            Some(parent) => self.tree_index(volume, branch, parent)?,
            None => None,
        };
        let mut changed = before.as_ref().map(|_| Vec::new());
        let root = self.layout.full(&layout::working_tree(volume, branch));
        let before = before.as_ref().map(|index| index as &dyn Index);
        tree::scan_tree(&root, bounds, before, &mut |seen| match seen {
            ScanEvent::Piece(directory, piece, hashes) => {
                pieces.put(&piece_key(&key(directory), piece), hashes).at("write in", &staging)
            }
            ScanEvent::Changed(directory, name) => {
                note(&mut changed, directory, name);
                Ok(())
            }
        })?;
        let record = record(commit, bounds);
        let pieces = RefCell::new(pieces);
        Ok(TreeIndex {
            volume: volume.clone(),
            branch: branch.clone(),
            record,
            pieces,
            basis: Basis::Pieces,
            changed,
        })
    }

    /// Updates the index of a working tree after an exchange of entries. Both the entries that
    /// arrived and those that were known before have `commit`'s content.
    fn look_at_exchanged(
        &self,
        Exchanged { before, list }: Exchanged<'_>,
        commit: &CommitId,
        bounds: Bounds,
    ) -> Result<TreeIndex, Error> {
        let staged = bounds;
        // The exchange itself changed the entries that arrived.
        let bounds = Bounds { changed: FileTime::a_tick_after(FileTime::fine()), ..bounds };
        let staging = self.layout.staging();
        let mut changes = Spool::new(&staging);
        let StoredIndex { volume, branch, .. } = before;
        let root = self.layout.full(&layout::working_tree(volume, branch));
        tree::scan_exchanged(&root, list, staged, before, &mut |learnt| {
            let (change, directory, hashes) = match learnt {
                IndexDelta::More(directory, hashes) => (IndexChange::AppendPiece, directory, hashes),
                IndexDelta::Nothing(directory) => (IndexChange::DeleteBelow, directory, &[][..]),
                IndexDelta::NothingOfIt(directory) => (IndexChange::DeletePieces, directory, &[][..]),
            };
            changes.put(&change_key(change, &key(directory)), hashes).at("write in", &staging)
        })?;
        Ok(TreeIndex {
            volume: volume.clone(),
            branch: branch.clone(),
            record: record(commit, bounds),
            pieces: RefCell::new(changes),
            basis: Basis::Earlier(before.record.clone()),
            changed: None,
        })
    }
}

pub(super) fn record(commit: &CommitId, bounds: Bounds) -> TreeIndexRecord {
    TreeIndexRecord {
        commit: commit.clone(),
        modified: (bounds.modified.0, bounds.modified.1),
        changed: (bounds.changed.0, bounds.changed.1),
    }
}

/// Adds a path to the list of changed paths; gives the list up when it grows too long.
fn note(changed: &mut Option<Vec<u8>>, directory: &Path, name: &CStr) {
    let Some(paths) = changed else { return };
    let directory = directory.as_os_str().as_bytes();
    if !directory.is_empty() {
        paths.extend_from_slice(directory);
        paths.push(b'/');
    }
    paths.extend_from_slice(name.to_bytes_with_nul());
    if paths.len() > CHANGED_PATHS_BYTES {
        *changed = None;
    }
}

/// Collects the entries that may differ between two commits, whichever is the older. Either may be
/// dropped. Returns `None` if the metadata does not tell.
fn between(
    rows: &Rows<'_>,
    volume: &VolumeName,
    one: &CommitId,
    other: &CommitId,
) -> Result<Option<Paths>, StoreError> {
    let commits = Commits::new(*rows, volume);
    let line = |from: &CommitId, to: Option<&[CommitId]>| {
        let mut line = vec![from.clone()];
        while let Some(last) = line.last().filter(|last| !to.is_some_and(|to| to.contains(last)))
            && line.len() < MAX_COMMITS_BETWEEN
            && let Some(parent) = commits.record(last)?.and_then(|commit| commit.parent)
        {
            line.push(parent);
        }
        Ok::<_, StoreError>(line)
    };
    if one == other {
        return Ok(Some(Paths::new()));
    }
    let mut down = line(one, Some(std::slice::from_ref(other)))?;
    let mut up = line(other, Some(&down))?;
    let Some(common) = up.pop().filter(|common| down.contains(common)) else { return Ok(None) };
    down.truncate(down.iter().position(|id| *id == common).unwrap_or_default());
    let (mut paths, mut size) = (HashMap::<Vec<u8>, HashSet<Box<[u8]>>>::new(), 0);
    for commit in down.iter().chain(&up) {
        let Some(changed) = rows.changed(volume, commit)? else { return Ok(None) };
        size += changed.len();
        if size > CHANGED_PATHS_BYTES {
            return Ok(None);
        }
        for path in changed.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
            let slash = path.iter().rposition(|byte| *byte == b'/');
            let (directory, name) = slash.map_or((&[][..], path), |at| (&path[..at], &path[at + 1..]));
            let directory = key(Path::new(std::ffi::OsStr::from_bytes(directory)));
            paths.entry(directory).or_default().insert(name.into());
        }
    }
    Ok(Some(paths.into_iter().map(|(directory, names)| (directory, Arc::new(names))).collect()))
}

impl StoredIndex<'_> {
    /// Reads the page that begins at a key. Returns `None` if the index has been replaced.
    fn read(&self, first: &[u8]) -> Result<Option<Page>, Error> {
        let page = self.pool.store.read(|rows| {
            if rows.tree_index(&self.volume, &self.branch)?.as_ref() != Some(&self.record) {
                return Ok::<_, Error>(None);
            }
            Ok(Some(rows.tree_index_page(&self.volume, &self.branch, first, PAGE_BYTES)?))
        })?;
        Ok(page.map(|page| {
            let last = page.directories.last().map(|(last, _)| last.clone()).filter(|_| !page.is_last);
            let chunk = |(directory, hashes): (Vec<u8>, Vec<u8>)| {
                let chunk =
                    DirectoryIndex::new(self.bounds, hashes).except(self.except.get(&directory).cloned());
                (directory, Arc::new(chunk))
            };
            let directories = page.directories.into_iter().map(chunk).collect();
            Page { first: first.to_vec(), last, weight: page.weight, directories }
        }))
    }
}

impl Index for StoredIndex<'_> {
    fn directory(&self, path: &Path) -> Option<Arc<DirectoryIndex>> {
        let key = key(path);
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.is_stale {
            return None;
        }
        let covers = |page: &Page| page.first <= key && page.last.as_ref().is_none_or(|last| key <= *last);
        match pages.cached.iter().position(covers) {
            Some(at) => {
                let page = pages.cached.remove(at).expect("it was just found");
                pages.cached.push_front(page);
            }
            None => {
                let room =
                    |pages: &Pages| pages.cached.iter().map(|page| page.weight).sum::<usize>() < CACHE_BYTES;
                while !room(&pages) {
                    pages.cached.pop_back();
                }
                match self.read(&key) {
                    Ok(Some(page)) => pages.cached.push_front(page),
                    _ => {
                        pages.is_stale = true;
                        return None;
                    }
                }
            }
        }
        pages.cached.front().and_then(|page| page.directories.get(&key).cloned())
    }
}

/// A new or updated index of a working tree, to be written into the metadata.
pub(in crate::pool) struct TreeIndex {
    pub(super) volume: VolumeName,
    pub(super) branch: BranchName,
    pub(super) record: TreeIndexRecord,
    /// The pieces of a whole index, or else changes.
    pub(super) pieces: RefCell<Spool>,
    pub(super) basis: Basis,
    /// The paths that the commit changed, if it was just made and they are known.
    pub(super) changed: Option<Vec<u8>>,
}

/// What an index is made of.
pub(super) enum Basis {
    /// Its pieces, in the order of their keys.
    Pieces,
    /// Changes to an empty index.
    Nothing,
    /// Changes to the index with this record.
    Earlier(TreeIndexRecord),
}

impl TreeIndex {
    /// Writes the index.
    pub(in crate::pool) fn write(&self, writer: &Writer<'_>) -> Result<(), StoreError> {
        let TreeIndex { volume, branch, record, .. } = self;
        let mut pieces = self.pieces.borrow_mut();
        match &self.basis {
            Basis::Pieces => writer.set_tree_index(volume, branch, Some((record, &mut pieces)))?,
            Basis::Nothing => writer.change_tree_index(volume, branch, (None, record), &mut pieces)?,
            Basis::Earlier(before) => {
                writer.change_tree_index(volume, branch, (Some(before), record), &mut pieces)?;
            }
        }
        match &self.changed {
            Some(paths) => writer.set_changed(volume, &record.commit, Some(paths)),
            None => Ok(()),
        }
    }
}
