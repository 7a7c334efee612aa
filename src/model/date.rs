//! Dates as people write them, and as git takes them: `2024-05-01`, `2024-05-01 10:00`,
//! `2024-05-01T10:00:00+02:00`, `Wed May 1 10:00:00 2024 +0200`, `@1714550400`, `yesterday`,
//! `2 weeks ago`, `2.weeks.ago`, `last friday`.

use jiff::civil::{Date, Time, Weekday};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::Offset;
use jiff::{Span, Zoned};

use super::Instant;

/// Says that a text is not a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a date: use 2024-05-01, '2024-05-01 10:00', '2 weeks ago', yesterday or @SECONDS")]
pub struct DateError(String);

/// The time of day of a date that names only a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daytime {
    /// First moment of the day.
    Start,
    /// Last moment of the day.
    End,
}

impl Instant {
    /// Parses a date relative to `now`. A date without an offset has that of `now`.
    ///
    /// # Errors
    /// When the text is not a date.
    pub fn parse(text: &str, now: Instant, daytime: Daytime) -> Result<Instant, DateError> {
        let wanted = text.trim().to_lowercase();
        let now = now.to_zoned();
        let zoned = relative(&wanted, &now, daytime)
            .or_else(|| absolute(text.trim(), &now, daytime))
            .ok_or_else(|| DateError(text.to_owned()))?;
        Ok(Instant { micros: zoned.timestamp().as_microsecond(), offset: zoned.offset().seconds() })
    }
}

fn at(date: Date, daytime: Daytime, now: &Zoned) -> Option<Zoned> {
    let time = match daytime {
        Daytime::Start => Time::midnight(),
        Daytime::End => Time::new(23, 59, 59, 999_999_000).ok()?,
    };
    date.to_datetime(time).to_zoned(now.time_zone().clone()).ok()
}

fn relative(text: &str, now: &Zoned, daytime: Daytime) -> Option<Zoned> {
    match text {
        "now" => return Some(now.clone()),
        "today" => return at(now.date(), daytime, now),
        "yesterday" => return at(now.date().yesterday().ok()?, daytime, now),
        _ => {}
    }
    if text.ends_with("ago") {
        let text = text.replace('.', " ");
        let text = text.strip_prefix("a ").map_or(text.clone(), |rest| format!("1 {rest}"));
        return now.checked_add(text.parse::<Span>().ok()?).ok();
    }
    let weekday = match text.strip_prefix("last ").unwrap_or(text) {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    };
    at(now.date().nth_weekday(-1, weekday).ok()?, daytime, now)
}

fn absolute(text: &str, now: &Zoned, daytime: Daytime) -> Option<Zoned> {
    if let Some(seconds) = text.strip_prefix('@') {
        let timestamp = jiff::Timestamp::from_second(seconds.parse().ok()?).ok()?;
        return Some(timestamp.to_zoned(now.time_zone().clone()));
    }
    // `2024-05-01 10:00:00 +0200`, as git's --date=iso has it.
    let joined = text.replace(" +", "+").replace(" -", "-");
    if let Ok(pieces) = Pieces::parse(joined.as_str()) {
        let Some(time) = pieces.time() else { return at(pieces.date(), daytime, now) };
        let zone = match pieces.offset() {
            Some(PiecesOffset::Zulu) => Offset::UTC.to_time_zone(),
            Some(PiecesOffset::Numeric(offset)) => offset.offset().to_time_zone(),
            _ => now.time_zone().clone(),
        };
        return pieces.date().to_datetime(time).to_zoned(zone).ok();
    }
    let formats = ["%a %b %d %H:%M:%S %Y %z", "%a, %d %b %Y %H:%M:%S %z"];
    formats.iter().find_map(|format| BrokenDownTime::parse(format, text).ok()?.to_zoned().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    /// Wednesday, 2024-05-01T10:00:00+02:00.
    const NOW: Instant = Instant { micros: 1_714_550_400_000_000, offset: 7200 };

    fn read(text: &str) -> String {
        Instant::parse(text, NOW, Daytime::Start).map_or_else(|error| error.to_string(), Instant::to_rfc3339)
    }

    #[test]
    fn the_forms_that_git_takes_are_read() {
        for (text, expected) in [
            ("now", "2024-05-01T10:00:00+02:00"),
            ("2024-03-02", "2024-03-02T00:00:00+02:00"),
            ("2024-03-02 12:30", "2024-03-02T12:30:00+02:00"),
            ("2024-03-02T12:30:01Z", "2024-03-02T12:30:01Z"),
            ("2024-03-02 12:30:01 -0500", "2024-03-02T12:30:01-05:00"),
            ("Sat Mar 2 12:30:01 2024 +0100", "2024-03-02T12:30:01+01:00"),
            ("Sat, 2 Mar 2024 12:30:01 +0100", "2024-03-02T12:30:01+01:00"),
            ("@1714550400", "2024-05-01T10:00:00+02:00"),
            ("2 weeks ago", "2024-04-17T10:00:00+02:00"),
            ("2.weeks.ago", "2024-04-17T10:00:00+02:00"),
            ("1 hour ago", "2024-05-01T09:00:00+02:00"),
            ("yesterday", "2024-04-30T00:00:00+02:00"),
            ("last friday", "2024-04-26T00:00:00+02:00"),
            ("Wednesday", "2024-04-24T00:00:00+02:00"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        let end = Instant::parse("2024-03-02", NOW, Daytime::End).unwrap();
        assert_eq!(end.to_rfc3339(), "2024-03-02T23:59:59+02:00");
        for text in ["", "soon", "2024-13-01", "@x", "ago", "2024"] {
            assert!(read(text).contains("is not a date"), "{text}: {}", read(text));
        }
    }

    quickcheck! {
        fn no_text_panics(text: String) -> bool {
            Instant::parse(&text, NOW, Daytime::End).map_or(true, |date| !date.to_rfc3339().is_empty())
        }
    }
}
