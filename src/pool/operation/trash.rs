//! Trash: what reset, `rm`, `branch -d` and undo dropped. Each operation has a directory there,
//! kept for a while so that the operation can be undone.
//!
//! A directory leaves trash by one rename before it is deleted, so an undo finds all of it or
//! nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use crate::error::Error;
use crate::layout;
use crate::model::{Move, Operation, OperationId, Row, VolumeName};
use crate::pool::settings::{Setting, Share, parse_age, parse_share};
use crate::pool::{Notice, Pool};
use crate::store::{Rows, StaleIndex, TrashSchedule, read_trash_size, write_trash_size};
use crate::sys::error::DiskError;
use crate::sys::locks::{LockFile, Wait};
use crate::sys::{disk, tree};

/// How long to wait for a process that deletes expired trash.
const LOCK_WAIT: Duration = Duration::from_secs(1);

/// The trash of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrashEntry {
    /// The operation.
    pub operation: OperationId,
    /// When it was put there, in microseconds since the epoch.
    pub since: i64,
    /// How much deleting it gives back, in bytes of disk.
    pub bytes: u64,
}

/// What exceeds the limits.
struct Over {
    goes: Vec<TrashEntry>,
    /// The age of the oldest entry that stays.
    oldest: Option<i64>,
    /// The size of all that stays, in bytes of disk.
    bytes: u64,
}

/// The settings that limit trash.
struct Limits {
    /// In microseconds.
    age: i64,
    /// In bytes; `None` for no limit.
    size: Option<u64>,
}

impl Limits {
    fn of(pool: &Pool, rows: &Rows<'_>) -> Result<Self, Error> {
        let value = |key| Setting::find(key)?.value(rows, None);
        let age = parse_age(&value("trash.keep")?).unwrap_or(i64::MAX);
        let size = match parse_share(&value("trash.max-size")?) {
            None => None,
            Some(Share::Bytes(bytes)) => Some(bytes),
            Some(Share::Percent(percent)) => Some(tree::total_space(pool.layout.root())? / 100 * percent),
        };
        Ok(Limits { age, size })
    }
}

/// Returns whether the operation put anything into trash.
fn is_filled_by(operation: &Operation) -> bool {
    let is_kept = |step: &Move| match step {
        Move::Rename { to, .. } => to.starts_with(layout::TRASH),
        Move::Exchange { .. } => false,
        Move::ExchangeEntries { .. } => true,
    };
    operation.plan.install.iter().chain(&operation.plan.retire).any(is_kept)
}

/// Collects the places whose trees the operation moves to trash.
pub(in crate::pool) fn places_kept_by(operation: &Operation) -> HashSet<&Path> {
    let steps = operation.plan.install.iter().chain(&operation.plan.retire);
    let kept = steps.filter_map(|step| match step {
        Move::Rename { from, to, .. } if to.starts_with(layout::TRASH) => Some(from.as_path()),
        _ => None,
    });
    kept.collect()
}

/// Returns how much deleting a directory of trash gives back, in bytes of disk, and remembers it.
fn size(directory: &Path, since: i64) -> Result<u64, DiskError> {
    if let Some(bytes) = read_trash_size(directory, since) {
        return Ok(bytes);
    }
    let bytes = tree::measure_tree(directory)?.blocks;
    // It is measured again where it cannot be remembered, such as on a full disk.
    let _ = write_trash_size(directory, since, bytes);
    Ok(bytes)
}

/// Measures a directory of trash again, and remembers that. Its age stays.
pub(in crate::pool) fn measure_again(directory: &Path) -> Result<(), DiskError> {
    let since = disk::modified(directory)?;
    write_trash_size(directory, since, tree::measure_tree(directory)?.blocks)
}

/// Deletes what exceeds the limits, after these operations. This only clears up, so failures are
/// left to the next time.
pub(in crate::pool) fn expire<'o>(pool: &Pool, over: impl Iterator<Item = &'o Operation>) {
    let filled: Vec<&Operation> = over.filter(|operation| is_filled_by(operation)).collect();
    let schedule = TrashSchedule::read(&pool.layout).filter(|schedule| !schedule.is_due(pool.now().micros));
    if schedule.is_some() && filled.is_empty() {
        return;
    }
    let Ok(limits) = pool.store.read(|rows| Limits::of(pool, &rows)) else { return };
    // Two processes at once must not both count from the same sum.
    let wait = Wait { what: "trash", verb: "expire", limit: LOCK_WAIT, notice: &|_| {}, cancel: None };
    let Ok(_guard) = LockFile::new(pool.layout.trash_lock()).exclusive(&wait) else { return };
    if let Some(schedule) = TrashSchedule::read(&pool.layout)
        && !schedule.is_due(pool.now().micros)
        && schedule.keep == limits.age
    {
        let put = |operation: &&Operation| {
            let directory = pool.layout.full(&layout::trash_of(&operation.id));
            disk::modified(&directory).and_then(|since| size(&directory, since)).unwrap_or_default()
        };
        let bytes = filled.iter().map(put).fold(schedule.bytes, u64::saturating_add);
        if limits.size.is_none_or(|size| bytes <= size) {
            let _ = schedule.with_bytes(bytes).write(&pool.layout);
            return;
        }
    }
    // Taken before the look: what comes meanwhile is younger.
    let now = pool.now().micros;
    let Ok(Over { goes, oldest, bytes }) = pool.over(&limits, now) else { return };
    if !goes.is_empty() {
        let _ = pool.forget_stale_index(&goes);
    }
    let all_gone = goes.iter().filter(|entry| pool.delete_trash(&entry.operation).is_err()).count() == 0;
    if all_gone {
        let _ = TrashSchedule::after(now, limits.age, oldest, bytes).write(&pool.layout);
    }
}

impl Pool {
    /// Lists the trash of operations that are over, oldest first. With `sizes`, measures what was
    /// not measured before.
    ///
    /// # Errors
    /// When trash cannot be read.
    pub fn trash(&self, sizes: bool) -> Result<Vec<TrashEntry>, Error> {
        let trash = self.layout.trash();
        let mut entries = Vec::new();
        let names = disk::names_in(&trash)?;
        if names.is_empty() {
            return Ok(entries);
        }
        // The journal is read after the names: an operation that is not in it by then is over.
        let journal = self.store.read(|rows| rows.journal())?;
        let under_way = |operation: &OperationId| journal.iter().any(|one| one.id == *operation);
        for name in names {
            let Some(operation) = name.to_str().and_then(|name| name.parse::<OperationId>().ok()) else {
                continue;
            };
            if under_way(&operation) {
                continue;
            }
            let path = trash.join(&name);
            let look = || -> Result<(i64, u64), DiskError> {
                let since = disk::modified(&path)?;
                Ok((since, if sizes { size(&path, since)? } else { 0 }))
            };
            match look() {
                Ok((since, bytes)) => entries.push(TrashEntry { operation, since, bytes }),
                // Another process deletes it, or undoes the operation.
                Err(error) if error.source.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        entries.sort_by_key(|entry| entry.since);
        Ok(entries)
    }

    /// Measures the trash of each operation that is over, in bytes of disk.
    ///
    /// # Errors
    /// As [`Pool::trash`].
    pub fn trash_sizes(&self) -> Result<HashMap<OperationId, u64>, Error> {
        Ok(self.trash(true)?.into_iter().map(|entry| (entry.operation, entry.bytes)).collect())
    }

    /// Sums up trash by the volume of the operations, those on worktrees included: how many they
    /// are, and their bytes of disk.
    ///
    /// # Errors
    /// When trash or the metadata cannot be read.
    pub fn trash_by_volume(&self) -> Result<BTreeMap<VolumeName, (usize, u64)>, Error> {
        let sizes = self.trash_sizes()?;
        let mut found: BTreeMap<VolumeName, (usize, u64)> = BTreeMap::new();
        if sizes.is_empty() {
            return Ok(found);
        }
        let mut add = |id: &OperationId, owner: &VolumeName| {
            if let Some(bytes) = sizes.get(id) {
                let (count, sum) = found.entry(owner.clone()).or_default();
                *count += 1;
                *sum += bytes;
            }
        };
        self.store.read(|rows| {
            for operation in rows.journal()? {
                add(&operation.id, operation.owner());
            }
            rows.each_done_operation(&mut |operation| add(&operation.id, operation.owner()))
        })?;
        Ok(found)
    }

    /// Lists what is in trash longer than `trash.keep`, or exceeds `trash.max-size`, oldest first.
    /// The size alone never costs the trash of the last operation.
    ///
    /// # Errors
    /// When trash or the settings cannot be read.
    pub fn expired_trash(&self) -> Result<Vec<TrashEntry>, Error> {
        let limits = self.store.read(|rows| Limits::of(self, &rows))?;
        Ok(self.over(&limits, self.now().micros)?.goes)
    }

    /// Finds what exceeds these limits.
    fn over(&self, limits: &Limits, now: i64) -> Result<Over, Error> {
        let entries = self.trash(limits.size.is_some())?;
        let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
        let last = entries.last().map(|entry| entry.operation.clone());
        let (goes, stays): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| {
            let is_too_much = limits.size.is_some_and(|size| total > size && entry.bytes > 0);
            let goes = now.saturating_sub(entry.since) > limits.age
                || is_too_much && Some(&entry.operation) != last.as_ref();
            if goes {
                total -= entry.bytes;
            }
            goes
        });
        Ok(Over { goes, oldest: stays.first().map(|entry| entry.since), bytes: total })
    }

    /// Finds what the stat index says of working trees and commits that are gone. What trash holds
    /// is not gone: a reset or an undo can bring it back.
    ///
    /// # Errors
    /// When the metadata cannot be read.
    pub fn stale_index(&self) -> Result<StaleIndex, Error> {
        self.stale_without(&[])
    }

    /// Finds the same, as if the trash `going` were gone.
    fn stale_without(&self, going: &[TrashEntry]) -> Result<StaleIndex, Error> {
        let trash = self.layout.trash();
        let going: HashSet<&OperationId> = going.iter().map(|entry| &entry.operation).collect();
        // An undo may take out what the transaction knows to be there.
        let before: HashSet<OsString> = disk::names_in(&trash)?.into_iter().collect();
        self.store.read(|rows| {
            let mut stale = rows.stale_index()?;
            if stale.commits.is_empty() {
                return Ok(stale);
            }
            let mut keep = |operation: &Operation| {
                for row in operation.plan.rows() {
                    if let Row::Commit(commit) = row {
                        stale.commits.remove(&(commit.volume.to_string(), commit.id.to_string()));
                    }
                }
            };
            // Of the journal, and of the log what trash holds.
            rows.journal()?.iter().for_each(&mut keep);
            rows.each_operation(&mut |operation| {
                let name = operation.id.as_str();
                let is_there = || before.contains(OsStr::new(name)) || trash.join(name).exists();
                if !going.contains(&operation.id) && is_there() {
                    keep(&operation);
                }
            })?;
            Ok::<_, Error>(stale)
        })
    }

    /// Deletes what [`Pool::stale_index`] finds, and what it would find without the trash `going`.
    /// Called before that is deleted, so that no row outlives its commit.
    ///
    /// # Errors
    /// When the metadata cannot be read or written.
    pub fn forget_stale_index(&self, going: &[TrashEntry]) -> Result<(), Error> {
        let stale = self.stale_without(going)?;
        if stale.count() == 0 {
            return Ok(());
        }
        Ok(self.store.write(|writer| writer.forget_index(&stale))?)
    }

    /// Deletes the oldest trash until so many bytes are free. Leaves what the last operation put
    /// there, and what holds one of the trees
    /// `spared`.
    ///
    /// # Errors
    /// [`Error::NoSpace`] when that does not suffice; then nothing is deleted.
    pub(in crate::pool) fn make_room(&self, needed: u64, spared: &[&Path]) -> Result<(), Error> {
        let free = tree::free_space(self.layout.root())?;
        let trash = self.layout.trash();
        let mut entries = self.trash(true)?;
        entries.pop();
        entries.retain(|entry| {
            let directory = trash.join(entry.operation.as_str());
            entry.bytes > 0 && !spared.iter().any(|tree| tree.starts_with(&directory))
        });
        let mut bytes = 0_u64;
        let enough = entries.iter().position(|entry| {
            bytes = bytes.saturating_add(entry.bytes);
            free.saturating_add(bytes) >= needed
        });
        let Some(last) = enough else { return Err(Error::NoSpace { needed, free }) };
        entries.truncate(last + 1);
        let _ = self.forget_stale_index(&entries);
        for entry in &entries {
            self.delete_trash(&entry.operation)?;
        }
        self.tell(&Notice::MadeRoom { operations: entries.len(), bytes });
        let free = tree::free_space(self.layout.root())?;
        if needed > free { Err(Error::NoSpace { needed, free }) } else { Ok(()) }
    }

    /// Deletes the trash of an operation. What the kernel keeps stays in staging; each recovery
    /// tries to delete that, and reports it.
    ///
    /// # Errors
    /// When it cannot be moved out of trash: it stays there whole. Or when the disk fails after
    /// that: the next recovery deletes what is left.
    pub fn delete_trash(&self, operation: &OperationId) -> Result<(), DiskError> {
        let leaving = self.layout.trash_leaving(operation);
        match disk::rename(&self.layout.trash().join(operation.as_str()), &leaving) {
            // Another process deletes it.
            Err(error) if error.source.kind() == ErrorKind::NotFound => {}
            other => other?,
        }
        tree::remove_what_goes(&leaving).map(drop)
    }
}
