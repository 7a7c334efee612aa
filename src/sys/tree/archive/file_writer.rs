//! The content of a file out of an archive: its bytes, or its runs of data between holes.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::ftruncate;
use rustix::io::pwrite;

use super::entries::{BLOCK, bad, fill};

const BUFFER: usize = 256 * 1024;

/// Writes the content of one file.
pub(in crate::sys::tree) struct FileWriter<'f> {
    file: &'f OwnedFd,
    /// Where the next byte goes.
    pub(in crate::sys::tree) offset: u64,
    /// That were written, without holes.
    pub(in crate::sys::tree) bytes: u64,
    cancel: &'f AtomicBool,
}

impl<'f> FileWriter<'f> {
    pub(in crate::sys::tree) fn new(file: &'f OwnedFd, cancel: &'f AtomicBool) -> Self {
        FileWriter { file, offset: 0, bytes: 0, cancel }
    }

    pub(in crate::sys::tree) fn all(&mut self, from: &mut dyn Read) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        loop {
            let length = fill(from, &mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            self.put(&buffer[..length])?;
        }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut done = 0;
        while done < bytes.len() {
            done += pwrite(self.file, &bytes[done..], self.offset + done as u64)?;
        }
        self.bytes += bytes.len() as u64;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Writes the runs of data that `map` tells of, and leaves holes between them.
    pub(in crate::sys::tree) fn mapped(
        &mut self,
        from: &mut dyn Read,
        map: &[(u64, u64)],
        size: u64,
    ) -> io::Result<()> {
        for (start, length) in map {
            if start.checked_add(*length).is_none_or(|end| end > size) {
                return Err(bad("its map of holes leads out of the file"));
            }
            self.offset = *start;
            self.all(&mut (&mut *from).take(*length))?;
            if self.offset != start + length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(ftruncate(self.file, size)?)
    }
}

/// The map before the data of a file with holes (`GNU.sparse` 1.0).
pub(in crate::sys::tree) fn read_map(from: &mut dyn Read) -> io::Result<Vec<(u64, u64)>> {
    let mut read = 0;
    let count = line(from, &mut read)?;
    let mut map = Vec::new();
    for _ in 0..count {
        map.push((line(from, &mut read)?, line(from, &mut read)?));
    }
    let padding = read.next_multiple_of(BLOCK as u64) - read;
    io::copy(&mut from.take(padding), &mut io::sink())?;
    Ok(map)
}

/// A number in a line of its own.
fn line(from: &mut dyn Read, read: &mut u64) -> io::Result<u64> {
    let mut number = 0_u64;
    loop {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        *read += 1;
        match byte[0] {
            b'\n' => return Ok(number),
            digit if digit.is_ascii_digit() => {
                let next = number.checked_mul(10).and_then(|n| n.checked_add(u64::from(digit - b'0')));
                number = next.ok_or_else(|| bad("its map of holes has a number that is too large"))?;
            }
            _ => return Err(bad("its map of holes is no map")),
        }
    }
}
