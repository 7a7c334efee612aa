//! The list of steps by which two trees exchange what differs between them.
//!
//! ```text
//! for each record: length 4, not 0 · record
//! at the end:      length 4, 0 · BLAKE3 hash of everything before it 32
//!
//! record of steps:       0 · path · count · for each step: name · flags · new inode · old inode
//! record of a directory: 1 or 2 · path · entries · attributes before · with 2: attributes after
//! attributes:            uid · gid · mode, in its upper half flags · access time 2 ·
//!                        modification time 2 · count · for each extended attribute: name · value
//! ```
//!
//! A length is a 4-byte number, all else is encoded by `codec`: 8-byte numbers, all little-endian,
//! and byte strings with their length. The bits of the flags say, from the lowest: there is a new
//! inode, there is an old one, the new one is a directory, the old one is.
//!
//! The hash tells a whole list from one that was not written to its end or did not reach the disk.
//! A list is written and read a record at a time, so memory stays flat. The record of a directory
//! comes after those of everything in it.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::sys::disk;
use crate::sys::error::{At as _, DiskError};
use crate::sys::tree::entry::codec::{Decoder, put_bytes, put_number};
use crate::sys::tree::entry::directory_attributes::DirectoryAttributes;

/// Bytes of a hash.
const HASH_BYTES: usize = 32;
/// Most bytes of a record: some hundred names, or the attributes of a directory.
const RECORD_MAX_BYTES: u32 = 16 << 20;

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
    pub(in crate::sys::tree) before: DirectoryAttributes,
    /// The attributes afterwards, if they differ.
    pub(in crate::sys::tree) after: Option<DirectoryAttributes>,
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
            let before = DirectoryAttributes::read(&mut from)?;
            let after = (kind > 1).then(|| DirectoryAttributes::read(&mut from)).transpose()?;
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
    path: &'p Path,
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    record: Vec<u8>,
}

impl<'p> ListWriter<'p> {
    /// Starts a list at `path`, where nothing is yet.
    pub(in crate::sys::tree) fn new(path: &'p Path) -> Result<Self, DiskError> {
        let file = BufWriter::new(disk::create_new(path)?);
        Ok(ListWriter { path, file, hasher: blake3::Hasher::new(), record: Vec::new() })
    }

    pub(in crate::sys::tree) fn add(&mut self, record: &ListRecord) -> Result<(), DiskError> {
        self.record.clear();
        record.write(&mut self.record);
        let length = u32::try_from(self.record.len()).ok().filter(|length| *length <= RECORD_MAX_BYTES);
        let length = length.ok_or(io::ErrorKind::InvalidInput).at("write", self.path)?.to_le_bytes();
        for part in [&length[..], &self.record] {
            self.hasher.update(part);
            self.file.write_all(part).at("write", self.path)?;
        }
        Ok(())
    }

    /// Writes the end. The list is durable only after a sync of the file system.
    pub(in crate::sys::tree) fn finish(mut self) -> Result<(), DiskError> {
        let end = 0_u32.to_le_bytes();
        self.hasher.update(&end);
        let hash = self.hasher.finalize();
        self.file.write_all(&end).at("write", self.path)?;
        self.file.write_all(hash.as_bytes()).at("write", self.path)?;
        self.file.flush().at("write", self.path)
    }
}

/// Reads a whole list.
pub(in crate::sys::tree) struct ListReader {
    path: PathBuf,
    file: BufReader<File>,
}

impl ListReader {
    /// Opens the list at `path`; returns `None` if it is absent or not whole.
    pub(in crate::sys::tree) fn open(path: &Path) -> Result<Option<Self>, DiskError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.at("open", path)?,
        };
        let length = file.metadata().at("read the attributes of", path)?.len();
        let Some(body) = length.checked_sub(HASH_BYTES as u64) else { return Ok(None) };
        let mut file = BufReader::new(file);
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut (&mut file).take(body), &mut hasher).at("read", path)?;
        let mut hash = [0; HASH_BYTES];
        file.read_exact(&mut hash).at("read", path)?;
        if hasher.finalize() != hash {
            return Ok(None);
        }
        let mut steps = ListReader { path: path.to_owned(), file };
        steps.rewind()?;
        Ok(Some(steps))
    }

    /// Goes back to the first record.
    pub(in crate::sys::tree) fn rewind(&mut self) -> Result<(), DiskError> {
        self.seek(0)
    }

    /// Goes to the record at `offset`.
    pub(in crate::sys::tree) fn seek(&mut self, offset: u64) -> Result<(), DiskError> {
        self.file.seek(SeekFrom::Start(offset)).at("read", &self.path)?;
        Ok(())
    }

    /// Returns the offset of the next record.
    pub(in crate::sys::tree) fn offset(&mut self) -> Result<u64, DiskError> {
        self.file.stream_position().at("read", &self.path)
    }

    /// Takes the next record, or `None` at the end.
    pub(in crate::sys::tree) fn take(&mut self) -> Result<Option<ListRecord>, DiskError> {
        let mut length = [0; 4];
        self.file.read_exact(&mut length).at("read", &self.path)?;
        let length = u32::from_le_bytes(length);
        if length == 0 {
            return Ok(None);
        }
        if length > RECORD_MAX_BYTES {
            return Err(DiskError::new("read", &self.path, io::ErrorKind::InvalidData));
        }
        let mut record = vec![0; length as usize];
        self.file.read_exact(&mut record).at("read", &self.path)?;
        ListRecord::read(&record).map(Some).at("read", &self.path)
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
