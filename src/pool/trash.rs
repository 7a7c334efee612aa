//! Trash: what reset, `rm`, `branch -d` and undo dropped, one directory an operation, kept for a
//! while so that the operation can be undone.
//!
//! A directory leaves trash by one rename before it is deleted: an undo finds all of it or none.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::settings::{Setting, parse_age, parse_size};
use super::{Error, Pool};
use crate::model::OperationId;
use crate::store::Rows;
use crate::sys::error::{At as _, DiskError};
use crate::sys::{disk, tree};

/// What one operation left in trash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrashEntry {
    /// The operation.
    pub operation: OperationId,
    /// When it was put there, in microseconds since the epoch.
    pub since: i64,
    /// What deleting it gives back, in bytes of disk.
    pub bytes: u64,
}

/// What may be kept.
struct Limits {
    /// Microseconds.
    age: i64,
    /// Bytes; none for no limit.
    size: Option<u64>,
}

impl Limits {
    fn of(rows: &Rows<'_>) -> Result<Self, Error> {
        let value = |key| Setting::find(key)?.value(rows, None);
        let age = parse_age(&value("trash.keep")?).unwrap_or(i64::MAX);
        Ok(Limits { age, size: parse_size(&value("trash.max-size")?) })
    }
}

/// A process that does much looks no more often for what has become too old: each look is at every entry.
const REST: Duration = Duration::from_secs(60);

/// When this process last looked.
#[derive(Debug, Default)]
pub(super) struct LastLook(Mutex<Option<Instant>>);

impl LastLook {
    /// Whether it is long ago; from now on it is not.
    fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= REST);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}

/// Deletes what is over the limits, after an operation that put something there if it `has_grown`. Only clears up, so a
/// failure is left to the next time.
pub(super) fn expire(pool: &Pool, has_grown: bool) {
    let is_limited = || pool.store.read(|rows| Limits::of(&rows)).is_ok_and(|limits| limits.size.is_some());
    if pool.trash_look.is_due() || has_grown && is_limited() {
        for entry in pool.expired_trash().into_iter().flatten() {
            let _ = pool.delete_trash(&entry.operation);
        }
    }
}

impl Pool {
    /// All that is in trash of operations that are over, oldest first; with its sizes where they are asked for, which takes a
    /// walk over all of it.
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
        // Read behind the names: what is not in it by then is no operation's that is still under way.
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
            let since = changed(&path)?;
            let bytes = if sizes { tree::measure_tree(&path)?.blocks } else { 0 };
            entries.push(TrashEntry { operation, since, bytes });
        }
        entries.sort_by_key(|entry| entry.since);
        Ok(entries)
    }

    /// What is in trash longer than `trash.keep`, or over `trash.max-size` with the oldest counted
    /// out first. Sizes are told only when `trash.max-size` is set.
    ///
    /// # Errors
    /// When trash or the settings cannot be read.
    pub fn expired_trash(&self) -> Result<Vec<TrashEntry>, Error> {
        if disk::names_in(&self.layout.trash())?.is_empty() {
            return Ok(Vec::new());
        }
        let limits = self.store.read(|rows| Limits::of(&rows))?;
        let mut entries = self.trash(limits.size.is_some())?;
        let now = self.now().micros;
        let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
        entries.retain(|entry| {
            let goes = now.saturating_sub(entry.since) > limits.age
                || limits.size.is_some_and(|size| total > size && entry.bytes > 0);
            if goes {
                total -= entry.bytes;
            }
            goes
        });
        Ok(entries)
    }

    /// Deletes what an operation left there for good.
    ///
    /// # Errors
    /// When it cannot be moved out of trash: it stays there, whole. Or when it cannot be removed after that: what is
    /// left of it goes with the next recovery.
    pub fn delete_trash(&self, operation: &OperationId) -> Result<(), DiskError> {
        let leaving = self.layout.staging().join(format!("{operation}.deleted"));
        match disk::rename(&self.layout.trash().join(operation.as_str()), &leaving) {
            // Somebody else deletes it.
            Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => {}
            other => other?,
        }
        tree::remove_tree(&leaving)
    }
}

/// When something was last put into the directory, in microseconds since the epoch.
fn changed(path: &Path) -> Result<i64, Error> {
    let metadata = std::fs::symlink_metadata(path).at("look at", path)?;
    let time = metadata.modified().at("look at", path)?;
    let since = time.duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_micros());
    Ok(i64::try_from(since).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_looks_once_and_not_again_at_once() {
        let look = LastLook::default();
        assert_eq!([look.is_due(), look.is_due()], [true, false]);
        *look.0.lock().unwrap() = Instant::now().checked_sub(REST);
        assert!(look.is_due());
    }
}
