//! Words with numbers, for messages.

/// Counts things: `1 commit`, `2 commits`. The plural must end in s.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {}", plural(n, what))
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
    fn one_has_no_s() {
        assert_eq!([0, 1, 2].map(|n| count(n, "row")), ["0 rows", "1 row", "2 rows"]);
        assert_eq!(named("container", &["web".to_owned()]), "container web");
        assert_eq!(named("container", &["web".to_owned(), "db".to_owned()]), "containers web, db");
    }
}
