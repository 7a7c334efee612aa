//! Trash: what reset, `rm`, `branch -d` and undo dropped. Each operation has a directory there,
//! kept for a while so that the operation can be undone.
//!
//! A directory leaves trash by one rename before it is deleted, so an undo finds all of it or
//! nothing.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::Error;
use crate::layout;
use crate::model::{Move, Operation, OperationId, Row};
use crate::pool::Pool;
use crate::pool::settings::{Setting, parse_age, parse_size};
use crate::store::{Rows, StaleIndex, TrashSchedule};
use crate::sys::error::{At as _, DiskError};
use crate::sys::{disk, tree};

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

/// The settings that limit trash.
struct Limits {
    /// In microseconds.
    age: i64,
    /// In bytes; `None` for no limit.
    size: Option<u64>,
}

impl Limits {
    fn of(rows: &Rows<'_>) -> Result<Self, Error> {
        let value = |key| Setting::find(key)?.value(rows, None);
        let age = parse_age(&value("trash.keep")?).unwrap_or(i64::MAX);
        Ok(Limits { age, size: parse_size(&value("trash.max-size")?) })
    }
}

/// Returns whether the operation put anything into trash.
pub(in crate::pool) fn is_filled_by(operation: &Operation) -> bool {
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

/// Deletes what exceeds the limits, after an operation that put something there if trash
/// `has_grown`. This only clears up, so failures are left to the next time.
pub(in crate::pool) fn expire(pool: &Pool, has_grown: bool) {
    let schedule = TrashSchedule::read(&pool.layout).filter(|schedule| !schedule.is_due(pool.now().micros));
    if schedule.is_some() && !has_grown {
        return;
    }
    let Ok(limits) = pool.store.read(|rows| Limits::of(&rows)) else { return };
    if schedule.is_some_and(|schedule| schedule.keep == limits.age) && limits.size.is_none() {
        return;
    }
    // Taken before the look: what comes meanwhile is younger.
    let now = pool.now().micros;
    let Ok((goes, oldest)) = pool.over(&limits, now) else { return };
    let all_gone = goes.iter().filter(|entry| pool.delete_trash(&entry.operation).is_err()).count() == 0;
    if !goes.is_empty() {
        let _ = pool.forget_stale_index();
    }
    if all_gone {
        let _ = TrashSchedule::after(now, limits.age, oldest).write(&pool.layout);
    }
}

impl Pool {
    /// Lists the trash of operations that are over, oldest first. With `sizes`, measures it, which
    /// takes a walk over all of it.
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
                let since = changed(&path)?;
                Ok((since, if sizes { tree::measure_tree(&path)?.blocks } else { 0 }))
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

    /// Lists what is in trash longer than `trash.keep`, or exceeds `trash.max-size`, oldest first.
    /// Measures sizes only when `trash.max-size` is set.
    ///
    /// # Errors
    /// When trash or the settings cannot be read.
    pub fn expired_trash(&self) -> Result<Vec<TrashEntry>, Error> {
        let limits = self.store.read(|rows| Limits::of(&rows))?;
        Ok(self.over(&limits, self.now().micros)?.0)
    }

    /// Gives the entries that exceed these limits, and the age of the oldest other one.
    fn over(&self, limits: &Limits, now: i64) -> Result<(Vec<TrashEntry>, Option<i64>), Error> {
        let entries = self.trash(limits.size.is_some())?;
        let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
        let (goes, stays): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| {
            let goes = now.saturating_sub(entry.since) > limits.age
                || limits.size.is_some_and(|size| total > size && entry.bytes > 0);
            if goes {
                total -= entry.bytes;
            }
            goes
        });
        Ok((goes, stays.first().map(|entry| entry.since)))
    }

    /// Finds what the stat index says of working trees and commits that are gone. What trash holds
    /// is not gone: a reset or an undo can bring it back.
    ///
    /// # Errors
    /// When the metadata cannot be read.
    pub fn stale_index(&self) -> Result<StaleIndex, Error> {
        let trash = self.layout.trash();
        self.store.read(|rows| {
            let mut stale = rows.stale_index()?;
            if stale.commits.is_empty() {
                return Ok(stale);
            }
            let mut keep = |operation: &Operation| {
                for change in &operation.plan.changes {
                    if let Some(Row::Commit(commit)) = &change.before {
                        stale.commits.remove(&(commit.volume.to_string(), commit.id.to_string()));
                    }
                }
            };
            rows.each_operation(&mut |operation| {
                if trash.join(operation.id.as_str()).exists() {
                    keep(&operation);
                }
            })?;
            rows.journal()?.iter().for_each(keep);
            Ok::<_, Error>(stale)
        })
    }

    /// Deletes what [`Pool::stale_index`] finds.
    ///
    /// # Errors
    /// When the metadata cannot be read or written.
    pub fn forget_stale_index(&self) -> Result<(), Error> {
        let stale = self.stale_index()?;
        if stale.count() == 0 {
            return Ok(());
        }
        Ok(self.store.write(|writer| writer.forget_index(&stale))?)
    }

    /// Deletes the trash of an operation.
    ///
    /// # Errors
    /// When it cannot be moved out of trash: it stays there whole. Or when it cannot be deleted
    /// after that: the next recovery deletes what is left.
    pub fn delete_trash(&self, operation: &OperationId) -> Result<(), DiskError> {
        let leaving = self.layout.trash_leaving(operation);
        match disk::rename(&self.layout.trash().join(operation.as_str()), &leaving) {
            // Another process deletes it.
            Err(error) if error.source.kind() == ErrorKind::NotFound => {}
            other => other?,
        }
        tree::remove_tree(&leaving)
    }
}

/// Returns when something was last put into the directory, in microseconds since the epoch.
fn changed(path: &Path) -> Result<i64, DiskError> {
    let metadata = std::fs::symlink_metadata(path).at("look at", path)?;
    let time = metadata.modified().at("look at", path)?;
    let since = time.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_micros());
    Ok(i64::try_from(since).unwrap_or(i64::MAX))
}
