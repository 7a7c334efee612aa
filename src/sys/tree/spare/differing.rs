//! Finds the bytes in which two files differ, in whole blocks. A hole differs from data.

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::sys::tree::copy::content::{BUFFER_BYTES, CopyFailure, next_data, source, target};
use crate::sys::tree::copy::patch::read_at;

/// Bytes to compare at once.
const BLOCK_BYTES: usize = 4096;
/// Bytes that a thread takes at a time.
const RANGE_BYTES: u64 = 16 * 1024 * 1024;

/// Collects the ranges in which `file` differs from `like`, sorted. Looks at `size` bytes, with
/// `threads` threads. Returns `None` if more than `most` bytes differ. `goes_on` is asked now and
/// then, and returns false to end the work.
pub(in crate::sys::tree) fn differing(
    [like, file]: [&OwnedFd; 2],
    (size, most): (u64, u64),
    threads: usize,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Result<Option<Vec<Range<u64>>>, CopyFailure> {
    let (next, sum) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        let buffers = [vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]];
        let mut search = Search { like, file, buffers, found: Vec::new() };
        loop {
            let start = next.fetch_add(RANGE_BYTES, Ordering::Relaxed);
            if start >= size || sum.load(Ordering::Relaxed) > most {
                return Ok(search.found);
            }
            if !goes_on() {
                return Err(CopyFailure::Stopped);
            }
            let known = search.found.len();
            search.range(start, size.min(start + RANGE_BYTES))?;
            let new = search.found[known..].iter().map(|range| range.end - range.start).sum();
            sum.fetch_add(new, Ordering::Relaxed);
        }
    };
    let mut found: Vec<Range<u64>> = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let joined = others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.fold(own, |all, other| {
            let mut all = all?;
            all.extend(other?);
            Ok(all)
        })
    })?;
    if sum.into_inner() > most {
        return Ok(None);
    }
    found.sort_by_key(|range| range.start);
    Ok(Some(found))
}

/// State of one thread.
struct Search<'a> {
    like: &'a OwnedFd,
    file: &'a OwnedFd,
    buffers: [Vec<u8>; 2],
    found: Vec<Range<u64>>,
}

impl Search<'_> {
    fn range(&mut self, mut offset: u64, end: u64) -> Result<(), CopyFailure> {
        while offset < end {
            let data = [
                next_data(self.like, offset, end).map_err(source)?,
                next_data(self.file, offset, end).map_err(target)?,
            ];
            let is_data = data.map(|data| data.is_some_and(|(start, _)| start == offset));
            let ends = data.iter().flatten().map(|(start, end)| if *start == offset { *end } else { *start });
            let until = ends.min().unwrap_or(end);
            match is_data {
                [true, true] => self.blocks(offset, until)?,
                [false, false] => {}
                _ => self.add(offset..until),
            }
            offset = until;
        }
        Ok(())
    }

    fn blocks(&mut self, mut offset: u64, end: u64) -> Result<(), CopyFailure> {
        while offset < end {
            let wanted = (end - offset).min(BUFFER_BYTES as u64) as usize;
            let [like, file] = &mut self.buffers;
            let lengths = [
                read_at(self.like, &mut like[..wanted], offset).map_err(source)?,
                read_at(self.file, &mut file[..wanted], offset).map_err(target)?,
            ];
            let (like, file) = (&like[..lengths[0]], &file[..lengths[1]]);
            if lengths != [wanted; 2] || like != file {
                let is_same = |at: usize| {
                    let end = wanted.min(at + BLOCK_BYTES);
                    matches!((like.get(at..end), file.get(at..end)), (Some(one), Some(other)) if one == other)
                };
                let starts = (0..wanted).step_by(BLOCK_BYTES).filter(|at| !is_same(*at));
                let differing: Vec<usize> = starts.collect();
                for at in differing {
                    let end = wanted.min(at + BLOCK_BYTES);
                    self.add(offset + at as u64..offset + end as u64);
                }
            }
            offset += wanted as u64;
        }
        Ok(())
    }

    fn add(&mut self, range: Range<u64>) {
        match self.found.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.found.push(range),
        }
    }
}
