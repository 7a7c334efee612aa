//! The stat index: recognizes entries that nothing has touched since their content was known.
//!
//! The index trusts an entry to be unchanged when inode, size, mode, owner, links and both times
//! agree and both times are safely older than the bounds of the index ([`Bounds`]).
//!
//! No tool can set the time of change, so a restored modification time, a reused inode and a
//! replaced file are all noticed. A store through an old mapping marks the file only if its page
//! was written back before, so whoever makes an index syncs first. A wrong "changed" costs time, a
//! wrong "unchanged" would lose data: in doubt the index does not trust an entry, and never the
//! names of an inode that has several.
//!
//! An index says "an entry with this mark has the content of that tree's entry", and that stays
//! true whatever happens to the trees: an old or partial index is slower, never wrong.
//!
//! The index keeps only a hash of an entry's name and mark: 128 bits of BLAKE3, so that two marks
//! never agree by chance. The hashes of a directory come in pieces, and directories come one by
//! one, so that writing and reading an index takes little memory for a tree of any size.

use std::collections::HashSet;
use std::ffi::CStr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::entry::handle::{Stat, mounted, open_directory, open_root, refusal};
use super::entry::names::{DirectoryReader, NameWindow, SortedNames};
use super::times::{Bounds, FileTime};
use crate::sys::error::{At as _, DiskError};

/// Bytes of a mark.
const MARK_BYTES: usize = 58;
/// Bytes of an entry's hash.
pub(super) const HASH_BYTES: usize = 16;
/// Entries in a piece.
pub(super) const PIECE_ENTRIES: usize = 4096;

/// Provides indexes, one directory at a time.
pub trait Index: Sync {
    /// Returns the index of a directory, by its path relative to the root, or `None` if there is
    /// none.
    fn directory(&self, path: &Path) -> Option<Arc<DirectoryIndex>>;
}

/// What an index says about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The entry has certainly not changed.
    Unchanged,
    /// The entry looks unchanged, but is so young that a change need not show.
    Young,
    /// The index does not know the entry as it is now.
    Unknown,
}

impl Stat {
    /// Returns whether any change within `bounds` shows in the times of this entry.
    pub(super) fn is_safely_before(&self, bounds: &Bounds) -> bool {
        FileTime::from(self.times.last_modification).is_safely_before(bounds.modified)
            && FileTime::from(self.changed).is_safely_before(bounds.changed)
    }
}

/// The index of one directory.
pub struct DirectoryIndex {
    bounds: Bounds,
    /// Sorted hashes of its entries.
    hashes: Vec<u8>,
    /// Names of entries that must not be trusted.
    except: Option<Arc<HashSet<Box<[u8]>>>>,
}

/// An index that knows nothing, so that every entry is to be compared.
pub(super) struct NoIndex;

impl Index for NoIndex {
    fn directory(&self, _: &Path) -> Option<Arc<DirectoryIndex>> {
        None
    }
}

impl DirectoryIndex {
    /// Takes the pieces that `scan_tree` gave, joined in any order.
    pub fn new(bounds: Bounds, mut hashes: Vec<u8>) -> Self {
        hashes.as_chunks_mut::<HASH_BYTES>().0.sort_unstable();
        DirectoryIndex { bounds, hashes, except: None }
    }

    /// Excludes entries, by their names, from being trusted.
    #[must_use]
    pub fn except(self, names: Option<Arc<HashSet<Box<[u8]>>>>) -> Self {
        DirectoryIndex { except: names, ..self }
    }

    /// Returns whether the entry `name`, which now is `stat`, has certainly not changed.
    pub(super) fn trusts(&self, name: &CStr, stat: &Stat) -> bool {
        self.judge(name, stat) == Verdict::Unchanged
    }

    /// Judges the entry `name`, which now is `stat`.
    pub(super) fn judge(&self, name: &CStr, stat: &Stat) -> Verdict {
        let is_excepted = || self.except.as_ref().is_some_and(|names| names.contains(name.to_bytes()));
        if !can_be_known(stat) || !self.has(&hash(name, stat)) || is_excepted() {
            return Verdict::Unknown;
        }
        if stat.is_safely_before(&self.bounds) { Verdict::Unchanged } else { Verdict::Young }
    }

    /// Returns the number of hashes.
    pub(super) fn len(&self) -> usize {
        self.hashes.len() / HASH_BYTES
    }

    fn has(&self, hash: &[u8; HASH_BYTES]) -> bool {
        self.hashes.as_chunks::<HASH_BYTES>().0.binary_search(hash).is_ok()
    }
}

/// Returns whether an index may know an entry: never a directory, nor the names of an inode that
/// has several.
pub(super) fn can_be_known(stat: &Stat) -> bool {
    stat.links == 1 && stat.kind != FileType::Directory
}

/// Hashes the name and the mark of an entry.
pub(super) fn hash(name: &CStr, stat: &Stat) -> [u8; HASH_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(name.to_bytes_with_nul()).update(&mark(stat));
    let mut hash = [0; HASH_BYTES];
    hasher.finalize_xof().fill(&mut hash);
    hash
}

/// Collects everything that shows whether an entry has changed.
pub(super) fn mark(stat: &Stat) -> [u8; MARK_BYTES] {
    let mut mark = [0; MARK_BYTES];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        mark[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    let (modified, changed) = (FileTime::from(stat.times.last_modification), FileTime::from(stat.changed));
    put(&stat.inode.number.to_le_bytes());
    put(&stat.size.to_le_bytes());
    put(&modified.0.to_le_bytes());
    put(&modified.1.to_le_bytes());
    put(&changed.0.to_le_bytes());
    put(&changed.1.to_le_bytes());
    put(&(stat.mode.bits() | stat.kind.as_raw_mode()).to_le_bytes());
    put(&stat.uid.to_le_bytes());
    put(&stat.gid.to_le_bytes());
    put(&u32::try_from(stat.device & 0xffff_ffff).unwrap_or_default().to_le_bytes());
    mark
}

/// Reports what a scan meets.
pub enum ScanEvent<'s> {
    /// Hashes of entries that may be trusted while they look as they do now. Has the path of their
    /// directory relative to the root. The pieces of a directory are numbered from 0; a directory
    /// without such entries has none. Directories come in the order of a walk that sorts names by
    /// their bytes.
    Piece(&'s Path, u32, &'s [u8]),
    /// An entry, not a directory, that the earlier index does not know to be unchanged.
    Changed(&'s Path, &'s CStr),
}

/// Receives the events of a scan.
pub type ScanVisitor<'s> = dyn FnMut(ScanEvent<'_>) -> Result<(), DiskError> + 's;

/// Scans the tree at `path`: looks at each entry, reads no content, and reports to `see`. Trusts
/// nothing beneath a directory that was modified since `bounds`: its entries may have changed
/// places, which leaves no mark on what is in them. Reports changes only if there is an index from
/// `before`.
///
/// # Errors
/// When an entry cannot be looked at, or `see` fails. The error of a mount point inside the tree is
/// of kind `CrossesDevices`.
pub fn scan_tree(
    path: &Path,
    bounds: Bounds,
    before: Option<&dyn Index>,
    see: &mut ScanVisitor<'_>,
) -> Result<(), DiskError> {
    scan_from(path, PathBuf::new(), open_root(path)?, bounds, before, see)
}

/// Scans like [`scan_tree`], but only the directory `handle`, which is at `at` in the tree.
pub(super) fn scan_from(
    path: &Path,
    at: PathBuf,
    handle: OwnedFd,
    bounds: Bounds,
    before: Option<&dyn Index>,
    see: &mut ScanVisitor<'_>,
) -> Result<(), DiskError> {
    let mut reader = DirectoryReader::new();
    let mut scan = Scan { root: path, bounds, before, at, stack: Vec::new(), hashes: Vec::new() };
    scan.enter(handle, &mut reader, see)?;
    while let Some(frame) = scan.stack.last_mut() {
        let Some(name) = frame.directories.peek().map(ToOwned::to_owned) else {
            scan.stack.pop();
            scan.at.pop();
            continue;
        };
        let handle = open_directory(frame.directories.handle.as_fd(), &name);
        let advanced = frame.directories.advance(&mut reader, is_directory);
        advanced.at("read", &scan.root.join(&scan.at))?;
        let handle = match handle {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
            other => other.map_err(|errno| refusal("open", scan.full(&name), errno))?,
        };
        scan.at.push(std::ffi::OsStr::from_bytes(name.to_bytes()));
        scan.enter(handle, &mut reader, see)?;
    }
    Ok(())
}

fn is_directory(parent: BorrowedFd<'_>, name: &CStr, kind: FileType) -> rustix::io::Result<bool> {
    if kind != FileType::Unknown {
        return Ok(kind == FileType::Directory);
    }
    match Stat::of_name(parent, name) {
        Err(Errno::NOENT) => Ok(false),
        other => Ok(other?.kind == FileType::Directory),
    }
}

struct Scan<'a> {
    root: &'a Path,
    bounds: Bounds,
    before: Option<&'a dyn Index>,
    /// Path of the directory on top of the stack, relative to the root.
    at: PathBuf,
    stack: Vec<ScanFrame>,
    /// Hashes of the current piece.
    hashes: Vec<u8>,
}

struct ScanFrame {
    directories: SortedNames,
    is_known: bool,
}

impl Scan<'_> {
    fn full(&self, name: &CStr) -> PathBuf {
        self.root.join(&self.at).join(std::ffi::OsStr::from_bytes(name.to_bytes()))
    }

    /// Looks at all entries of a directory, and puts the directory on the stack.
    fn enter(
        &mut self,
        handle: OwnedFd,
        reader: &mut DirectoryReader,
        see: &mut ScanVisitor<'_>,
    ) -> Result<(), DiskError> {
        let here = self.root.join(&self.at);
        let own = Stat::of(handle.as_fd()).at("read the attributes of", &here)?;
        let is_known = self.stack.last().is_none_or(|parent| parent.is_known)
            && FileTime::from(own.times.last_modification).is_safely_before(self.bounds.modified);
        let known = self.before.and_then(|before| before.directory(&self.at));
        let mut directories = NameWindow::new();
        let mut piece = 0;
        let mut failed = None;
        loop {
            let more = reader.chunk(handle.as_fd(), |name, _| {
                let stat = match Stat::of_name(handle.as_fd(), name) {
                    Err(Errno::NOENT) => return Ok(()),
                    Err(errno) => {
                        return fail(&mut failed, refusal("read the attributes of", self.full(name), errno));
                    }
                    Ok(stat) if !stat.same_mount(&own) => return fail(&mut failed, mounted(self.full(name))),
                    Ok(stat) => stat,
                };
                if stat.kind == FileType::Directory {
                    return directories.add(name, FileType::Directory);
                }
                if self.before.is_some() && !known.as_ref().is_some_and(|known| known.trusts(name, &stat)) {
                    see(ScanEvent::Changed(&self.at, name)).or_else(|error| fail(&mut failed, error))?;
                }
                if is_known && stat.links == 1 {
                    self.hashes.extend_from_slice(&hash(name, &stat));
                    if self.hashes.len() == PIECE_ENTRIES * HASH_BYTES {
                        self.piece(&mut piece, see).or_else(|error| fail(&mut failed, error))?;
                    }
                }
                Ok(())
            });
            if let Some(error) = failed {
                return Err(error);
            }
            if !more.at("read", &here)? {
                break;
            }
        }
        self.piece(&mut piece, see)?;
        self.stack.push(ScanFrame { directories: SortedNames::from_window(handle, directories), is_known });
        Ok(())
    }

    fn piece(&mut self, piece: &mut u32, see: &mut ScanVisitor<'_>) -> Result<(), DiskError> {
        if !self.hashes.is_empty() {
            see(ScanEvent::Piece(&self.at, *piece, &self.hashes))?;
            *piece += 1;
            self.hashes.clear();
        }
        Ok(())
    }
}

/// Keeps an error that says more than a number while a directory is being read.
fn fail(kept: &mut Option<DiskError>, error: DiskError) -> rustix::io::Result<()> {
    *kept = Some(error);
    Err(Errno::CANCELED)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{Mode, lstat};

    use super::*;

    /// Looks at a file that was made long enough ago, and takes bounds after that.
    fn known() -> (tempfile::TempDir, Stat, Bounds) {
        let home = tempfile::tempdir().unwrap();
        std::fs::File::create(home.path().join("file")).unwrap();
        let now = FileTime::a_tick_after(FileTime::fine());
        let handle = open_root(home.path()).unwrap();
        let stat = Stat::of_name(handle.as_fd(), c"file").unwrap();
        assert_eq!(stat.inode.number, lstat(home.path().join("file")).unwrap().st_ino);
        (home, stat, Bounds { modified: now, changed: now })
    }

    fn chunk(bounds: Bounds, stat: &Stat) -> DirectoryIndex {
        DirectoryIndex::new(bounds, hash(c"file", stat).to_vec())
    }

    #[test]
    fn what_looks_otherwise_in_anything_is_not_trusted() {
        let (_home, stat, bounds) = known();
        let known = chunk(bounds, &stat);
        assert!(known.trusts(c"file", &stat));
        assert!(!known.trusts(c"other", &stat));
        let changes: [fn(&mut Stat); 12] = [
            |stat| stat.inode.number += 1,
            |stat| stat.size += 1,
            |stat| stat.times.last_modification.tv_sec -= 1,
            |stat| stat.times.last_modification.tv_nsec ^= 1,
            // Older than the bounds all the same, as when the clock was set back.
            |stat| stat.changed.tv_sec -= 1,
            |stat| stat.changed.tv_nsec ^= 1,
            |stat| stat.mode ^= Mode::WOTH,
            |stat| stat.uid += 1,
            |stat| stat.gid += 1,
            |stat| stat.links += 1,
            |stat| stat.kind = FileType::Fifo,
            |stat| stat.device += 1,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut other = stat.clone();
            change(&mut other);
            assert!(!known.trusts(c"file", &other), "change {number}");
        }
        // Nor is a directory, or a name of an inode that has several, even if the index has its
        // hash.
        for change in [|stat: &mut Stat| stat.links = 2, |stat: &mut Stat| stat.kind = FileType::Directory] {
            let mut other = stat.clone();
            change(&mut other);
            assert!(!chunk(bounds, &other).trusts(c"file", &other));
        }
    }

    #[test]
    fn what_is_as_young_as_the_bounds_is_not_trusted() {
        let (_home, stat, bounds) = known();
        let (modified, changed) =
            (FileTime::from(stat.times.last_modification), FileTime::from(stat.changed));
        for young in [Bounds { modified, ..bounds }, Bounds { changed, ..bounds }] {
            assert!(!chunk(young, &stat).trusts(c"file", &stat), "{young:?}");
        }
    }

    #[test]
    fn what_is_excepted_is_not_trusted() {
        let (_home, stat, bounds) = known();
        let names: HashSet<Box<[u8]>> = [Box::from(&b"file"[..])].into();
        assert!(!chunk(bounds, &stat).except(Some(Arc::new(names))).trusts(c"file", &stat));
    }
}
