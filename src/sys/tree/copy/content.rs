//! The copy ladder for the bytes of one file: share its blocks, else let the kernel copy, else read
//! and write.
//!
//! A run remembers that the file system does not know a way, but only after the kernel said so. Any
//! other refusal concerns one file, which goes to the next rung.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{SeekFrom, copy_file_range, fstat, ftruncate, ioctl_ficlone, seek};
use rustix::io::{Errno, pread, pwrite};

use super::options::CopyWay;
use crate::sys::tree::entry::attributes::room;
use crate::sys::tree::entry::handle::Stat;

/// Bytes to read and write at once.
pub(in crate::sys::tree) const BUFFER_BYTES: usize = 256 * 1024;
/// Bytes that the kernel copies between two ticks.
const RANGE_BYTES: u64 = 8 * 1024 * 1024;
/// How often to try a clone: ZFS answers `EAGAIN` to a clone of what it has not written yet.
const CLONE_ATTEMPTS: u32 = 5;
const CLONE_PAUSE: Duration = Duration::from_millis(20);

/// Makes the second file share the blocks of the first.
pub(in crate::sys::tree) type Share = fn(&OwnedFd, &OwnedFd) -> rustix::io::Result<()>;

/// Remembers which rungs are still worth a try.
pub(in crate::sys::tree) struct Ladder {
    clone: AtomicBool,
    range: AtomicBool,
    share: Share,
}

/// What was done for one file: the way, the bytes shared or moved, and the size of the copy.
pub(in crate::sys::tree) struct CopiedFile {
    pub(in crate::sys::tree) way: Option<CopyWay>,
    pub(in crate::sys::tree) moved: u64,
    pub(in crate::sys::tree) size: u64,
}

/// Says which of the two files failed.
pub(in crate::sys::tree) enum CopyFailure {
    Source(io::Error),
    Target(io::Error),
    /// The caller ended the copy.
    Stopped,
}

impl From<CopyFailure> for io::Error {
    fn from(failure: CopyFailure) -> io::Error {
        match failure {
            CopyFailure::Source(error) | CopyFailure::Target(error) => error,
            CopyFailure::Stopped => io::ErrorKind::Interrupted.into(),
        }
    }
}

/// The copy of one file under way.
struct Transfer<'a> {
    ladder: &'a Ladder,
    from: &'a OwnedFd,
    to: &'a OwnedFd,
    buffer: &'a mut Vec<u8>,
    range: bool,
    way: CopyWay,
    moved: u64,
    /// Called with the number of bytes just moved; returns false to end the copy.
    tick: &'a mut dyn FnMut(u64) -> bool,
}

impl Ladder {
    pub(in crate::sys::tree) fn new(clone: bool, range: bool) -> Self {
        let share = |from: &OwnedFd, to: &OwnedFd| ioctl_ficlone(to, from);
        Ladder { clone: AtomicBool::new(clone), range: AtomicBool::new(range), share }
    }

    /// Makes a ladder whose first rung is `share`.
    #[cfg(test)]
    pub(in crate::sys::tree) fn sharing(share: Share) -> Self {
        Ladder { share, ..Ladder::new(true, true) }
    }

    /// Copies the bytes of `from`, up to the size in `stat`, to `to`, which is empty.
    pub(in crate::sys::tree) fn copy(
        &self,
        from: &OwnedFd,
        to: &OwnedFd,
        stat: &Stat,
        buffer: &mut Vec<u8>,
        tick: &mut dyn FnMut(u64) -> bool,
    ) -> Result<CopiedFile, CopyFailure> {
        if stat.size == 0 {
            return Ok(CopiedFile { way: None, moved: 0, size: 0 });
        }
        if self.clone.load(Ordering::Relaxed) && self.cloned(from, to)? {
            tick(stat.size);
            return Ok(CopiedFile { way: Some(CopyWay::Cloned), moved: stat.size, size: stat.size });
        }
        let range = self.range.load(Ordering::Relaxed);
        let mut transfer =
            Transfer { ladder: self, from, to, buffer, range, way: CopyWay::Ranged, moved: 0, tick };
        let size = transfer.extents(stat)?;
        Ok(CopiedFile { way: Some(transfer.way), moved: transfer.moved, size })
    }

    fn cloned(&self, from: &OwnedFd, to: &OwnedFd) -> Result<bool, CopyFailure> {
        for _ in 0..CLONE_ATTEMPTS {
            match (self.share)(from, to) {
                Ok(()) => return Ok(true),
                Err(Errno::AGAIN) => sleep(CLONE_PAUSE),
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::NOTTY | Errno::XDEV | Errno::NOSYS) => {
                    self.clone.store(false, Ordering::Relaxed);
                    return Ok(false);
                }
                Err(error @ (Errno::NOSPC | Errno::DQUOT)) => return Err(CopyFailure::Target(error.into())),
                Err(_) => return Ok(false),
            }
        }
        Ok(false)
    }
}

impl Transfer<'_> {
    /// Copies all data between holes; returns the size of the copy.
    fn extents(&mut self, stat: &Stat) -> Result<u64, CopyFailure> {
        // A write marks its file when it begins. This waits for one that is under way, as a clone
        // does by itself. A later write gets a later mark, so an older mark hides nothing of what
        // is read here.
        let _ = seek(self.from.as_fd(), SeekFrom::Data(0));
        if stat.allocated >= stat.size {
            // If the source is shorter by now, so is the copy.
            return self.extent(0, stat.size);
        }
        let mut offset = 0;
        while let Some((start, end)) = next_data(self.from, offset, stat.size).map_err(source)? {
            offset = self.extent(start, end)?;
            if offset < end {
                break;
            }
        }
        let now = u64::try_from(fstat(self.from).map_err(source)?.st_size).unwrap_or(0);
        let size = stat.size.min(now);
        ftruncate(self.to, size).map_err(target)?;
        Ok(size)
    }

    /// Copies the bytes from `offset` to `end`; returns where it stopped, which is earlier if the
    /// source ended.
    fn extent(&mut self, mut offset: u64, end: u64) -> Result<u64, CopyFailure> {
        while offset < end && self.range {
            let (mut read, mut written) = (offset, offset);
            let length = (end - offset).min(RANGE_BYTES) as usize;
            match copy_file_range(self.from, Some(&mut read), self.to, Some(&mut written), length) {
                // The end, or a file system that cannot tell: reading will show.
                Ok(0) => break,
                Ok(length) => {
                    offset += length as u64;
                    self.moved(length as u64)?;
                }
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::XDEV | Errno::NOSYS) => {
                    self.ladder.range.store(false, Ordering::Relaxed);
                    self.range = false;
                }
                Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => return Err(target(error)),
                Err(Errno::IO) => return Err(source(Errno::IO)),
                Err(_) => self.range = false,
            }
        }
        self.read_and_write(offset, end)
    }

    fn read_and_write(&mut self, mut offset: u64, end: u64) -> Result<u64, CopyFailure> {
        while offset < end {
            let wanted = (end - offset).min(BUFFER_BYTES as u64) as usize;
            let buffer = room(self.buffer, wanted);
            let length = match pread(self.from, &mut *buffer, offset) {
                Err(Errno::INTR) => continue,
                other => other.map_err(source)?,
            };
            if length == 0 {
                break;
            }
            self.way = CopyWay::Written;
            write_at(self.to, &buffer[..length], offset)?;
            offset += length as u64;
            self.moved(length as u64)?;
        }
        Ok(offset)
    }

    fn moved(&mut self, bytes: u64) -> Result<(), CopyFailure> {
        self.moved += bytes;
        if (self.tick)(bytes) { Ok(()) } else { Err(CopyFailure::Stopped) }
    }
}

/// Finds the next run of data at or after `offset` and before `end` (lseek(2)). A file system that
/// cannot tell has one run.
pub(in crate::sys::tree) fn next_data(
    file: &OwnedFd,
    offset: u64,
    end: u64,
) -> rustix::io::Result<Option<(u64, u64)>> {
    if offset >= end {
        return Ok(None);
    }
    let start = match seek(file.as_fd(), SeekFrom::Data(offset)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Ok(None),
        Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(Some((offset, end))),
        Err(error) => return Err(error),
    };
    if start >= end {
        return Ok(None);
    }
    match seek(file.as_fd(), SeekFrom::Hole(start)) {
        Ok(hole) => Ok(Some((start, hole.min(end)))),
        // The file was truncated in between.
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes all of `bytes`.
pub(in crate::sys::tree) fn write_at(file: &OwnedFd, bytes: &[u8], offset: u64) -> Result<(), CopyFailure> {
    let mut done = 0;
    while done < bytes.len() {
        match pwrite(file, &bytes[done..], offset + done as u64) {
            Err(Errno::INTR) => {}
            // No local file system does this; an endless loop would be the alternative.
            Ok(0) => return Err(target(Errno::IO)),
            other => done += other.map_err(target)?,
        }
    }
    Ok(())
}

pub(in crate::sys::tree) fn source(error: Errno) -> CopyFailure {
    CopyFailure::Source(error.into())
}

pub(in crate::sys::tree) fn target(error: Errno) -> CopyFailure {
    CopyFailure::Target(error.into())
}
