//! Stat indexes of working trees: read while a tree is compared or replaced, written when its
//! content is known. An index that is missing, old or cannot be read only costs time.
//!
//! Both are done in pieces, so that memory does not grow with the tree. An index that knows a working tree as one
//! commit serves for another too, when it is written down for each commit between them what that changed.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::CStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::layout;
use crate::model::{BranchName, CommitId, TreeIndexRecord, VolumeName};
use crate::pool::Pool;
use crate::store::{IndexChange, Rows, StoreError, Writer, change_key, piece_key};
use crate::sys::error::At as _;
use crate::sys::spool::Spool;
use crate::sys::tree::{self, Bounds, DirectoryIndex, FileTime, Index, IndexDelta, ScanEvent};

/// Bytes of an index that are read at once.
const PAGE: usize = 512 << 10;
/// Bytes of an index that are held.
const HELD: usize = 8 << 20;
/// Bytes of paths that are written down for one commit, and read for all between two.
const CHANGED: usize = 1 << 20;
/// Commits between two that are looked at.
const BETWEEN: usize = 1000;

/// Names of the entries of some directories, by the directory's key.
type Paths = HashMap<Vec<u8>, Arc<HashSet<Box<[u8]>>>>;

/// What is known of a working tree. Holds no transaction open.
pub struct StoredIndex<'p> {
    pool: &'p Pool,
    volume: VolumeName,
    branch: BranchName,
    record: TreeIndexRecord,
    bounds: Bounds,
    /// Entries that the commit that is asked for may have otherwise.
    except: Paths,
    pages: Mutex<Pages>,
}

/// The pages that were read last, the newest in front; none when the index has changed meanwhile.
#[derive(Default)]
struct Pages {
    held: VecDeque<Page>,
    is_stale: bool,
}

struct Page {
    first: Vec<u8>,
    /// None when no directory follows.
    last: Option<Vec<u8>>,
    weight: usize,
    directories: HashMap<Vec<u8>, Arc<DirectoryIndex>>,
}

/// A look at the working tree of a branch as it is now: what is older than `bounds` has the content of `commit`. If that was
/// just made of this very tree, its `parent` is named, and what it changed is found out where the tree was known as that one.
#[derive(Clone, Copy)]
pub struct Look<'l> {
    /// The volume.
    pub volume: &'l VolumeName,
    /// The branch.
    pub branch: &'l BranchName,
    /// What its working tree equals.
    pub commit: &'l CommitId,
    /// The commit before, if this one was made of the tree.
    pub parent: Option<&'l CommitId>,
    /// What is as young as these may be otherwise.
    pub bounds: Bounds,
    /// Where the tree has become what it is by an exchange of entries: only what came is looked at.
    pub exchanged: Option<Exchanged<'l>>,
}

/// An exchange of entries with a tree that is known.
#[derive(Clone, Copy)]
pub struct Exchanged<'l> {
    /// What was known before.
    pub before: &'l StoredIndex<'l>,
    /// The list of the steps.
    pub list: &'l Path,
}

/// The key of a directory, which sorts as a walk goes.
fn key(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().iter().map(|byte| if *byte == b'/' { 0 } else { *byte }).collect()
}

impl Pool {
    /// What is known of the working tree of a branch about entries that have `commit`'s content.
    ///
    /// # Errors
    /// When the metadata cannot be read.
    pub fn tree_index(
        &self,
        volume: &VolumeName,
        branch: &BranchName,
        commit: &CommitId,
    ) -> Result<Option<StoredIndex<'_>>, Error> {
        // What was stored through a mapping there may bear no mark.
        if !tree::marks_mapped_stores(&self.layout.full(&layout::working_tree(volume, branch))) {
            return Ok(None);
        }
        let found = self.store.read(|rows| {
            let Some(record) = rows.tree_index(volume, branch)? else { return Ok::<_, Error>(None) };
            Ok(between(&rows, volume, &record.commit, commit)?.map(|except| (record, except)))
        })?;
        let Some((record, except)) = found else { return Ok(None) };
        let bounds = Bounds {
            modified: FileTime(record.modified.0, record.modified.1),
            changed: FileTime(record.changed.0, record.changed.1),
        };
        if bounds.lie_ahead() {
            return Ok(None);
        }
        let (volume, branch) = (volume.clone(), branch.clone());
        Ok(Some(StoredIndex { pool: self, volume, branch, record, bounds, except, pages: Mutex::default() }))
    }

    /// Takes a look.
    ///
    /// # Errors
    /// When the tree cannot be looked at.
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
            before: None,
            changed,
        })
    }

    /// Looks at what came into a working tree: that has `commit`'s content, and so has all that was known before.
    fn look_at_exchanged(
        &self,
        Exchanged { before, list }: Exchanged<'_>,
        commit: &CommitId,
        bounds: Bounds,
    ) -> Result<TreeIndex, Error> {
        // What came was changed by its coming.
        let bounds = Bounds { changed: FileTime::a_tick_after(FileTime::fine()), ..bounds };
        let staging = self.layout.staging();
        let mut changes = Spool::new(&staging);
        let StoredIndex { volume, branch, .. } = before;
        let root = self.layout.full(&layout::working_tree(volume, branch));
        tree::scan_exchanged(&root, list, bounds, before, &mut |learnt| {
            let (change, directory, hashes) = match learnt {
                IndexDelta::More(directory, hashes) => (IndexChange::More, directory, hashes),
                IndexDelta::Nothing(directory) => (IndexChange::Nothing, directory, &[][..]),
                IndexDelta::NothingOfIt(directory) => (IndexChange::NothingOfIt, directory, &[][..]),
            };
            changes.put(&change_key(change, &key(directory)), hashes).at("write in", &staging)
        })?;
        Ok(TreeIndex {
            volume: volume.clone(),
            branch: branch.clone(),
            record: record(commit, bounds),
            pieces: RefCell::new(changes),
            before: Some(before.record.clone()),
            changed: None,
        })
    }
}

fn record(commit: &CommitId, bounds: Bounds) -> TreeIndexRecord {
    TreeIndexRecord {
        commit: commit.clone(),
        modified: (bounds.modified.0, bounds.modified.1),
        changed: (bounds.changed.0, bounds.changed.1),
    }
}

/// Writes a path down, unless there are too many.
fn note(changed: &mut Option<Vec<u8>>, directory: &Path, name: &CStr) {
    let Some(paths) = changed else { return };
    let directory = directory.as_os_str().as_bytes();
    if !directory.is_empty() {
        paths.extend_from_slice(directory);
        paths.push(b'/');
    }
    paths.extend_from_slice(name.to_bytes_with_nul());
    if paths.len() > CHANGED {
        *changed = None;
    }
}

/// All entries that may differ between two commits, whichever is the older; none if that is not known.
fn between(
    rows: &Rows<'_>,
    volume: &VolumeName,
    one: &CommitId,
    other: &CommitId,
) -> Result<Option<Paths>, StoreError> {
    let line = |from: &CommitId, to: Option<&[CommitId]>| {
        let mut line = vec![from.clone()];
        while let Some(last) = line.last().filter(|last| !to.is_some_and(|to| to.contains(last)))
            && line.len() < BETWEEN
            && let Some(parent) = rows.commit(volume, last)?.and_then(|commit| commit.parent)
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
        if size > CHANGED {
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
    fn read(&self, first: &[u8]) -> Result<Option<Page>, Error> {
        let page = self.pool.store.read(|rows| {
            // Somebody may have written another index since we began.
            if rows.tree_index(&self.volume, &self.branch)?.as_ref() != Some(&self.record) {
                return Ok::<_, Error>(None);
            }
            Ok(Some(rows.tree_index_page(&self.volume, &self.branch, first, PAGE)?))
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
        match pages.held.iter().position(covers) {
            Some(at) => {
                let page = pages.held.remove(at).expect("it was just found");
                pages.held.push_front(page);
            }
            None => {
                let room = |pages: &Pages| pages.held.iter().map(|page| page.weight).sum::<usize>() < HELD;
                while !room(&pages) {
                    pages.held.pop_back();
                }
                match self.read(&key) {
                    Ok(Some(page)) => pages.held.push_front(page),
                    _ => {
                        pages.is_stale = true;
                        return None;
                    }
                }
            }
        }
        pages.held.front().and_then(|page| page.directories.get(&key).cloned())
    }
}

/// What is known of a working tree, on its way to the metadata.
pub(in crate::pool) struct TreeIndex {
    volume: VolumeName,
    branch: BranchName,
    record: TreeIndexRecord,
    /// Its pieces, or how they change.
    pieces: RefCell<Spool>,
    /// What it was that changes.
    before: Option<TreeIndexRecord>,
    /// What the commit changed, if it was just made and that is known.
    changed: Option<Vec<u8>>,
}

impl TreeIndex {
    pub(in crate::pool) fn write(&self, writer: &Writer<'_>) -> Result<(), StoreError> {
        let mut pieces = self.pieces.borrow_mut();
        match &self.before {
            None => writer.set_tree_index(&self.volume, &self.branch, Some((&self.record, &mut pieces)))?,
            Some(before) => {
                let records = (before, &self.record);
                writer.change_tree_index(&self.volume, &self.branch, records, &mut pieces)?;
            }
        }
        match &self.changed {
            Some(paths) => writer.set_changed(&self.volume, &self.record.commit, Some(paths)),
            None => Ok(()),
        }
    }
}
