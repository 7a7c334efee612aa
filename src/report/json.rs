//! JSON for scripts: one object a line. Fields are only ever added.

use std::io::{self, Write};

use serde::Serialize;

use crate::model::is_control;

/// Renders a report as JSON lines.
pub trait Lines {
    /// Writes all lines.
    ///
    /// # Errors
    /// When `out` cannot be written.
    fn json(&self, out: &mut dyn Write) -> io::Result<()>;
}

pub(super) fn line(out: &mut dyn Write, object: &impl Serialize) -> io::Result<()> {
    writeln!(out, "{}", escaped(&serde_json::to_string(object)?))
}

/// Writes characters that a terminal would act on as `\uXXXX`, as JSON has them; only strings can
/// hold such.
pub(super) fn escaped(json: &str) -> String {
    let is_plain = |c: char| c == '\n' || !is_control(c);
    if json.chars().all(is_plain) {
        return json.to_owned();
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_plain(c) {
            out.push(c);
        } else {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

pub(super) fn lines<T: Serialize>(out: &mut dyn Write, objects: &[T]) -> io::Result<()> {
    objects.iter().try_for_each(|object| line(out, object))
}

/// Renders each of these types as one JSON object.
macro_rules! json_line {
    ($($report:ty),*) => {$(
        impl $crate::report::Lines for $report {
            fn json(&self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
                $crate::report::json::line(out, self)
            }
        }
    )*};
}

/// Renders each of these lists as one JSON object an entry.
macro_rules! json_lines {
    ($($report:ty),*) => {$(
        impl $crate::report::Lines for Vec<$report> {
            fn json(&self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
                $crate::report::json::lines(out, self)
            }
        }
    )*};
}

pub(super) use {json_line, json_lines};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_no_character_that_a_terminal_acts_on_and_means_what_it_meant() {
        let text = "a\u{1b}\u{7f}\u{9b}\u{202e}\u{e0041}ä\n";
        let mut out = Vec::new();
        line(&mut out, &text).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, "\"a\\u001b\\u007f\\u009b\\u202e\\udb40\\udc41ä\\n\"\n");
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }
}
