//! A stat index: what the kernel said of each entry when its content was known, so that later a
//! look tells that nothing has touched it.
//!
//! An entry is trusted to be unchanged when inode, size, mode, owner, links and both times agree, and
//! the times are safely older than the bounds of the index: a write within one tick of the clock
//! leaves no mark on a time. No tool can set the time of change, so a restored time of modification,
//! an inode that is used again and a file that was replaced are seen. A store through an old mapping
//! marks the file only when its page was written back before; whoever makes an index syncs first.
//! A wrong "changed" costs time, a wrong "unchanged" would lose data: in doubt an entry is not
//! trusted, and names of inodes with several links never are.
//!
//! An index says "an entry with this mark has the content of that tree's entry", and that stays
//! true whatever happens to the trees: an old or partial index is slower, never wrong.

use std::cmp::Ordering;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{FileType, Timespec};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::handle::{Stat, mounted, open_directory, open_root, refusal};
use super::names::{Names, Reader};
use crate::sys::error::{At as _, DiskError};

/// How far apart the clock that files are stamped with and the one that we read may be for a moment: nanoseconds.
const MARGIN: u32 = 1_000_000;
/// How long to sleep between looks at that clock.
const STEP: Duration = Duration::from_millis(1);
/// Bytes of an entry behind its name.
const FIXED: usize = 58;

/// A time as the kernel keeps it for files: seconds since the epoch and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileTime(pub i64, pub u32);

impl FileTime {
    /// The time that a file changed now would get, or a little earlier.
    pub fn now() -> Self {
        FileTime::from(clock_gettime(ClockId::RealtimeCoarse))
    }

    /// The time now by the fine clock, which is ahead of the other: recent kernels stamp files with either.
    pub fn fine() -> Self {
        FileTime::from(clock_gettime(ClockId::Realtime))
    }

    /// So long before this time.
    pub fn earlier(self, by: Duration) -> Self {
        let seconds = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
        FileTime(self.0.saturating_sub(seconds), self.1)
    }

    /// Waits until files that were changed up to `moment`, of the fine clock, are safely older than the
    /// time that it gives.
    pub fn a_tick_after(moment: FileTime) -> Self {
        loop {
            let now = FileTime::now();
            // Set back, the clock says nothing: go on, and trust nothing.
            if now.safely_before() > moment || now.0 + 1 < moment.0 {
                return now;
            }
            sleep(STEP);
        }
    }

    /// Times before this one are safely older: whatever happens from `self` on is stamped with `self` or later, but for
    /// the moment in which the kernel moves its own clock and the one that it shows us.
    pub(super) fn safely_before(self) -> Self {
        if self.1 >= MARGIN {
            FileTime(self.0, self.1 - MARGIN)
        } else {
            FileTime(self.0 - 1, self.1 + 1_000_000_000 - MARGIN)
        }
    }
}

impl From<Timespec> for FileTime {
    fn from(time: Timespec) -> Self {
        FileTime(time.tv_sec, u32::try_from(time.tv_nsec).unwrap_or_default())
    }
}

/// From when on a time says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Times of modification must be older: taken before the contents were known.
    pub modified: FileTime,
    /// Times of change must be older: taken before the entries were looked at.
    pub changed: FileTime,
}

/// Where indexes come from, a directory at a time.
pub trait Index: Sync {
    /// The index of a directory, by its path relative to the root; none when there is none.
    fn directory(&self, path: &Path) -> Option<Arc<Chunk>>;
}

/// The index of one directory.
pub struct Chunk {
    bounds: Bounds,
    bytes: Vec<u8>,
    /// Where each entry starts, sorted by name.
    starts: Vec<u32>,
}

impl Chunk {
    /// Reads what `scan_tree` wrote. Bytes that are cut off are not read.
    pub fn new(bounds: Bounds, bytes: Vec<u8>) -> Self {
        let mut starts = Vec::new();
        let mut at = 0;
        while let Some(length) = bytes.get(at).map(|length| usize::from(*length)) {
            let end = at + 1 + length + FIXED;
            let (true, Ok(start)) = (end <= bytes.len(), u32::try_from(at)) else { break };
            starts.push(start);
            at = end;
        }
        Chunk { bounds, bytes, starts }
    }

    /// Whether the entry `name`, which now is `stat`, is certainly what it was.
    pub(super) fn trusts(&self, name: &CStr, stat: &Stat) -> bool {
        if stat.links != 1 || stat.kind == FileType::Directory {
            return false;
        }
        let modified = FileTime::from(stat.times.last_modification);
        let young = modified >= self.bounds.modified.safely_before()
            || FileTime::from(stat.changed) >= self.bounds.changed.safely_before();
        !young && self.find(name.to_bytes()).is_some_and(|known| *known == mark(stat))
    }

    fn find(&self, name: &[u8]) -> Option<&[u8]> {
        let entry = |start: u32| {
            let start = start as usize;
            let length = usize::from(self.bytes[start]);
            self.bytes[start + 1..start + 1 + length + FIXED].split_at(length)
        };
        let found = self.starts.binary_search_by(|start| entry(*start).0.cmp(name)).ok()?;
        Some(entry(self.starts[found]).1)
    }
}

/// All that is remembered of an entry.
fn mark(stat: &Stat) -> [u8; FIXED] {
    let mut mark = [0; FIXED];
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

/// Looks at each entry of the tree at `path` and gives the index of each directory to `each`, with
/// the directory's path relative to the root. Reads no content. Beneath a directory that was modified
/// since `bounds` nothing is known: its entries may have changed places, which leaves no mark on what is in them.
///
/// # Errors
/// Whatever cannot be looked at; a mount point inside is of kind `CrossesDevices`.
pub fn scan_tree(path: &Path, bounds: Bounds, each: &mut dyn FnMut(&Path, Vec<u8>)) -> Result<(), DiskError> {
    let mut reader = Reader::new();
    let handle = open_root(path)?;
    let mut walk = Scan { root: path, bounds, at: PathBuf::new(), stack: Vec::new() };
    walk.enter(handle, &mut reader, each)?;
    while let Some(frame) = walk.stack.last_mut() {
        let Some(name) = frame.directories.pop() else {
            walk.stack.pop();
            walk.at.pop();
            continue;
        };
        let handle = match open_directory(frame.handle.as_fd(), &name) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
            other => other.map_err(|errno| refusal("open", walk.full(&name), errno))?,
        };
        walk.at.push(std::ffi::OsStr::from_bytes(name.to_bytes()));
        walk.enter(handle, &mut reader, each)?;
    }
    Ok(())
}

struct Scan<'a> {
    root: &'a Path,
    bounds: Bounds,
    /// Of the directory on top of the stack, relative to the root.
    at: PathBuf,
    stack: Vec<Frame>,
}

struct Frame {
    handle: OwnedFd,
    directories: Names,
    is_known: bool,
}

impl Scan<'_> {
    fn full(&self, name: &CString) -> PathBuf {
        self.root.join(&self.at).join(std::ffi::OsStr::from_bytes(name.to_bytes()))
    }

    fn enter(
        &mut self,
        handle: OwnedFd,
        reader: &mut Reader,
        each: &mut dyn FnMut(&Path, Vec<u8>),
    ) -> Result<(), DiskError> {
        let here = self.root.join(&self.at);
        let own = Stat::of(handle.as_fd()).at("read the attributes of", &here)?;
        let names = reader.sorted(handle.as_fd()).at("read", &here)?;
        let modified = FileTime::from(own.times.last_modification);
        let is_known = self.stack.last().is_none_or(|parent| parent.is_known)
            && modified < self.bounds.modified.safely_before();
        let (mut bytes, mut directories) = (Vec::new(), Names::default());
        for name in (0..names.len()).filter_map(|index| names.get(index)) {
            let stat = match Stat::of_name(handle.as_fd(), name) {
                Err(Errno::NOENT) => continue,
                other => other.map_err(|errno| refusal("look at", self.full(&name.to_owned()), errno))?,
            };
            if !stat.same_mount(&own) {
                return Err(mounted(self.full(&name.to_owned())));
            }
            if stat.kind == FileType::Directory {
                directories.push(name).at("read", &here)?;
            } else if is_known
                && stat.links == 1
                && let Ok(length) = u8::try_from(name.to_bytes().len())
            {
                bytes.push(length);
                bytes.extend_from_slice(name.to_bytes());
                bytes.extend_from_slice(&mark(&stat));
            }
        }
        each(&self.at, bytes);
        self.stack.push(Frame { handle, directories, is_known });
        Ok(())
    }
}

/// Indexes that are held in memory, as scanned.
#[derive(Default)]
pub struct MemoryIndex(std::collections::HashMap<PathBuf, Arc<Chunk>>);

impl MemoryIndex {
    /// Adds the index of a directory.
    pub fn insert(&mut self, path: PathBuf, chunk: Chunk) {
        self.0.insert(path, Arc::new(chunk));
    }
}

impl Index for MemoryIndex {
    fn directory(&self, path: &Path) -> Option<Arc<Chunk>> {
        self.0.get(path).cloned()
    }
}

impl Bounds {
    /// Bounds of contents and entries that will be known from here on.
    pub fn now() -> Self {
        let now = FileTime::now();
        Bounds { modified: now, changed: now }
    }

    /// Whether the clock has been set back since: then no time is worth a thing.
    pub fn lie_ahead(&self) -> bool {
        self.changed.max(self.modified).cmp(&FileTime::now()) == Ordering::Greater
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_makes_bounds_lie_ahead() {
        assert!(!Bounds::now().lie_ahead());
        let FileTime(seconds, nanoseconds) = FileTime::now();
        let later = FileTime(seconds + 60, nanoseconds);
        assert!(Bounds { modified: later, changed: FileTime::now() }.lie_ahead());
        assert!(Bounds { modified: FileTime::now(), changed: later }.lie_ahead());
    }
}
