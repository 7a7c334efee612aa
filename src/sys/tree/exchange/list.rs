//! The list of steps by which two trees exchange what differs between them.
//!
//! ```text
//! record of steps:       0 · path · count · for each step: name · flags · new inode · old inode
//! record of a directory: 1 or 2 · path · entries · attributes before · with 2: attributes after
//! attributes:            uid · gid · mode, in its upper half flags · access time 2 ·
//!                        modification time 2 · count · for each extended attribute: name · value
//! ```
//!
//! `framed` draws what is around a record. In it, `codec` encodes numbers and byte strings. The
//! bits of the flags say, from the lowest: there is a new inode, there is an old one, the new one
//! is a directory, the old one is.
//!
//! A list is written and read a record at a time, so memory stays flat. The record of a directory
//! comes after those of everything in it.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::entry::codec::{Decoder, put_bytes, put_number};
use crate::sys::tree::entry::framed::{FramedReader, FramedWriter};
use crate::sys::tree::entry::values::EntryAttributes;

/// An entry that exchanges places with its counterpart, or moves where there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sys::tree) struct Step {
    pub(in crate::sys::tree) name: CString,
    /// The inode that comes into the tree.
    pub(in crate::sys::tree) new: Option<u64>,
    /// The inode that leaves the tree.
    pub(in crate::sys::tree) old: Option<u64>,
    pub(in crate::sys::tree) new_is_directory: bool,
    pub(in crate::sys::tree) old_is_directory: bool,
}

/// A record of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sys::tree) enum ListRecord {
    /// Some steps in the directory at this path relative to the root.
    Steps(PathBuf, Vec<Step>),
    /// A directory with steps in it or beneath it, or with other attributes afterwards.
    Directory(ListedDirectory),
}

/// A directory that both trees have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sys::tree) struct ListedDirectory {
    /// Path relative to the root.
    pub(in crate::sys::tree) path: PathBuf,
    /// The attributes before.
    pub(in crate::sys::tree) before: EntryAttributes,
    /// The attributes afterwards, if they differ.
    pub(in crate::sys::tree) after: Option<EntryAttributes>,
    /// The number of entries afterwards.
    pub(in crate::sys::tree) entries: u64,
}

impl ListRecord {
    pub(in crate::sys::tree) fn write(&self, out: &mut Vec<u8>) {
        match self {
            ListRecord::Steps(directory, steps) => {
                put_number(out, 0);
                put_bytes(out, directory.as_os_str().as_bytes());
                put_number(out, steps.len() as u64);
                for step in steps {
                    put_bytes(out, step.name.to_bytes());
                    let flags = [
                        step.new.is_some(),
                        step.old.is_some(),
                        step.new_is_directory,
                        step.old_is_directory,
                    ];
                    put_number(out, flags.iter().rev().fold(0, |all, flag| all << 1 | u64::from(*flag)));
                    put_number(out, step.new.unwrap_or_default());
                    put_number(out, step.old.unwrap_or_default());
                }
            }
            ListRecord::Directory(place) => {
                put_number(out, if place.after.is_some() { 2 } else { 1 });
                put_bytes(out, place.path.as_os_str().as_bytes());
                put_number(out, place.entries);
                place.before.write(out);
                if let Some(after) = &place.after {
                    after.write(out);
                }
            }
        }
    }

    pub(in crate::sys::tree) fn read(bytes: &[u8]) -> io::Result<Self> {
        let mut from = Decoder(bytes);
        let kind = from.number()?;
        let path = PathBuf::from(OsStr::from_bytes(from.bytes()?));
        let number = from.number()?;
        if kind > 0 {
            let before = EntryAttributes::read(&mut from)?;
            let after = (kind > 1).then(|| EntryAttributes::read(&mut from)).transpose()?;
            return Ok(ListRecord::Directory(ListedDirectory { path, before, after, entries: number }));
        }
        let step = |_| {
            let (name, flags) = (from.name()?, from.number()?);
            let is = |bit: u64| flags >> bit & 1 == 1;
            let (new, old) = (from.number()?, from.number()?);
            Ok(Step {
                name,
                new: is(0).then_some(new),
                old: is(1).then_some(old),
                new_is_directory: is(2),
                old_is_directory: is(3),
            })
        };
        Ok(ListRecord::Steps(path, (0..number).map(step).collect::<io::Result<_>>()?))
    }
}

/// Writes a list.
pub(in crate::sys::tree) struct ListWriter<'p> {
    framed: FramedWriter<'p>,
    record: Vec<u8>,
}

impl<'p> ListWriter<'p> {
    /// Starts a list at `path`, where nothing is yet.
    pub(in crate::sys::tree) fn new(path: &'p Path) -> Result<Self, DiskError> {
        Ok(ListWriter { framed: FramedWriter::new(path)?, record: Vec::new() })
    }

    pub(in crate::sys::tree) fn add(&mut self, record: &ListRecord) -> Result<(), DiskError> {
        self.record.clear();
        record.write(&mut self.record);
        self.framed.add(&self.record)
    }

    /// Writes the end. The list is durable only after a sync of the file system.
    pub(in crate::sys::tree) fn finish(self) -> Result<(), DiskError> {
        self.framed.finish().map(drop)
    }
}

/// Reads a whole list.
pub(in crate::sys::tree) struct ListReader {
    framed: FramedReader,
}

impl ListReader {
    /// Opens the list at `path`; returns `None` if it is absent or not whole.
    pub(in crate::sys::tree) fn open(path: &Path) -> Result<Option<Self>, DiskError> {
        Ok(FramedReader::open(path)?.map(|framed| ListReader { framed }))
    }

    /// Goes back to the first record.
    pub(in crate::sys::tree) fn rewind(&mut self) -> Result<(), DiskError> {
        self.framed.seek(0)
    }

    /// Goes to the record at `offset`.
    pub(in crate::sys::tree) fn seek(&mut self, offset: u64) -> Result<(), DiskError> {
        self.framed.seek(offset)
    }

    /// Returns the offset of the next record.
    pub(in crate::sys::tree) fn offset(&mut self) -> Result<u64, DiskError> {
        self.framed.offset()
    }

    /// Takes the next record, or `None` at the end.
    pub(in crate::sys::tree) fn take(&mut self) -> Result<Option<ListRecord>, DiskError> {
        let Some(record) = self.framed.take()? else { return Ok(None) };
        ListRecord::read(&record).map(Some).at("read", self.framed.path())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests damage files of their own")]
mod tests {
    use std::fs;

    use super::*;

    fn step(name: &[u8], new: Option<u64>, old: Option<u64>) -> Step {
        let name = CString::new(name).unwrap();
        Step { name, new, old, new_is_directory: new.is_none(), old_is_directory: old.is_none() }
    }

    fn records() -> Vec<ListRecord> {
        let odd = PathBuf::from(OsStr::from_bytes(b"a/\xff\n"));
        vec![
            ListRecord::Steps(odd, vec![step(b"\xfe", Some(1), Some(u64::MAX)), step(b"n", Some(2), None)]),
            ListRecord::Steps(PathBuf::new(), vec![step(b"o", None, Some(3))]),
        ]
    }

    fn written(path: &Path) {
        let mut list = ListWriter::new(path).unwrap();
        records().iter().for_each(|record| list.add(record).unwrap());
        list.finish().unwrap();
    }

    fn taken(path: &Path) -> Option<Vec<ListRecord>> {
        let mut steps = ListReader::open(path).unwrap()?;
        Some(std::iter::from_fn(|| steps.take().unwrap()).collect())
    }

    #[test]
    fn what_is_written_is_read() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("list");
        assert_eq!(taken(&path), None);
        written(&path);
        assert_eq!(taken(&path).unwrap(), records());
    }

    #[test]
    fn a_list_that_is_not_whole_is_none() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("list");
        written(&path);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(taken(&path), None, "{length} bytes of {}", whole.len());
        }
        // As a power cut leaves it: of its full length, with a hole.
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            fs::write(&path, &damaged).unwrap();
            assert_eq!(taken(&path), None, "byte {at}");
        }
    }
}
