//! Packs that are read piece by piece. A request takes long however little it asks for, so a
//! reader says beforehand which pieces it needs ([`Packs::plan`]): each pack then takes one
//! request, or two where much lies between them. A pack that no plan names is fetched whole when it
//! is asked for twice. What was fetched lies on this machine while there is room.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustic_core::Id;

use crate::remotes::error::RemoteError;
use crate::remotes::places::storage::Storage;

/// How many bytes of packs lie here at once. Trees are read in the order in which they were sent,
/// so few are needed.
const LIMIT: u64 = 256 << 20;
/// Bytes between two pieces that are worth a request of their own.
const GAP: u64 = 512 << 10;
/// The most bytes of one request: more than a pack of dvol has. It lies in memory for a moment.
const LONGEST: u64 = 32 << 20;

/// The parts of packs that were fetched, in unnamed files.
#[derive(Debug, Default)]
pub(super) struct Packs {
    /// Where the files lie.
    directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The packs of which one piece was read that no plan names.
    seen: BTreeSet<Id>,
    /// The parts that are to be fetched when one of their pieces is read.
    planned: BTreeMap<Id, Vec<Range<u64>>>,
    /// What was fetched, the oldest first.
    parts: VecDeque<Part>,
}

/// A part of a pack that lies here.
#[derive(Debug)]
struct Part {
    pack: Id,
    range: Range<u64>,
    file: File,
}

impl Part {
    fn size(&self) -> u64 {
        self.range.end - self.range.start
    }
}

fn has(range: &Range<u64>, piece: &Range<u64>) -> bool {
    range.start <= piece.start && piece.end <= range.end
}

impl Packs {
    /// Keeps packs in `directory`; where that does not exist, in the system's directory for
    /// temporary files.
    pub(super) fn new(directory: PathBuf) -> Self {
        Packs { directory, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the plan by one for these pieces: each pack, with the offset and the length of the
    /// piece in it.
    pub(super) fn plan(&self, pieces: impl IntoIterator<Item = (Id, u32, u32)>) {
        let mut packs = BTreeMap::<Id, Vec<Range<u64>>>::new();
        for (pack, offset, length) in pieces {
            let start = u64::from(offset);
            packs.entry(pack).or_default().push(start..start + u64::from(length));
        }
        packs.values_mut().for_each(merge);
        let mut state = self.state();
        // What lies here may serve the next plan, too.
        state.planned = packs;
    }

    /// Reads a piece of a pack.
    ///
    /// # Errors
    /// When the place cannot be read.
    pub(super) fn read(
        &self,
        storage: &Storage,
        (id, key): (&Id, &str),
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, RemoteError> {
        let piece = offset..offset + length as u64;
        let mut state = self.state();
        if let Some(bytes) = state.read(id, &piece) {
            return Ok(bytes);
        }
        // No other reader asks for the same part meanwhile.
        if let Some(range) = state.take_planned(id, &piece) {
            match storage.get_range(key, range.start, (range.end - range.start) as usize) {
                Ok(bytes) => {
                    let found = bytes[(offset - range.start) as usize..][..length].to_vec();
                    state.keep(*id, range, &bytes, &self.directory);
                    return Ok(found);
                }
                // A pack that is too short may still have this piece.
                Err(RemoteError::Storage { source, .. }) if source.kind() == io::ErrorKind::UnexpectedEof => {
                }
                Err(error) => return Err(error),
            }
        }
        if !state.seen.insert(*id)
            && let Some(pack) = storage.get(key)?
        {
            let found = usize::try_from(offset).ok().and_then(|offset| pack.get(offset..)?.get(..length));
            let found = found.map(<[u8]>::to_vec);
            state.keep(*id, 0..pack.len() as u64, &pack, &self.directory);
            if let Some(found) = found {
                return Ok(found);
            }
        }
        drop(state);
        // It says best what is wrong.
        storage.get_range(key, offset, length)
    }
}

impl State {
    /// Reads a piece that lies here.
    fn read(&self, pack: &Id, piece: &Range<u64>) -> Option<Vec<u8>> {
        let part = self.parts.iter().find(|part| part.pack == *pack && has(&part.range, piece))?;
        let mut bytes = vec![0; (piece.end - piece.start) as usize];
        part.file.read_exact_at(&mut bytes, piece.start - part.range.start).ok()?;
        Some(bytes)
    }

    /// Takes the part with a piece out of the plan.
    fn take_planned(&mut self, pack: &Id, piece: &Range<u64>) -> Option<Range<u64>> {
        let ranges = self.planned.get_mut(pack)?;
        let at = ranges.iter().position(|range| has(range, piece))?;
        Some(ranges.remove(at))
    }

    /// Keeps a part of a pack, if there is room for it.
    fn keep(&mut self, pack: Id, range: Range<u64>, bytes: &[u8], directory: &std::path::Path) {
        self.parts.retain(|part| part.pack != pack || !has(&range, &part.range));
        let size = range.end - range.start;
        while self.parts.iter().map(Part::size).sum::<u64>() + size > LIMIT {
            let Some(oldest) = self.parts.pop_front() else { return };
            self.seen.remove(&oldest.pack);
        }
        let file = tempfile::tempfile_in(directory).or_else(|_| tempfile::tempfile());
        if let Ok(mut file) = file
            && file.write_all(bytes).is_ok()
        {
            self.parts.push_back(Part { pack, range, file });
        }
    }
}

/// Joins the pieces of a pack into the parts to fetch: one, or two where the widest gap is worth a
/// request. Only a pack that no dvol wrote is so large that it takes more.
fn merge(pieces: &mut Vec<Range<u64>>) {
    pieces.sort_unstable_by_key(|piece| (piece.start, piece.end));
    let mut end = 0;
    let mut widest = None;
    for (at, piece) in pieces.iter().enumerate() {
        let gap = piece.start.saturating_sub(end);
        if at > 0 && gap >= GAP && widest.is_none_or(|(most, _)| gap > most) {
            widest = Some((gap, at));
        }
        end = end.max(piece.end);
    }
    let mut parts = Vec::<Range<u64>>::new();
    for (at, piece) in pieces.iter().enumerate() {
        let is_apart = widest.is_some_and(|(_, first)| first == at);
        match parts.last_mut() {
            Some(part) if !is_apart && piece.end.max(part.end) - part.start <= LONGEST => {
                part.end = part.end.max(piece.end);
            }
            _ => parts.push(piece.clone()),
        }
    }
    *pieces = parts;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::remotes::CloudAccess;

    const KEY: &str = "data/aa/pack";

    fn with_pack(pack: &[u8]) -> (tempfile::TempDir, Storage, Packs) {
        let dir = tempfile::tempdir().unwrap();
        let url = dir.path().join("place").to_str().unwrap().parse().unwrap();
        let storage = Storage::new(&url, &CloudAccess::default()).unwrap();
        storage.put(KEY, pack).unwrap();
        let packs = Packs::new(dir.path().join("nowhere"));
        (dir, storage, packs)
    }

    fn requests(storage: &Storage) -> usize {
        storage.counts.requests.load(Ordering::Relaxed) as usize
    }

    #[test]
    fn a_pack_takes_two_requests_however_many_of_its_pieces_are_read() {
        let pack: Vec<u8> = (0..=255).collect();
        let (_dir, storage, packs) = with_pack(&pack);
        let (id, before) = (Id::default(), requests(&storage));
        for at in 0..200_u8 {
            let piece = packs.read(&storage, (&id, KEY), at.into(), 7).unwrap();
            assert_eq!(piece, (at..at + 7).collect::<Vec<u8>>());
        }
        assert_eq!(requests(&storage) - before, 2);
        assert!(packs.read(&storage, (&id, KEY), 250, 7).is_err(), "more than there is");
    }

    #[test]
    fn a_plan_takes_of_a_pack_what_its_pieces_span_and_no_wide_gap() {
        let pack: Vec<u8> = (0..4 << 20_u32).map(|at| (at % 251) as u8).collect();
        let (_dir, storage, packs) = with_pack(&pack);
        let id = Id::default();
        let received = || storage.counts.received.load(Ordering::Relaxed);
        for (offsets, calls, bytes) in [
            (&[0, 1000, 5000][..], 1, 5100),
            (&[5000, 0, 4_000_000], 2, 5200),
            (&[0, 1_000_000, 4_000_000], 2, 1_000_200),
            (&[7, 7, 7], 1, 100),
        ] {
            let packs = Packs::new(PathBuf::new());
            packs.plan(offsets.iter().map(|offset| (id, *offset, 100)));
            let (requests_before, received_before) = (requests(&storage), received());
            for _ in 0..2 {
                for offset in offsets {
                    let at = *offset as usize;
                    let piece = packs.read(&storage, (&id, KEY), at as u64, 100).unwrap();
                    assert_eq!(piece, &pack[at..at + 100]);
                }
            }
            assert_eq!(requests(&storage) - requests_before, calls, "{offsets:?}");
            assert_eq!(received() - received_before, bytes, "{offsets:?}");
        }
        // An index that says more than there is spoils no piece that is there.
        packs.plan([(id, 0, 100), (id, 4 << 20, 100)]);
        assert_eq!(packs.read(&storage, (&id, KEY), 0, 100).unwrap(), &pack[..100]);
        assert!(packs.read(&storage, (&id, KEY), 4 << 20, 100).is_err());
    }

    #[test]
    fn no_part_is_longer_than_what_memory_is_for() {
        let piece = |at: u64| at << 20..(at + 1) << 20;
        let mut pieces: Vec<_> = (0..1000).map(piece).collect();
        merge(&mut pieces);
        assert!(pieces.iter().all(|part| part.end - part.start <= LONGEST), "{pieces:?}");
        assert_eq!(pieces.len(), 32);
        let mut lies = vec![0..10, 4 << 30..(4 << 30) + 10, 2 << 30..(2 << 30) + 10];
        merge(&mut lies);
        assert_eq!(lies.len(), 3);
    }
}
