//! The clock on the wall.

use jiff::{Timestamp, Zoned, tz::TimeZone};

/// Where a pool gets the time from.
pub trait Clock: Send + Sync {
    /// Microseconds since the epoch, and the offset from UTC in seconds.
    fn now(&self) -> (i64, i32);
}

/// The system's clock in the system's time zone.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one door to the clock")]
    fn now(&self) -> (i64, i32) {
        let now = Zoned::now();
        (now.timestamp().as_microsecond(), now.offset().seconds())
    }
}

/// A clock that stands at one time in UTC.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> (i64, i32) {
        let zoned = self.0.to_zoned(TimeZone::UTC);
        (zoned.timestamp().as_microsecond(), zoned.offset().seconds())
    }
}
