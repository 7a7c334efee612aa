//! Brings an earlier copy of a file up to date: writes what differs and nothing else.
//!
//! No time tells where a file has changed, so both files are read and compared; where both are in
//! memory that takes a fraction of the time of a copy. The result is what a copy would be: holes
//! where the file has holes, data where it has data. Several threads compare a large file.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use rustix::fs::{FallocateFlags, SeekFrom, fallocate, fstat, ftruncate, seek};
use rustix::io::{Errno, pread};

use super::content::{BUFFER_BYTES, CopiedFile, CopyFailure, next_data, source, target, write_at};
use super::options::CopyWay;
use crate::sys::tree::entry::handle::Stat;

/// Bytes to compare and write at once.
const BLOCK_BYTES: usize = 4096;
/// Bytes that a thread takes at a time.
const RANGE_BYTES: u64 = 16 * 1024 * 1024;

/// Makes `to`, an earlier copy of `from`, equal to it, up to the size in `stat`, with `threads`
/// threads. Calls `tick` with the number of bytes just done, which returns false to end the work.
pub(in crate::sys::tree) fn patch_copy(
    from: &OwnedFd,
    to: &OwnedFd,
    stat: &Stat,
    threads: usize,
    tick: &(dyn Fn(u64) -> bool + Sync),
) -> Result<CopiedFile, CopyFailure> {
    // As in a copy, this waits for a write that is under way.
    let _ = seek(from.as_fd(), SeekFrom::Data(0));
    ftruncate(to, stat.size).map_err(target)?;
    let next = AtomicU64::new(0);
    let work = || {
        let (own, other) = (vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]);
        let mut revision = Patch { from, to, size: stat.size, own, other, written: 0 };
        let done = revision.ranges(&next, tick);
        if done.is_err() {
            next.store(stat.size, Ordering::Relaxed);
        }
        done.map(|()| revision.written)
    };
    let threads = threads.min(usize::try_from(stat.size.div_ceil(RANGE_BYTES)).unwrap_or(threads));
    let moved = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let joined = others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.fold(own, |sum, other| Ok(sum? + other?))
    })?;
    let now = u64::try_from(fstat(from).map_err(source)?.st_size).unwrap_or(0);
    let size = stat.size.min(now);
    ftruncate(to, size).map_err(target)?;
    Ok(CopiedFile { way: Some(CopyWay::Patched), moved, size })
}

/// State of one thread.
struct Patch<'a> {
    from: &'a OwnedFd,
    to: &'a OwnedFd,
    size: u64,
    own: Vec<u8>,
    other: Vec<u8>,
    written: u64,
}

impl Patch<'_> {
    /// Takes one range after the other until none is left.
    fn ranges(&mut self, next: &AtomicU64, tick: &(dyn Fn(u64) -> bool + Sync)) -> Result<(), CopyFailure> {
        loop {
            let start = next.fetch_add(RANGE_BYTES, Ordering::Relaxed);
            if start >= self.size {
                return Ok(());
            }
            let end = self.size.min(start + RANGE_BYTES);
            self.range(start, end)?;
            if !tick(end - start) {
                return Err(CopyFailure::Stopped);
            }
        }
    }

    fn range(&mut self, mut offset: u64, end: u64) -> Result<(), CopyFailure> {
        while offset < end {
            let (data, until) = next_data(self.from, offset, end).map_err(source)?.unwrap_or((end, end));
            self.clear(offset, data)?;
            self.data(data, until)?;
            offset = until;
        }
        Ok(())
    }

    /// Makes this part of the copy a hole.
    fn clear(&mut self, mut offset: u64, end: u64) -> Result<(), CopyFailure> {
        while let Some((start, until)) = next_data(self.to, offset, end).map_err(target)? {
            self.written += make_hole(self.to, start, until)?;
            offset = until;
        }
        Ok(())
    }

    /// Copies data: writes it where the copy has a hole, and compares it first where the copy has
    /// data.
    fn data(&mut self, mut offset: u64, end: u64) -> Result<(), CopyFailure> {
        while offset < end {
            let (there, until) = next_data(self.to, offset, end).map_err(target)?.unwrap_or((end, end));
            self.blocks(offset, there, false)?;
            self.blocks(there, until, true)?;
            offset = until;
        }
        Ok(())
    }

    fn blocks(&mut self, mut offset: u64, end: u64, compare: bool) -> Result<(), CopyFailure> {
        while offset < end {
            let wanted = (end - offset).min(BUFFER_BYTES as u64) as usize;
            let length = read_at(self.from, &mut self.own[..wanted], offset).map_err(source)?;
            // The file has become shorter; in the end the copy does, too.
            if length == 0 {
                break;
            }
            let there = match compare {
                true => read_at(self.to, &mut self.other[..length], offset).map_err(target)?,
                false => 0,
            };
            self.differing(offset, length, there)?;
            offset += length as u64;
        }
        Ok(())
    }

    /// Writes those blocks of the `length` bytes just read that differ from the copy's `there`
    /// bytes.
    fn differing(&mut self, offset: u64, length: usize, there: usize) -> Result<(), CopyFailure> {
        let (own, other) = (&self.own[..length], &self.other[..there]);
        if own == other {
            return Ok(());
        }
        let is_same = |at: usize| {
            let end = length.min(at + BLOCK_BYTES);
            other.get(at..end) == Some(&own[at..end])
        };
        let mut at = 0;
        while at < length {
            let start = at;
            while at < length && !is_same(at) {
                at += BLOCK_BYTES;
            }
            let run = &own[start..at.min(length)];
            if !run.is_empty() {
                write_at(self.to, run, offset + start as u64)?;
                self.written += run.len() as u64;
            }
            at += BLOCK_BYTES;
        }
        Ok(())
    }
}

/// Makes these bytes of `file` a hole, or zeros where the file system has no holes; returns how
/// many were written. Both ends are those of blocks, or the second is the end of the file.
pub(in crate::sys::tree) fn make_hole(file: &OwnedFd, start: u64, end: u64) -> Result<u64, CopyFailure> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    // Only whole blocks become holes, so the last block of the file must be whole as well.
    let past = if end.is_multiple_of(BLOCK_BYTES as u64) { end } else { end.next_multiple_of(RANGE_BYTES) };
    loop {
        match fallocate(file, flags, start, past - start) {
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => break,
            other => return other.map(|()| 0).map_err(target),
        }
    }
    let zeros = vec![0; BUFFER_BYTES.min(usize::try_from(end - start).unwrap_or(BUFFER_BYTES))];
    let mut offset = start;
    while offset < end {
        let length = (end - offset).min(zeros.len() as u64) as usize;
        write_at(file, &zeros[..length], offset)?;
        offset += length as u64;
    }
    Ok(end - start)
}

/// Fills the buffer unless the file ends first; returns the number of bytes read.
pub(in crate::sys::tree) fn read_at(
    file: &OwnedFd,
    buffer: &mut [u8],
    offset: u64,
) -> rustix::io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match pread(file, &mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(length) => done += length,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
