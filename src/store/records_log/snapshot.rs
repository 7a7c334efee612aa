//! The first entry of the second copy's log, written record by record: there may be as many as operations were ever
//! made, so memory never holds them all.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::entries::{FOOT, HEAD, Head, Kind, foot, head_over};
use super::log::{Change, too_large};
use crate::store::error::StoreError;
use crate::sys::disk;
use crate::sys::error::At as _;
use crate::sys::fault;

/// What an array of MessagePack with a length of four bytes begins with.
const ARRAY_32: u8 = 0xdd;

/// All records, on their way into a file of their own.
#[derive(Debug)]
pub(in crate::store) struct SnapshotWriter {
    file: BufWriter<File>,
    path: PathBuf,
    count: u32,
    /// Bytes of the body.
    length: u64,
    /// One record, encoded.
    record: Vec<u8>,
}

impl SnapshotWriter {
    /// Begins the file `path`, which is not there.
    pub(in crate::store) fn begin(path: &Path) -> Result<Self, StoreError> {
        let mut whole = SnapshotWriter {
            file: BufWriter::new(disk::create_new(path)?),
            path: path.to_path_buf(),
            count: 0,
            length: 0,
            record: Vec::new(),
        };
        // Written over when all is known that they say.
        whole.file.write_all(&[0; HEAD]).at("write", path)?;
        whole.put(&[ARRAY_32, 0, 0, 0, 0])?;
        Ok(whole)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.length += bytes.len() as u64;
        Ok(self.file.write_all(bytes).at("write", &self.path)?)
    }

    /// Adds a record.
    pub(in crate::store) fn push(&mut self, record: &Change) -> Result<(), StoreError> {
        self.count += 1;
        let mut bytes = std::mem::take(&mut self.record);
        bytes.clear();
        rmp_serde::encode::write(&mut bytes, record).map_err(|error| too_large(&error.to_string()))?;
        self.put(&bytes)?;
        self.record = bytes;
        Ok(())
    }

    /// Makes the file a log of this one entry, on the disk.
    pub(in crate::store) fn finish(mut self, schema: u16, generation: u64) -> Result<(), StoreError> {
        let length = u32::try_from(self.length).map_err(|_| too_large("it is too large"))?;
        let first = (HEAD + FOOT) as u64 + self.length;
        self.file.write_all(&foot(length)).at("write", &self.path)?;
        let file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error);
        let file = file.at("write", &self.path)?;
        file.write_all_at(&self.count.to_be_bytes(), HEAD as u64 + 1).at("write", &self.path)?;
        let head = Head { kind: Kind::SnapshotWriter, synced: true, schema, length, generation, first };
        let head = head_over(&file, 0, head).at("read", &self.path)?;
        file.write_all_at(&head, 0).at("write", &self.path)?;
        fault::point("records.sync").at("sync", &self.path)?;
        Ok(file.sync_data().at("sync", &self.path)?)
    }
}
