//! Tries a place out: whether a file that was written is listed, and what time it is there.

use std::io;

use super::error::RemoteError;
use super::format::cache::hex;
use super::format::lock::{Holder, uuid_bytes};
use super::format::repository::{LARGE_CHUNK, Repository, piece_for};
use super::places::storage::ANNOUNCEMENTS;

/// The bytes of memory that a push takes for each piece of the volume, more or less, as measured in
/// tools/bench/README.md.
const MEMORY_A_PIECE: u64 = 250;

/// The memory that a push may take before that is said: 1 GiB.
const MUCH: u64 = 1 << 30;

/// What a push takes that takes much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushMemory {
    /// Bytes of memory, more or less.
    pub bytes: u64,
    /// Whether a repository that is made for so large a volume takes less.
    pub can_be_less: bool,
}

impl PushMemory {
    /// Returns what a push of a volume of so many bytes takes that makes the repository, if that is
    /// worth a word.
    pub fn of_new_repository(volume_bytes: u64) -> Option<Self> {
        much(volume_bytes, piece_for(volume_bytes))
    }

    /// Says what makes it less, if anything does.
    pub fn cure(&self) -> Option<&'static str> {
        let words =
            "push volumes of over 50 GB to a repository that one of them makes: its pieces are larger";
        self.can_be_less.then_some(words)
    }
}

/// What a place does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Whether this machine may write there.
    pub is_writable: bool,
    /// Whether a list has what was just written.
    pub is_listed: bool,
    /// Its time, or this machine's if its own is not known: milliseconds since 1970.
    pub now: i64,
    /// How many milliseconds its clock is before this machine's; 0 if that is not known.
    pub ahead: i64,
}

impl Repository {
    /// Writes an announcement of no ref, lists it and deletes it.
    ///
    /// # Errors
    /// When the place cannot be used.
    pub fn probe(&self, holder: &Holder) -> Result<Probe, RemoteError> {
        let now = holder.now().micros / 1000;
        let name = format!("{}-{}", hex(&uuid_bytes()), hex(&uuid_bytes()));
        let key = format!("{ANNOUNCEMENTS}/{name}");
        match self.storage.put(&key, &[]) {
            Err(RemoteError::Storage { source, .. })
                if matches!(
                    source.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                return Ok(Probe { is_writable: false, is_listed: true, now, ahead: 0 });
            }
            put => put?,
        }
        let listed = self.storage.list(ANNOUNCEMENTS);
        let deleted = self.storage.delete(&key);
        let mine = listed?.into_iter().find(|other| other.name == name);
        deleted?;
        let ahead = mine.as_ref().map_or(0, |mine| mine.modified - now);
        Ok(Probe { is_writable: true, is_listed: mine.is_some(), now: now + ahead, ahead })
    }

    /// Returns what a push of a volume of so many bytes takes here, if that is worth a word.
    pub fn much_to_push(&self, volume_bytes: u64) -> Option<PushMemory> {
        much(volume_bytes, self.open.config().chunk_size() as u64)
    }
}

/// Judges a volume of so many bytes that is cut into pieces of this size.
fn much(volume_bytes: u64, piece: u64) -> Option<PushMemory> {
    let bytes = (volume_bytes / piece.max(1)).saturating_mul(MEMORY_A_PIECE);
    (bytes > MUCH).then_some(PushMemory { bytes, can_be_less: piece < LARGE_CHUNK })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1 << 30;

    #[test]
    fn a_push_that_takes_over_a_gigabyte_is_worth_a_word() {
        let small = 32 << 10;
        for (volume_bytes, piece) in [(0, small), (1, 0), (131 * GB, small), (524 * GB, LARGE_CHUNK)] {
            assert_eq!(much(volume_bytes, piece), None, "{volume_bytes} in pieces of {piece}");
        }
        let of = |bytes, can_be_less| Some(PushMemory { bytes, can_be_less });
        assert_eq!(much(160 * GB, small), of(1250 << 20, true));
        assert_eq!(much(640 * GB, LARGE_CHUNK), of(1250 << 20, false));
        assert_eq!(much(u64::MAX, 1), of(u64::MAX, true));
        let can_be_cured = |piece| much(640 * GB, piece).unwrap().cure().is_some();
        assert!(can_be_cured(small) && !can_be_cured(LARGE_CHUNK));
    }
}
