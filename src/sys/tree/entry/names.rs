//! Lists of names in one block of memory, and directories read in pieces.
//!
//! To get a directory in order, it is read as often as its names fill a window: the smallest names
//! first, then those after them. So memory stays flat however large the directory is.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, RawDir, SeekFrom, seek};
use rustix::io::{Errno, Result};

/// Bytes of directory entries to take from the kernel at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of names in a window; for a while, up to twice as many are held.
const WINDOW_BYTES: usize = 2 * 1024 * 1024;
/// Number of bits below the type in a mode.
const TYPE_SHIFT: u32 = 12;

/// Names of directory entries with their types; takes the names' own length plus six bytes each.
#[derive(Default)]
pub(in crate::sys::tree) struct NameList {
    /// The names, each with its closing NUL and then its type.
    bytes: Vec<u8>,
    /// The offset of each name.
    starts: Vec<u32>,
}

impl NameList {
    /// Adds `name`; more than 4 GiB of names is `EOVERFLOW`.
    pub(in crate::sys::tree) fn push(&mut self, name: &CStr) -> Result<()> {
        self.push_of(name, FileType::Unknown)
    }

    /// Adds `name` with the type that its directory gives.
    pub(in crate::sys::tree) fn push_of(&mut self, name: &CStr, kind: FileType) -> Result<()> {
        let start = u32::try_from(self.bytes.len()).map_err(|_| Errno::OVERFLOW)?;
        self.starts.push(start);
        self.bytes.extend_from_slice(name.to_bytes_with_nul());
        self.bytes.push(u8::try_from(kind.as_raw_mode() >> TYPE_SHIFT).unwrap_or_default());
        Ok(())
    }

    /// Takes the name that was added last. Must not follow `sort`.
    pub(in crate::sys::tree) fn pop(&mut self) -> Option<CString> {
        let start = self.starts.pop()?;
        let name = from(&self.bytes, start).to_owned();
        self.bytes.truncate(start as usize);
        Some(name)
    }

    pub(in crate::sys::tree) fn get(&self, index: usize) -> Option<&CStr> {
        self.starts.get(index).map(|start| from(&self.bytes, *start))
    }

    /// Returns the type of the name at `index`, where it is known.
    pub(in crate::sys::tree) fn kind(&self, index: usize) -> FileType {
        let kind = self
            .get(index)
            .and_then(|name| self.bytes.get(self.starts[index] as usize + name.to_bytes_with_nul().len()));
        kind.map_or(FileType::Unknown, |kind| FileType::from_raw_mode(u32::from(*kind) << TYPE_SHIFT))
    }

    /// Returns whether `name` is among the names, which must be sorted.
    pub(in crate::sys::tree) fn has(&self, name: &CStr) -> bool {
        self.starts.binary_search_by(|start| from(&self.bytes, *start).cmp(name)).is_ok()
    }

    pub(in crate::sys::tree) fn len(&self) -> usize {
        self.starts.len()
    }

    pub(in crate::sys::tree) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Sorts by the bytes of the names.
    pub(in crate::sys::tree) fn sort(&mut self) {
        let NameList { bytes, starts } = self;
        starts.sort_unstable_by(|a, b| from(bytes, *a).cmp(from(bytes, *b)));
    }

    /// Returns the bytes of memory that the names take.
    fn size(&self) -> usize {
        self.bytes.len() + self.starts.len() * size_of::<u32>()
    }

    /// Keeps the first names, in their present order, that take no more than `size` bytes; at least
    /// one.
    fn keep_first(&mut self, size: usize) {
        let mut kept = NameList::default();
        for (index, name) in (0..self.len()).filter_map(|index| Some((index, self.get(index)?))) {
            if kept.size() + name.count_bytes() + 2 + size_of::<u32>() > size && !kept.is_empty() {
                break;
            }
            kept.push_of(name, self.kind(index)).expect("there are fewer names than before");
        }
        *self = kept;
    }

    /// Takes the names from `index` on into a list of their own.
    pub(in crate::sys::tree) fn split_off(&mut self, index: usize) -> NameList {
        let start = self.starts.get(index).map_or(self.bytes.len(), |start| *start as usize);
        let bytes = self.bytes.split_off(start);
        let starts = self.starts.split_off(index).iter().map(|s| s - start as u32).collect();
        NameList { bytes, starts }
    }
}

fn from(bytes: &[u8], start: u32) -> &CStr {
    CStr::from_bytes_until_nul(&bytes[start as usize..]).expect("each name is stored with its NUL")
}

/// Reads directories, with one buffer for all of them.
pub(in crate::sys::tree) struct DirectoryReader {
    buffer: Vec<u8>,
}

impl DirectoryReader {
    pub(in crate::sys::tree) fn new() -> Self {
        DirectoryReader { buffer: Vec::with_capacity(CHUNK_BYTES) }
    }

    /// Gives the next entries of `directory` (some thousand) to `each`, without `.` and `..`. The
    /// kernel keeps the position: the next call goes on from there. Returns false at the end.
    pub(in crate::sys::tree) fn chunk(
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
}

/// Collects the smallest of the names that it is given.
pub(in crate::sys::tree) struct NameWindow {
    names: NameList,
    size: usize,
    /// Only names after this one.
    after: Option<CString>,
    /// Only names up to this one: there was no room for those after it.
    up_to: Option<CString>,
}

impl NameWindow {
    pub(in crate::sys::tree) fn new() -> Self {
        NameWindow { names: NameList::default(), size: WINDOW_BYTES, after: None, up_to: None }
    }

    pub(in crate::sys::tree) fn add(&mut self, name: &CStr, kind: FileType) -> Result<()> {
        let is_outside = self.after.as_deref().is_some_and(|after| name <= after)
            || self.up_to.as_deref().is_some_and(|last| name > last);
        if is_outside {
            return Ok(());
        }
        self.names.push_of(name, kind)?;
        if self.names.size() > 2 * self.size {
            self.names.sort();
            self.names.keep_first(self.size);
            self.up_to = self.names.get(self.names.len() - 1).map(ToOwned::to_owned);
        }
        Ok(())
    }
}

/// The names of a directory in order, a window at a time.
pub(in crate::sys::tree) struct SortedNames<H = OwnedFd> {
    pub(in crate::sys::tree) handle: H,
    window: NameWindow,
    next: usize,
}

impl<H: AsFd> SortedNames<H> {
    /// Reads all names of the directory `handle`.
    pub(in crate::sys::tree) fn read(handle: H, reader: &mut DirectoryReader) -> Result<Self> {
        Self::read_by(handle, reader, WINDOW_BYTES)
    }

    fn read_by(handle: H, reader: &mut DirectoryReader, size: usize) -> Result<Self> {
        let mut window = NameWindow { size, ..NameWindow::new() };
        while reader.chunk(handle.as_fd(), |name, kind| window.add(name, kind))? {}
        Ok(Self::from_window(handle, window))
    }

    /// Takes the names that were given to `window`, which must be of the directory `handle`.
    pub(in crate::sys::tree) fn from_window(handle: H, mut window: NameWindow) -> Self {
        window.names.sort();
        SortedNames { handle, window, next: 0 }
    }

    /// Returns the current name, or `None` at the end.
    pub(in crate::sys::tree) fn peek(&self) -> Option<&CStr> {
        self.window.names.get(self.next)
    }

    /// Returns the type of the current name, as the directory gives it.
    pub(in crate::sys::tree) fn kind(&self) -> FileType {
        self.window.names.kind(self.next)
    }

    /// Goes on to the next name. A next window holds all names that `wanted` accepts.
    pub(in crate::sys::tree) fn advance(
        &mut self,
        reader: &mut DirectoryReader,
        mut wanted: impl FnMut(BorrowedFd<'_>, &CStr, FileType) -> Result<bool>,
    ) -> Result<()> {
        self.next += 1;
        if self.next < self.window.names.len() {
            return Ok(());
        }
        let Some(last) = self.window.up_to.take() else { return Ok(()) };
        seek(self.handle.as_fd(), SeekFrom::Start(0))?;
        let mut window = NameWindow { size: self.window.size, after: Some(last), ..NameWindow::new() };
        self.window.names = NameList::default();
        let handle = self.handle.as_fd();
        while reader.chunk(handle, |name, kind| {
            if wanted(handle, name, kind)? { window.add(name, kind) } else { Ok(()) }
        })? {}
        window.names.sort();
        (self.window, self.next) = (window, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn windows_of_any_size_give_all_names_in_order() {
        let home = tempfile::tempdir().unwrap();
        let mut expected: Vec<CString> = Vec::new();
        for number in 0..500 {
            let name = format!("{}-{number}", number * 7919 % 500);
            File::create(home.path().join(&name)).unwrap();
            expected.push(CString::new(name).unwrap());
        }
        expected.sort();
        for size in [1, 100, 1000, WINDOW_BYTES] {
            let mut reader = DirectoryReader::new();
            let handle = OwnedFd::from(File::open(home.path()).unwrap());
            let mut sorted = SortedNames::read_by(handle, &mut reader, size).unwrap();
            let mut found = Vec::new();
            while let Some(name) = sorted.peek() {
                found.push(name.to_owned());
                assert!(sorted.window.names.size() <= (2 * size).max(100), "{size}");
                sorted.advance(&mut reader, |_, _, _| Ok(true)).unwrap();
            }
            assert!(found == expected, "windows of {size} bytes gave {} names", found.len());
        }
    }
}
