//! Writing the first entry of the log, record by record: there may be as many records as operations
//! were ever made, so memory never holds them all.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::change::{LoggedChange, bad_entry};
use super::entries::{FOOT_BYTES, HEAD_BYTES, Head, Kind, foot, head_over};
use crate::store::error::StoreError;
use crate::sys::disk;
use crate::sys::error::At as _;
use crate::sys::fault;

/// MessagePack's marker of an array whose length has four bytes.
const ARRAY_32: u8 = 0xdd;

/// A snapshot that is being written into a file of its own.
#[derive(Debug)]
pub(in crate::store) struct SnapshotWriter {
    file: BufWriter<File>,
    path: PathBuf,
    /// How many records the body has.
    count: u32,
    /// Length of the body, in bytes.
    length: u64,
    /// A buffer for one encoded record.
    buffer: Vec<u8>,
}

impl SnapshotWriter {
    /// Begins the file `path`, which must not exist.
    pub(in crate::store) fn begin(path: &Path) -> Result<Self, StoreError> {
        let mut snapshot = SnapshotWriter {
            file: BufWriter::new(disk::create_new(path)?),
            path: path.to_path_buf(),
            count: 0,
            length: 0,
            buffer: Vec::new(),
        };
        // [`SnapshotWriter::finish`] fills in the head and the number of records.
        snapshot.file.write_all(&[0; HEAD_BYTES]).at("write", path)?;
        snapshot.put(&[ARRAY_32, 0, 0, 0, 0])?;
        Ok(snapshot)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.length += bytes.len() as u64;
        Ok(self.file.write_all(bytes).at("write", &self.path)?)
    }

    /// Adds a record.
    pub(in crate::store) fn push(&mut self, record: &LoggedChange) -> Result<(), StoreError> {
        self.count += 1;
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        rmp_serde::encode::write(&mut bytes, record).map_err(|error| bad_entry(&error.to_string()))?;
        self.put(&bytes)?;
        self.buffer = bytes;
        Ok(())
    }

    /// Completes the entry and makes the file durable.
    pub(in crate::store) fn finish(mut self, schema: u16, generation: u64) -> Result<(), StoreError> {
        let length = u32::try_from(self.length).map_err(|_| bad_entry("it is too large"))?;
        let first = (HEAD_BYTES + FOOT_BYTES) as u64 + self.length;
        self.file.write_all(&foot(length)).at("write", &self.path)?;
        let file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error);
        let file = file.at("write", &self.path)?;
        file.write_all_at(&self.count.to_be_bytes(), HEAD_BYTES as u64 + 1).at("write", &self.path)?;
        let head = Head { kind: Kind::Snapshot, synced: true, schema, length, generation, first };
        let head = head_over(&file, 0, head).at("read", &self.path)?;
        file.write_all_at(&head, 0).at("write", &self.path)?;
        fault::point("records.sync").at("sync", &self.path)?;
        Ok(file.sync_data().at("sync", &self.path)?)
    }
}
