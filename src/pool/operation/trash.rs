//! Trash: what reset, `rm`, `branch -d` and undo dropped, one directory an operation, kept for a
//! while so that the operation can be undone.
//!
//! A directory leaves trash by one rename before it is deleted: an undo finds all of it or none.

use std::path::Path;

use crate::error::Error;
use crate::layout::{self, Layout};
use crate::model::{Move, Operation, OperationId};
use crate::pool::Pool;
use crate::pool::settings::{Setting, parse_age, parse_size};
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

/// An entry may stay longer than it need by this part of `trash.keep`, so that not each operation looks at every entry
/// once the oldest of many go one by one.
const SLACK: i64 = 100;
/// Bytes of a number in the file.
const WIDTH: usize = 20;

/// When trash is to be looked through for what has become too old. Times are in microseconds since the epoch.
///
/// It is in a file that is never synced: where that is not to be relied on, it is time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Schedule {
    /// What `trash.keep` was.
    age: i64,
    looked: i64,
    next: i64,
}

impl Schedule {
    /// After a look that left `oldest` in trash. What comes into trash later is not older than the look.
    fn after(looked: i64, age: i64, oldest: Option<i64>) -> Self {
        let next = oldest.map_or(looked, |since| since.min(looked)).saturating_add(age);
        Schedule { age, looked, next: next.max(looked.saturating_add(age / SLACK)) }
    }

    /// Whether it is time; always when the clock was set back.
    fn is_due(&self, now: i64) -> bool {
        now >= self.next || now < self.looked
    }

    fn read(layout: &Layout) -> Option<Self> {
        let text = std::fs::read_to_string(layout.trash_next()).ok()?;
        let mut numbers = text.split_ascii_whitespace().map(|word| {
            // Fewer are of a file that was not written to its end.
            word.parse().ok().filter(|_| word.len() == WIDTH)
        });
        let mut next = || numbers.next().flatten();
        Some(Schedule { age: next()?, looked: next()?, next: next()? })
    }

    fn write(&self, layout: &Layout) -> Result<(), DiskError> {
        let Schedule { age, looked, next } = self;
        let text = format!("{age:0WIDTH$} {looked:0WIDTH$} {next:0WIDTH$}\n");
        disk::write_over(&layout.trash_next(), text.as_bytes())
    }
}

/// Whether the operation put something into trash.
pub(in crate::pool) fn is_filled_by(operation: &Operation) -> bool {
    let is_kept = |step: &Move| match step {
        Move::Rename { to, .. } => to.starts_with(layout::TRASH),
        Move::Exchange { .. } => false,
        Move::ExchangeEntries { .. } => true,
    };
    operation.plan.install.iter().chain(&operation.plan.retire).any(is_kept)
}

/// Deletes what is over the limits, after an operation that put something there if it `has_grown`. Only clears up, so a
/// failure is left to the next time.
pub(in crate::pool) fn expire(pool: &Pool, has_grown: bool) {
    let schedule = Schedule::read(&pool.layout).filter(|schedule| !schedule.is_due(pool.now().micros));
    if schedule.is_some() && !has_grown {
        return;
    }
    let Ok(limits) = pool.store.read(|rows| Limits::of(&rows)) else { return };
    if schedule.is_some_and(|schedule| schedule.age == limits.age) && limits.size.is_none() {
        return;
    }
    // Before the look: what comes meanwhile is not older.
    let now = pool.now().micros;
    let Ok((goes, oldest)) = pool.over(&limits, now) else { return };
    let all_gone = goes.iter().filter(|entry| pool.delete_trash(&entry.operation).is_err()).count() == 0;
    if all_gone {
        let _ = Schedule::after(now, limits.age, oldest).write(&pool.layout);
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
        let limits = self.store.read(|rows| Limits::of(&rows))?;
        Ok(self.over(&limits, self.now().micros)?.0)
    }

    /// The entries that are over these limits, and since when the oldest of the others is there.
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

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn trash_is_looked_through_when_its_oldest_is_too_old_and_not_before() {
        let schedule = Schedule::after(10 * DAY, 7 * DAY, Some(6 * DAY));
        assert!(!schedule.is_due(10 * DAY) && !schedule.is_due(13 * DAY - 1) && schedule.is_due(13 * DAY));
        // Nothing is there; what comes now is not too old before that.
        assert_eq!(Schedule::after(10 * DAY, 7 * DAY, None).next, 17 * DAY);
        assert_eq!(Schedule::after(10 * DAY, 0, None).next, 10 * DAY);
        // A date to come is no reason to wait longer.
        assert_eq!(Schedule::after(10 * DAY, 7 * DAY, Some(90 * DAY)).next, 17 * DAY);
        // The next of many goes in a moment: not each of them is worth a look.
        let many = Schedule::after(10 * DAY, 7 * DAY, Some(3 * DAY + 1));
        assert!(!many.is_due(10 * DAY + 1) && many.is_due(10 * DAY + 7 * DAY / SLACK));
        assert!(many.is_due(9 * DAY), "the clock was set back");
    }

    #[test]
    fn a_schedule_that_cannot_be_read_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        disk::ensure_directory(&layout.private(), 0o700).unwrap();
        assert_eq!(Schedule::read(&layout), None);
        let schedule = Schedule::after(10 * DAY, i64::MAX, Some(-DAY));
        schedule.write(&layout).unwrap();
        assert_eq!(Schedule::read(&layout), Some(schedule));
        let text = std::fs::read_to_string(layout.trash_next()).unwrap();
        for length in 0..text.len() - 1 {
            std::fs::File::create(layout.trash_next()).unwrap();
            disk::write_over(&layout.trash_next(), &text.as_bytes()[..length]).unwrap();
            assert_eq!(Schedule::read(&layout), None, "{length}");
        }
    }
}
