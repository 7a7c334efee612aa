//! Times of files, and from when on a time proves that nothing has changed since.
//!
//! A write within one tick of the clock leaves no mark on a time, nor does one within the unit in
//! which the file system keeps times. Some keep whole seconds (ext2, ext3, ext4 with 128-byte
//! inodes), even for single inodes of a file system with finer times. So each time tells its own
//! unit: by its trailing zeros.

use std::cmp::Ordering;
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::Timespec;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Nanoseconds by which the clock that stamps files may differ for a moment from the one that we
/// read.
const CLOCK_MARGIN_NANOS: u32 = 1_000_000;
/// Time to sleep between looks at that clock.
const CLOCK_POLL: Duration = Duration::from_millis(1);
/// The coarsest unit in which file systems keep times.
const COARSEST: Duration = Duration::from_secs(2);

/// A file's time as the kernel keeps it: seconds since the epoch and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileTime(pub i64, pub u32);

impl FileTime {
    /// Returns the time that a file changed now would get, or a slightly earlier one.
    pub fn now() -> Self {
        FileTime::from(clock_gettime(ClockId::RealtimeCoarse))
    }

    /// Returns the time of the fine clock, which runs ahead of the coarse one: recent kernels stamp
    /// files with either.
    pub fn fine() -> Self {
        FileTime::from(clock_gettime(ClockId::Realtime))
    }

    /// Subtracts a duration.
    pub fn earlier(self, by: Duration) -> Self {
        let seconds = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
        FileTime(self.0.saturating_sub(seconds), self.1)
    }

    /// Waits until files that changed up to `moment`, of the fine clock, are safely older than the
    /// time that this returns.
    pub fn a_tick_after(moment: FileTime) -> Self {
        loop {
            let now = FileTime::now();
            // A clock that was set back tells nothing: go on, and trust nothing.
            if now.safely_before() > moment || now.0 + 1 < moment.0 {
                return now;
            }
            sleep(CLOCK_POLL);
        }
    }

    /// Returns whether a change at `bound` or later gets another stamp than this one.
    pub(super) fn is_safely_before(self, bound: FileTime) -> bool {
        self.later(self.granularity()) <= bound.safely_before()
    }

    /// Guesses how coarse the file system keeps times, from this one: in units of 2 s (FAT), 1 s
    /// (ext3) or less. A guess that is too coarse by chance only costs time.
    fn granularity(self) -> Duration {
        if self.1 == 0 {
            return COARSEST;
        }
        let mut nanos = 1;
        while self.1.is_multiple_of(nanos * 10) {
            nanos *= 10;
        }
        Duration::from_nanos(nanos.into())
    }

    fn later(self, by: Duration) -> Self {
        let nanos = u64::from(self.1) + u64::from(by.subsec_nanos());
        let seconds = i64::try_from(by.as_secs() + nanos / 1_000_000_000).unwrap_or(i64::MAX);
        FileTime(self.0.saturating_add(seconds), (nanos % 1_000_000_000) as u32)
    }

    /// Returns the earliest stamp that a file may get when our clock shows `self`.
    fn safely_before(self) -> Self {
        if self.1 >= CLOCK_MARGIN_NANOS {
            FileTime(self.0, self.1 - CLOCK_MARGIN_NANOS)
        } else {
            FileTime(self.0 - 1, self.1 + 1_000_000_000 - CLOCK_MARGIN_NANOS)
        }
    }
}

impl From<Timespec> for FileTime {
    fn from(time: Timespec) -> Self {
        FileTime(time.tv_sec, u32::try_from(time.tv_nsec).unwrap_or_default())
    }
}

/// The times from which on a stamp proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Modification times must be older. Taken before the contents were known.
    pub modified: FileTime,
    /// Times of change must be older. Taken before the entries were looked at.
    pub changed: FileTime,
}

impl Bounds {
    /// Returns bounds for contents and entries that will be known from here on.
    pub fn now() -> Self {
        let now = FileTime::now();
        Bounds { modified: now, changed: now }
    }

    /// Returns whether the clock was set back since; if so, no timestamp can be trusted.
    pub fn lie_ahead(&self) -> bool {
        self.changed.max(self.modified).cmp(&FileTime::now()) == Ordering::Greater
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_only_as_far_as_the_file_system_keeps_it() {
        let safe = |time: FileTime, bound: FileTime| time.is_safely_before(bound);
        // Nanoseconds, but for the margin between the clocks.
        assert!(safe(FileTime(10, 123_456_789), FileTime(10, 124_456_790)));
        assert!(!safe(FileTime(10, 123_456_789), FileTime(10, 124_456_789)));
        // Whole seconds, and the two seconds of FAT.
        assert!(!safe(FileTime(10, 0), FileTime(10, 999_999_999)));
        assert!(!safe(FileTime(10, 0), FileTime(11, 999_999_999)));
        assert!(safe(FileTime(10, 0), FileTime(12, 1_000_000)));
        // Hundredths, as exFAT has them.
        assert!(!safe(FileTime(10, 120_000_000), FileTime(10, 130_999_999)));
        assert!(safe(FileTime(10, 120_000_000), FileTime(10, 131_000_000)));
        // Tenths that reach into the next second.
        assert!(!safe(FileTime(10, 900_000_000), FileTime(11, 999_999)));
        assert!(safe(FileTime(10, 900_000_000), FileTime(11, 1_000_000)));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_bounds_lie_ahead() {
        assert!(!Bounds::now().lie_ahead());
        let FileTime(seconds, nanoseconds) = FileTime::now();
        let later = FileTime(seconds + 60, nanoseconds);
        assert!(Bounds { modified: later, changed: FileTime::now() }.lie_ahead());
        assert!(Bounds { modified: FileTime::now(), changed: later }.lie_ahead());
    }
}
