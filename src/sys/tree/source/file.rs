//! Reads the content of a regular file of a tree.

use std::io::{self, Read};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::io::{Errno, pread};

use crate::sys::tree::copy::content::next_data;

/// The content of a regular file, held open.
#[derive(Debug, Clone)]
pub struct SourceFile {
    file: Arc<OwnedFd>,
    size: u64,
}

impl SourceFile {
    pub(super) fn new(file: OwnedFd, size: u64) -> Self {
        SourceFile { file: Arc::new(file), size }
    }

    /// Returns the size in bytes, holes included.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the runs of data in order; one run where the file has no hole, none where it is
    /// empty or one hole.
    ///
    /// # Errors
    /// When the file system fails to tell.
    pub fn runs(&self) -> io::Result<Vec<Range<u64>>> {
        let (mut found, mut offset) = (Vec::new(), 0);
        while let Some((start, end)) = next_data(&self.file, offset, self.size)? {
            found.push(start..end);
            offset = end;
        }
        Ok(found)
    }

    /// Returns a reader of the bytes in `range`, which lies within the file; holes are zeros.
    pub fn reader(&self, range: Range<u64>) -> FileReader {
        FileReader { file: Arc::clone(&self.file), left: range }
    }
}

impl AsFd for SourceFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Reads a part of a file in order: as many bytes as it was made for, or it fails.
#[derive(Debug)]
pub struct FileReader {
    file: Arc<OwnedFd>,
    left: Range<u64>,
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = (self.left.end - self.left.start).min(buffer.len() as u64) as usize;
        if wanted == 0 {
            return Ok(0);
        }
        let length = loop {
            match pread(&self.file, &mut buffer[..wanted], self.left.start) {
                Err(Errno::INTR) => {}
                other => break other?,
            }
        };
        if length == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read"));
        }
        self.left.start += length as u64;
        Ok(length)
    }
}
