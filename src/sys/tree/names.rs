//! Lists of names in one block of memory, and directories read in pieces.

use std::ffi::{CStr, CString};
use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, RawDir};
use rustix::io::{Errno, Result};

/// Bytes of directory entries taken from the kernel at once.
const CHUNK: usize = 64 * 1024;

/// Names of directory entries, about their own length plus five bytes each.
#[derive(Default)]
pub(super) struct Names {
    /// The names, each with its closing NUL.
    bytes: Vec<u8>,
    /// Where each starts.
    starts: Vec<u32>,
}

impl Names {
    /// Adds `name`; more than 4 GiB of them is `EOVERFLOW`.
    pub(super) fn push(&mut self, name: &CStr) -> Result<()> {
        let start = u32::try_from(self.bytes.len()).map_err(|_| Errno::OVERFLOW)?;
        self.starts.push(start);
        self.bytes.extend_from_slice(name.to_bytes_with_nul());
        Ok(())
    }

    /// Takes the name that was added last. Not after `sort`.
    pub(super) fn pop(&mut self) -> Option<CString> {
        let start = self.starts.pop()?;
        let name = from(&self.bytes, start).to_owned();
        self.bytes.truncate(start as usize);
        Some(name)
    }

    pub(super) fn get(&self, index: usize) -> Option<&CStr> {
        self.starts.get(index).map(|start| from(&self.bytes, *start))
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Sorts by the bytes of the names.
    pub(super) fn sort(&mut self) {
        let Names { bytes, starts } = self;
        starts.sort_unstable_by(|a, b| from(bytes, *a).cmp(from(bytes, *b)));
    }

    /// Takes the names from `index` on into a list of their own.
    pub(super) fn split_off(&mut self, index: usize) -> Names {
        let start = self.starts.get(index).map_or(self.bytes.len(), |start| *start as usize);
        let bytes = self.bytes.split_off(start);
        let starts = self.starts.split_off(index).iter().map(|s| s - start as u32).collect();
        Names { bytes, starts }
    }
}

fn from(bytes: &[u8], start: u32) -> &CStr {
    CStr::from_bytes_until_nul(&bytes[start as usize..]).expect("each name is stored with its NUL")
}

/// Reads directories, with one buffer for all of them.
pub(super) struct Reader {
    buffer: Vec<u8>,
}

impl Reader {
    pub(super) fn new() -> Self {
        Reader { buffer: Vec::with_capacity(CHUNK) }
    }

    /// Gives the next entries of `directory` (some thousand) to `each`, without `.` and `..`.
    /// The kernel keeps the place: the next call goes on from there. False at the end.
    pub(super) fn chunk(
        &mut self,
        directory: BorrowedFd<'_>,
        mut each: impl FnMut(&CStr, FileType) -> Result<()>,
    ) -> Result<bool> {
        let mut entries = RawDir::new(directory, self.buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = match entry {
                // The directory was removed while we had it open.
                Err(Errno::NOENT) => return Ok(false),
                other => other?,
            };
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                each(entry.file_name(), entry.file_type())?;
            }
            if entries.is_buffer_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// All names of `directory`, sorted.
    pub(super) fn sorted(&mut self, directory: BorrowedFd<'_>) -> Result<Names> {
        let mut names = Names::default();
        while self.chunk(directory, |name, _| names.push(name))? {}
        names.sort();
        Ok(names)
    }
}
