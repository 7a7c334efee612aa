//! A checksum for each block of the database, in the file `.dvol/metadata.sums`: redb itself checks
//! pages only when it repairs.
//!
//! Numbers are little-endian. A checksum is the first 8 bytes of BLAKE3.
//!
//! ```text
//! bytes
//!     8  magic "dvolsum1"
//!     8  state: 0 clean, 1 a transaction is under way
//!     8  checksum of everything after
//!     8  for each block of 4,096 bytes: its checksum, 0 if it is not known
//! ```
//!
//! A transaction sets the state before it changes the database, and writes the file when it has
//! closed the database. The file is never synced. It is ignored if it is missing or damaged, if a
//! transaction died, or if it is older than the database (a power cut): then redb checks the whole
//! database, and the file is written again. So no state of this file can lose data.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::sys::fault;

/// Size of a block, in bytes: one page of redb.
const BLOCK_BYTES: u64 = 4096;
const MAGIC: &[u8; 8] = b"dvolsum1";
/// Length of magic, state and checksum, in bytes.
const HEADER_BYTES: usize = 8 + 8 + 8;
const CLEAN: u64 = 0;
const UNDER_WAY: u64 = 1;

/// The checksums of a database's blocks.
#[derive(Debug)]
pub(super) struct Blocks {
    path: PathBuf,
    /// The checksum of each block, 0 if it is not known.
    sums: Vec<u64>,
    /// Whether the file says that a transaction is under way.
    is_marked: bool,
    /// The blocks that may have changed.
    touched: BTreeSet<u64>,
}

fn hash(bytes: &[u8]) -> u64 {
    let (first, _) =
        blake3::hash(bytes).as_bytes().split_first_chunk().map_or(([0; 8], &[][..]), |(f, r)| (*f, r));
    u64::from_le_bytes(first).max(1)
}

impl Blocks {
    /// Reads the checksums at `path`; returns `None` if they cannot be trusted.
    pub(super) fn load(path: &Path) -> Option<Self> {
        let bytes = std::fs::read(path).ok()?;
        let (head, rest) = bytes.split_at_checked(HEADER_BYTES)?;
        let word = |at: usize| head.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        if !head.starts_with(MAGIC) || word(8)? != CLEAN || word(16)? != hash(rest) || rest.len() % 8 != 0 {
            return None;
        }
        let sums = rest.chunks_exact(8).map(|sum| u64::from_le_bytes(sum.try_into().unwrap_or_default()));
        Some(Blocks {
            path: path.to_path_buf(),
            sums: sums.collect(),
            is_marked: false,
            touched: BTreeSet::new(),
        })
    }

    /// Begins without checksums: all blocks of a database of `length` bytes are to be read.
    pub(super) fn unknown(path: &Path, length: u64) -> Self {
        let touched = (0..length.div_ceil(BLOCK_BYTES)).collect();
        Blocks { path: path.to_path_buf(), sums: Vec::new(), is_marked: false, touched }
    }

    /// Reads a block, or as much of it as the file has.
    fn block(file: &File, index: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; BLOCK_BYTES as usize];
        let mut filled = 0;
        loop {
            match file.read_at(&mut bytes[filled..], index * BLOCK_BYTES + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn is_as_known(&self, index: u64, bytes: &[u8]) -> bool {
        match usize::try_from(index).ok().and_then(|index| self.sums.get(index)) {
            None | Some(0) => true,
            Some(sum) => self.touched.contains(&index) || *sum == hash(bytes),
        }
    }

    /// Returns whether the checksums belong to this state of the database: its length and its first
    /// block agree.
    pub(super) fn are_of(&self, file: &File) -> io::Result<bool> {
        let length = file.metadata()?.len();
        Ok(length.div_ceil(BLOCK_BYTES) == self.sums.len() as u64
            && self.is_as_known(0, &Self::block(file, 0)?))
    }

    /// Returns whether the blocks that hold `length` bytes at `offset` agree with their checksums.
    pub(super) fn verify(&self, file: &File, offset: u64, length: usize) -> io::Result<bool> {
        for index in offset / BLOCK_BYTES..(offset + length as u64).div_ceil(BLOCK_BYTES) {
            if !self.is_as_known(index, &Self::block(file, index)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Notes that the bytes between `offset` and `end` are about to change.
    pub(super) fn touch(&mut self, offset: u64, end: u64) -> io::Result<()> {
        if !self.is_marked {
            fault::point("redb.sums")?;
            let file =
                OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.path)?;
            file.write_all_at(&UNDER_WAY.to_le_bytes(), 8)?;
            self.is_marked = true;
        }
        self.touched.extend(offset / BLOCK_BYTES..end.div_ceil(BLOCK_BYTES));
        Ok(())
    }

    /// Writes the checksums of the database as it is now, after the transaction has closed it. If
    /// this fails, the file still says that a transaction is under way.
    pub(super) fn write(&mut self, file: &File) -> io::Result<()> {
        if self.touched.is_empty() && !self.is_marked {
            return Ok(());
        }
        fault::point("redb.sums")?;
        self.sums
            .resize(usize::try_from(file.metadata()?.len().div_ceil(BLOCK_BYTES)).unwrap_or_default(), 0);
        for index in std::mem::take(&mut self.touched) {
            if let Some(sum) = usize::try_from(index).ok().and_then(|index| self.sums.get_mut(index)) {
                *sum = hash(&Self::block(file, index)?);
            }
        }
        let sums: Vec<u8> = self.sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&CLEAN.to_le_bytes());
        bytes.extend_from_slice(&hash(&sums).to_le_bytes());
        bytes.extend_from_slice(&sums);
        let out = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.path)?;
        out.write_all_at(&bytes, 0)?;
        out.set_len(bytes.len() as u64)?;
        self.is_marked = false;
        Ok(())
    }
}
