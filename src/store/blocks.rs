//! A checksum for each block of the database's file, in a file beside it: redb itself checks what it reads
//! only when it repairs.
//!
//! The file says first that a transaction is under way, and is written whole when that has closed the
//! database. It is never synced. Where it is missing, says that a transaction died, is damaged itself, or is
//! older than the database (a power cut), nothing is known; then redb checks the whole database, and the file
//! is written anew. So it can be wrong in no way that loses anything.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::sys::fault;

/// Bytes in a block: a page of redb's.
const BLOCK: u64 = 4096;
const MAGIC: &[u8; 8] = b"dvolsum1";
/// Magic, state, hash of all that follows.
const HEADER: usize = 8 + 8 + 8;
const CLEAN: u64 = 0;
const UNDER_WAY: u64 = 1;

/// The checksums of one database file.
#[derive(Debug)]
pub(super) struct Blocks {
    path: PathBuf,
    /// By block, 0 where it is not known.
    sums: Vec<u64>,
    is_marked: bool,
    touched: BTreeSet<u64>,
}

fn hash(bytes: &[u8]) -> u64 {
    let (first, _) =
        blake3::hash(bytes).as_bytes().split_first_chunk().map_or(([0; 8], &[][..]), |(f, r)| (*f, r));
    u64::from_le_bytes(first).max(1)
}

impl Blocks {
    /// The checksums at `path`; none when they are not to be relied on.
    pub(super) fn load(path: &Path) -> Option<Self> {
        let bytes = std::fs::read(path).ok()?;
        let (head, rest) = bytes.split_at_checked(HEADER)?;
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

    /// Nothing known yet: all blocks of `file` are to be looked at.
    pub(super) fn unknown(path: &Path, length: u64) -> Self {
        let touched = (0..length.div_ceil(BLOCK)).collect();
        Blocks { path: path.to_path_buf(), sums: Vec::new(), is_marked: false, touched }
    }

    fn block(file: &File, index: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; BLOCK as usize];
        let mut filled = 0;
        loop {
            match file.read_at(&mut bytes[filled..], index * BLOCK + filled as u64) {
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

    /// Whether the first block and the length are as known: else the checksums are of another time.
    pub(super) fn are_of(&self, file: &File) -> io::Result<bool> {
        let length = file.metadata()?.len();
        Ok(length.div_ceil(BLOCK) == self.sums.len() as u64 && self.is_as_known(0, &Self::block(file, 0)?))
    }

    /// Whether all blocks that `length` bytes from `offset` on lie in are as known.
    pub(super) fn verify(&self, file: &File, offset: u64, length: usize) -> io::Result<bool> {
        for index in offset / BLOCK..(offset + length as u64).div_ceil(BLOCK) {
            if !self.is_as_known(index, &Self::block(file, index)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Says that what is between `offset` and `end` is about to change.
    pub(super) fn touch(&mut self, offset: u64, end: u64) -> io::Result<()> {
        if !self.is_marked {
            fault::point("redb.sums")?;
            let file =
                OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.path)?;
            file.write_all_at(&UNDER_WAY.to_le_bytes(), 8)?;
            self.is_marked = true;
        }
        self.touched.extend(offset / BLOCK..end.div_ceil(BLOCK));
        Ok(())
    }

    /// Writes down what is in `file` now, after it is closed. A failure leaves the mark, so nothing is known.
    pub(super) fn write(&mut self, file: &File) -> io::Result<()> {
        if self.touched.is_empty() && !self.is_marked {
            return Ok(());
        }
        fault::point("redb.sums")?;
        self.sums.resize(usize::try_from(file.metadata()?.len().div_ceil(BLOCK)).unwrap_or_default(), 0);
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
