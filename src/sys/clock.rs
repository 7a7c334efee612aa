//! The wall clock.

use jiff::{Timestamp, Zoned, tz::TimeZone};

/// Gives a pool the time.
pub trait Clock: Send + Sync {
    /// Returns microseconds since the epoch and the offset from UTC in seconds.
    fn now(&self) -> (i64, i32);
}

/// Reads the system's clock in the system's time zone.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one door to the clock")]
    fn now(&self) -> (i64, i32) {
        let now = Zoned::now();
        (now.timestamp().as_microsecond(), now.offset().seconds())
    }
}

/// Stands still at one time in UTC.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> (i64, i32) {
        let zoned = self.0.to_zoned(TimeZone::UTC);
        (zoned.timestamp().as_microsecond(), zoned.offset().seconds())
    }
}
