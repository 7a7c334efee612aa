//! The file `.dvol/trash.next`: when to look for expired trash again.
//!
//! ```text
//! bytes
//!    20  trash.keep when the file was written
//!     1  space
//!    20  time of the last look
//!     1  space
//!    20  time of the next look
//!     1  space
//!    20  bytes of disk that trash takes at most
//!     1  line feed
//! ```
//!
//! The numbers are decimal, filled up with zeros on the left. Times are microseconds since the
//! epoch, `trash.keep` is in microseconds. The file is never synced: a file that is missing or cut
//! short means that it is time to look.

use crate::layout::Layout;
use crate::sys::disk;
use crate::sys::error::DiskError;

/// An entry may stay longer than it must by this part of `trash.keep`, so that not every operation
/// looks at all entries while the oldest of many expire one by one.
const SLACK_PARTS: i64 = 100;
/// Length of a number in the file, in bytes.
const NUMBER_BYTES: usize = 20;

/// Says when to look for expired trash again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrashSchedule {
    /// `trash.keep` when trash was last looked at, in microseconds.
    pub keep: i64,
    looked: i64,
    next: i64,
    /// How much trash takes at most, in bytes of disk: what the last look found, and what
    /// operations have put there since.
    pub bytes: u64,
}

impl TrashSchedule {
    /// Schedules the look after one at `looked` that left `oldest` and so many bytes in trash.
    /// Entries that come into trash later are not older than that look.
    pub fn after(looked: i64, keep: i64, oldest: Option<i64>, bytes: u64) -> Self {
        let next = oldest.map_or(looked, |since| since.min(looked)).saturating_add(keep);
        TrashSchedule { keep, looked, next: next.max(looked.saturating_add(keep / SLACK_PARTS)), bytes }
    }

    /// Schedules the same look, with another sum of bytes.
    #[must_use]
    pub fn with_bytes(self, bytes: u64) -> Self {
        TrashSchedule { bytes, ..self }
    }

    /// Returns whether it is time to look; always if the clock was set back.
    pub fn is_due(&self, now: i64) -> bool {
        now >= self.next || now < self.looked
    }

    /// Reads the file; returns `None` if it is missing or damaged.
    pub fn read(layout: &Layout) -> Option<Self> {
        let text = std::fs::read_to_string(layout.trash_next()).ok()?;
        let mut numbers = text.split_ascii_whitespace().map(|word| {
            // A file that was not written to its end has a shorter number.
            word.parse::<i64>().ok().filter(|_| word.len() == NUMBER_BYTES)
        });
        let mut next = || numbers.next().flatten();
        let (keep, looked, due) = (next()?, next()?, next()?);
        Some(TrashSchedule { keep, looked, next: due, bytes: u64::try_from(next()?).ok()? })
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, layout: &Layout) -> Result<(), DiskError> {
        let TrashSchedule { keep, looked, next, bytes } = self;
        let text = format!(
            "{keep:0NUMBER_BYTES$} {looked:0NUMBER_BYTES$} {next:0NUMBER_BYTES$} {bytes:0NUMBER_BYTES$}\n"
        );
        disk::write_over(&layout.trash_next(), text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn trash_is_looked_at_when_its_oldest_entry_expires_and_not_before() {
        let schedule = TrashSchedule::after(10 * DAY, 7 * DAY, Some(6 * DAY), 0);
        assert!(!schedule.is_due(10 * DAY) && !schedule.is_due(13 * DAY - 1) && schedule.is_due(13 * DAY));
        // Trash is empty: an entry that comes now expires no sooner.
        assert_eq!(TrashSchedule::after(10 * DAY, 7 * DAY, None, 0).next, 17 * DAY);
        assert_eq!(TrashSchedule::after(10 * DAY, 0, None, 0).next, 10 * DAY);
        // A date in the future is no reason to wait longer.
        assert_eq!(TrashSchedule::after(10 * DAY, 7 * DAY, Some(90 * DAY), 0).next, 17 * DAY);
        // Many expire soon: not each of them is worth a look.
        let many = TrashSchedule::after(10 * DAY, 7 * DAY, Some(3 * DAY + 1), 0);
        assert!(!many.is_due(10 * DAY + 1) && many.is_due(10 * DAY + 7 * DAY / SLACK_PARTS));
        assert!(many.is_due(9 * DAY), "the clock was set back");
    }

    #[test]
    fn a_schedule_that_is_cut_short_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        disk::ensure_directory(&layout.private(), 0o700).unwrap();
        assert_eq!(TrashSchedule::read(&layout), None);
        let schedule = TrashSchedule::after(10 * DAY, i64::MAX, Some(-DAY), 0);
        schedule.write(&layout).unwrap();
        assert_eq!(TrashSchedule::read(&layout), Some(schedule));
        let text = std::fs::read_to_string(layout.trash_next()).unwrap();
        assert_eq!(text.len(), 4 * (NUMBER_BYTES + 1), "as the essay draws it");
        for length in 0..text.len() - 1 {
            std::fs::File::create(layout.trash_next()).unwrap();
            disk::write_over(&layout.trash_next(), &text.as_bytes()[..length]).unwrap();
            assert_eq!(TrashSchedule::read(&layout), None, "{length}");
        }
    }
}
