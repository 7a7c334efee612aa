//! Reads pieces of packs. What the index of a repository says of a piece is believed only as far as
//! the piece is so: not larger than a limit, and with its checksum.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rustic_core::{BlobId, FileType, PackedId, ReadBackend as _};
use sha2::{Digest as _, Sha256};

use super::cache::hex;
use super::panics::caught;
use super::repository::{Indexed, Repository};
use super::seal::{OVERHEAD, decrypt, unpack};
use crate::remotes::error::RemoteError;

/// How many bytes of pieces are kept twice over, since pieces repeat: pages of zeros, for one.
const KEPT: usize = 8 << 20;
/// Larger pieces are not kept.
const MAX_KEPT: usize = 1 << 20;

/// Why a piece was not read.
#[derive(Debug)]
pub(in crate::remotes) enum Problem {
    /// The place cannot be read.
    Place(RemoteError),
    /// The piece is not what it should be; the words say how.
    Piece(String),
}

/// The pieces of a repository.
pub(in crate::remotes) struct Blobs {
    index: Indexed,
    kept: Mutex<Kept>,
}

/// The pieces that were read last, in two halves: the older one goes when the newer one is full.
#[derive(Default)]
struct Kept {
    newer: HashMap<BlobId, Bytes>,
    older: HashMap<BlobId, Bytes>,
    /// Bytes in the newer half.
    bytes: usize,
}

impl Kept {
    fn get(&mut self, id: &BlobId) -> Option<Bytes> {
        if let Some(bytes) = self.newer.get(id) {
            return Some(bytes.clone());
        }
        let bytes = self.older.remove(id)?;
        self.put(*id, bytes.clone());
        Some(bytes)
    }

    fn put(&mut self, id: BlobId, bytes: Bytes) {
        if bytes.len() > MAX_KEPT {
            return;
        }
        if self.bytes + bytes.len() > KEPT {
            self.older = std::mem::take(&mut self.newer);
            self.bytes = 0;
        }
        self.bytes += bytes.len();
        self.newer.insert(id, bytes);
    }
}

impl Blobs {
    pub(in crate::remotes) fn new(index: Indexed) -> Self {
        Blobs { index, kept: Mutex::default() }
    }

    /// Returns where a piece lies: its pack, its offset, its length there, and its length unpacked
    /// if it is packed.
    fn find<I: PackedId>(&self, id: &I) -> Result<(rustic_core::Id, u32, u32, Option<u32>), String> {
        let blob: BlobId = (*id).into();
        let missing = || format!("piece {} is missing", blob.to_hex().as_str());
        let entry =
            caught(|| self.index.get_index_entry(id)).ok().and_then(Result::ok).ok_or_else(missing)?;
        let at = entry.location;
        Ok((*entry.pack, at.offset, at.length, at.uncompressed_length.map(Into::into)))
    }

    /// Returns the length of a piece, as the index says: at most `most`.
    pub(in crate::remotes) fn length<I: PackedId>(&self, id: &I, most: u64) -> Result<u32, String> {
        let (.., length, unpacked) = self.find_small(id, most)?;
        Ok(unpacked.unwrap_or_else(|| length.saturating_sub(OVERHEAD as u32)))
    }

    /// Returns where a piece lies as [`Packs::plan`](super::packs::Packs::plan) takes it: its pack,
    /// its offset and its length there.
    pub(in crate::remotes) fn to_fetch<I: PackedId>(&self, id: &I) -> Option<(rustic_core::Id, u32, u32)> {
        let (pack, offset, length, _) = self.find(id).ok()?;
        Some((pack, offset, length))
    }

    /// Finds a piece that has at most `most` bytes.
    fn find_small<I: PackedId>(
        &self,
        id: &I,
        most: u64,
    ) -> Result<(rustic_core::Id, u32, u32, Option<u32>), String> {
        let found = self.find(id)?;
        let (.., length, unpacked) = found;
        // What does not get smaller by packing gets a little larger.
        let in_pack = u64::from(length) - u64::from(length) / 16;
        if unpacked.is_some_and(|unpacked| u64::from(unpacked) > most) || in_pack > most + OVERHEAD as u64 {
            let name = (*id).into().to_hex();
            return Err(format!("piece {} is larger than any that dvol or restic writes", name.as_str()));
        }
        Ok(found)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a piece of at most `most` bytes.
    pub(in crate::remotes) fn read<I: PackedId>(
        &self,
        repository: &Repository,
        id: &I,
        most: u64,
    ) -> Result<Bytes, Problem> {
        let blob: BlobId = (*id).into();
        let hex_id = blob.to_hex();
        let name = hex_id.as_str();
        if let Some(bytes) = self.kept().get(&blob) {
            return Ok(bytes);
        }
        let damaged = || Problem::Piece(format!("piece {name} is damaged"));
        let (pack, offset, length, unpacked) = self.find_small(id, most).map_err(Problem::Piece)?;
        let sealed = repository
            .backend
            .read_partial(FileType::Pack, &pack, false, offset, length)
            .map_err(|error| Problem::Place(repository.failed("read", &error)))?;
        let mut bytes = decrypt(&repository.key, &sealed).ok_or_else(damaged)?;
        if let Some(unpacked) = unpacked {
            bytes = unpack(&bytes, unpacked.into()).map_err(|_| damaged())?;
        }
        if hex(&Sha256::digest(&bytes)) != name {
            return Err(damaged());
        }
        let bytes = Bytes::from(bytes);
        self.kept().put(blob, bytes.clone());
        Ok(bytes)
    }
}
