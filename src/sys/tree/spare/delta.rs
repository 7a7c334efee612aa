//! A delta: what a file has otherwise than another file, with its attributes.
//!
//! ```text
//! first record:  path relative to the root of the tree · size · attributes
//! of data:       1 · offset · bytes
//! of a hole:     0 · offset · length
//! ```
//!
//! `framed` draws what is around a record, `codec` encodes numbers and byte strings, and `list`
//! draws attributes. Data that the other file has where this one ends is not recorded.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::ftruncate;

use crate::sys::error::{At as _, DiskError};
use crate::sys::fault;
use crate::sys::tree::copy::content::{BUFFER_BYTES, next_data, write_at};
use crate::sys::tree::copy::patch::{make_hole, read_at};
use crate::sys::tree::entry::attributes::Scratch;
use crate::sys::tree::entry::codec::{Decoder, put_bytes, put_number};
use crate::sys::tree::entry::flags::RefusedFlags;
use crate::sys::tree::entry::framed::{FramedReader, FramedWriter};
use crate::sys::tree::entry::values::EntryAttributes;

const HOLE: u64 = 0;
const DATA: u64 = 1;

/// A delta that is being read.
pub(in crate::sys::tree) struct Delta {
    /// Path of the file, relative to the root of its tree.
    pub(in crate::sys::tree) path: PathBuf,
    size: u64,
    attributes: EntryAttributes,
    records: FramedReader,
}

/// Writes the delta of `file`, which is at `path` in its tree and differs in `ranges`, to `place`,
/// where nothing is. It is durable only after a sync.
pub(in crate::sys::tree) fn write_delta(
    place: &Path,
    (path, file): (&Path, &OwnedFd),
    (size, attributes): (u64, &EntryAttributes),
    ranges: &[Range<u64>],
) -> Result<File, DiskError> {
    let mut out = FramedWriter::new(place)?;
    let mut record = Vec::new();
    put_bytes(&mut record, path.as_os_str().as_bytes());
    put_number(&mut record, size);
    attributes.write(&mut record);
    out.add(&record)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    for range in ranges {
        let (mut offset, end) = (range.start, range.end.min(size));
        while offset < end {
            let (data, until) = next_data(file, offset, end).at("read", path)?.unwrap_or((end, end));
            record.clear();
            let done = if offset < data {
                [HOLE, offset, data - offset].iter().for_each(|number| put_number(&mut record, *number));
                data
            } else {
                let wanted = (until - offset).min(BUFFER_BYTES as u64) as usize;
                let length = read_at(file, &mut buffer[..wanted], offset).at("read", path)?;
                if length == 0 {
                    return Err(DiskError::new("read", path, io::ErrorKind::UnexpectedEof));
                }
                [DATA, offset].iter().for_each(|number| put_number(&mut record, *number));
                put_bytes(&mut record, &buffer[..length]);
                offset + length as u64
            };
            out.add(&record)?;
            offset = done;
        }
    }
    out.finish()
}

impl Delta {
    /// Opens the delta at `place`.
    ///
    /// # Errors
    /// When it cannot be read, or is not whole.
    pub(in crate::sys::tree) fn open(place: &Path) -> Result<Self, DiskError> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        let mut records = FramedReader::open(place)?.ok_or_else(invalid).at("read", place)?;
        let first = records.take()?.ok_or_else(invalid).at("read", place)?;
        let mut from = Decoder(&first);
        let mut header = || {
            let path = PathBuf::from(OsStr::from_bytes(from.bytes()?));
            Ok::<_, io::Error>((path, from.number()?, EntryAttributes::read(&mut from)?))
        };
        let (path, size, attributes) = header().at("read", place)?;
        Ok(Delta { path, size, attributes, records })
    }

    /// Makes `file`, a copy of the other file, the file that the delta was taken of. `named` is its
    /// path, for errors.
    pub(in crate::sys::tree) fn put(
        mut self,
        file: &OwnedFd,
        named: &Path,
        refused: &RefusedFlags,
    ) -> Result<(), DiskError> {
        fault::point("tree.patch").at("write", named)?;
        while let Some(record) = self.records.take()? {
            let mut from = Decoder(&record);
            let written = match from.number().and_then(|kind| Ok((kind, from.number()?))) {
                Ok((DATA, offset)) => from.bytes().and_then(|bytes| Ok(write_at(file, bytes, offset)?)),
                Ok((HOLE, offset)) => {
                    from.number().and_then(|length| Ok(make_hole(file, offset, offset + length).map(drop)?))
                }
                Ok(_) => Err(io::ErrorKind::InvalidData.into()),
                Err(error) => Err(error),
            };
            written.at("write", named)?;
        }
        ftruncate(file, self.size).at("write", named)?;
        self.attributes.put(file, &mut Scratch::default(), refused).at("set the attributes of", named)
    }
}
