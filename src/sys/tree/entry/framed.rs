//! Files of records that are whole or count as absent: lists of steps and deltas.
//!
//! ```text
//! for each record: length 4, not 0 · record
//! at the end:      length 4, 0 · BLAKE3 hash of everything before it 32
//! ```
//!
//! Lengths are little-endian. The hash tells a whole file from one that was not written to its end
//! or did not reach the disk. A file is written and read a record at a time, so memory stays flat.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::sys::disk;
use crate::sys::error::{At as _, DiskError};

/// Bytes of a hash.
const HASH_BYTES: usize = 32;
/// Most bytes of a record: some hundred names, the attributes of an entry, or a buffer of content.
const RECORD_MAX_BYTES: u32 = 16 << 20;

/// Writes a file of records.
pub(in crate::sys::tree) struct FramedWriter<'p> {
    path: &'p Path,
    file: BufWriter<File>,
    hasher: blake3::Hasher,
}

impl<'p> FramedWriter<'p> {
    /// Starts a file at `path`, where nothing is yet.
    pub(in crate::sys::tree) fn new(path: &'p Path) -> Result<Self, DiskError> {
        let file = BufWriter::new(disk::create_new(path)?);
        Ok(FramedWriter { path, file, hasher: blake3::Hasher::new() })
    }

    /// Adds a record, which is not empty.
    pub(in crate::sys::tree) fn add(&mut self, record: &[u8]) -> Result<(), DiskError> {
        let length =
            u32::try_from(record.len()).ok().filter(|length| (1..=RECORD_MAX_BYTES).contains(length));
        let length = length.ok_or(io::ErrorKind::InvalidInput).at("write", self.path)?.to_le_bytes();
        for part in [&length[..], record] {
            self.hasher.update(part);
            self.file.write_all(part).at("write", self.path)?;
        }
        Ok(())
    }

    /// Writes the end. The file is durable only after a sync.
    pub(in crate::sys::tree) fn finish(mut self) -> Result<File, DiskError> {
        let end = 0_u32.to_le_bytes();
        self.hasher.update(&end);
        let hash = self.hasher.finalize();
        self.file.write_all(&end).at("write", self.path)?;
        self.file.write_all(hash.as_bytes()).at("write", self.path)?;
        self.file.into_inner().map_err(io::IntoInnerError::into_error).at("write", self.path)
    }
}

/// Reads a whole file of records.
pub(in crate::sys::tree) struct FramedReader {
    path: PathBuf,
    file: BufReader<File>,
}

impl FramedReader {
    /// Opens the file at `path`; returns `None` if it is absent or not whole.
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
        let mut framed = FramedReader { path: path.to_owned(), file };
        framed.seek(0)?;
        Ok(Some(framed))
    }

    pub(in crate::sys::tree) fn path(&self) -> &Path {
        &self.path
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
    pub(in crate::sys::tree) fn take(&mut self) -> Result<Option<Vec<u8>>, DiskError> {
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
        Ok(Some(record))
    }
}
