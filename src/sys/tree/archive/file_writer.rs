//! Writes the content of a file out of an archive: its bytes, or its runs of data between holes.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use super::entries::read_full;
use super::sparse::SparseMap;
use crate::sys::tree::build::new_file::NewFile;

const BUFFER: usize = 256 * 1024;

/// Writes the content of one file.
pub(super) struct FileWriter<'f> {
    file: &'f NewFile,
    /// Where the next byte goes.
    offset: u64,
    /// Bytes that were written, without holes.
    pub(super) bytes: u64,
    buffer: &'f mut Vec<u8>,
    cancel: &'f AtomicBool,
}

impl<'f> FileWriter<'f> {
    /// Writes to `file`. One file after the other can have the same `buffer`.
    pub(super) fn new(file: &'f NewFile, buffer: &'f mut Vec<u8>, cancel: &'f AtomicBool) -> Self {
        buffer.resize(BUFFER, 0);
        FileWriter { file, offset: 0, bytes: 0, buffer, cancel }
    }

    /// Writes all of `from`; returns the size of the file.
    pub(super) fn all(&mut self, from: &mut dyn Read) -> io::Result<u64> {
        loop {
            let length = read_full(from, self.buffer)?;
            if length == 0 {
                return Ok(self.offset);
            }
            self.put(length)?;
        }
    }

    /// Writes the runs of data of `map` and leaves holes between them; returns the file's size.
    pub(super) fn runs(&mut self, from: &mut dyn Read, map: &SparseMap) -> io::Result<u64> {
        for (start, length) in &map.runs {
            self.offset = *start;
            self.all(&mut (&mut *from).take(*length))?;
            if self.offset != start + length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(map.size)
    }

    /// Writes the first `length` bytes of the buffer.
    fn put(&mut self, length: usize) -> io::Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.file.write_at(&self.buffer[..length], self.offset)?;
        self.bytes += length as u64;
        self.offset += length as u64;
        Ok(())
    }
}
