//! Words with numbers, for messages.

use super::Instant;

/// Counts things: `1 commit`, `2 commits`. The plural must end in s.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {}", plural(n, what))
}

/// Counts entries of directories: `1 entry`, `2 entries`.
pub fn entries(n: u64) -> String {
    format!("{n} {}", if n == 1 { "entry" } else { "entries" })
}

/// Puts a noun into the number that `n` wants.
fn plural(n: usize, what: &str) -> String {
    format!("{what}{}", if n == 1 { "" } else { "s" })
}

/// Names things: `container web`, `containers web, db`.
pub fn named(what: &str, names: &[String]) -> String {
    format!("{} {}", plural(names.len(), what), names.join(", "))
}

/// Lists alternatives: `stop, pause or none`.
pub fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
    }
}

/// Formats the time from `then` to `now` in its largest unit: `3 days`.
pub fn age(then: Instant, now: Instant) -> String {
    let seconds = u64::try_from((now.micros - then.micros) / 1_000_000).unwrap_or_default();
    let units = [
        ("year", 365 * 86_400),
        ("month", 30 * 86_400),
        ("week", 7 * 86_400),
        ("day", 86_400),
        ("hour", 3_600),
        ("minute", 60),
    ];
    let fits = units.into_iter().find(|(_, length)| seconds >= *length);
    let (unit, length) = fits.unwrap_or(("second", 1));
    count(usize::try_from(seconds / length).unwrap_or(usize::MAX), unit)
}

/// Formats bytes in binary units: `1.5 GiB`.
pub fn format_size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes;
    let mut rest = 0;
    let mut unit = 0;
    while value >= 1024 && unit + 1 < units.len() {
        rest = value % 1024;
        value /= 1024;
        unit += 1;
    }
    match unit {
        0 => format!("{value} B"),
        _ => format!("{value}.{} {}", rest * 10 / 1024, units[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_unit_that_people_read() {
        let sizes = [0, 1023, 1024, 1_610_612_736, 5 << 50].map(format_size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 GiB", "5120.0 TiB"]);
    }

    #[test]
    fn an_age_has_its_largest_unit() {
        let age = |seconds: i64| {
            age(Instant { micros: 0, offset: 0 }, Instant { micros: seconds * 1_000_000, offset: 0 })
        };
        let ages = [-5, 1, 59, 60, 7_200, 100_000, 700_000, 40 * 86_400, 800 * 86_400].map(age);
        let words = "0 seconds,1 second,59 seconds,1 minute,2 hours,1 day,1 week,1 month,2 years";
        assert_eq!(ages.join(","), words);
    }

    #[test]
    fn one_has_no_s() {
        assert_eq!([0, 1, 2].map(|n| count(n, "row")), ["0 rows", "1 row", "2 rows"]);
        assert_eq!(named("container", &["web".to_owned()]), "container web");
        assert_eq!(named("container", &["web".to_owned(), "db".to_owned()]), "containers web, db");
    }
}
