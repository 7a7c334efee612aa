//! JSON for scripts: one object a line. Fields are only ever added.

use std::io::{self, Write};

use serde::Serialize;

/// Renders a report as JSON lines.
pub trait Lines {
    /// Writes all lines.
    ///
    /// # Errors
    /// When `out` cannot be written.
    fn json(&self, out: &mut dyn Write) -> io::Result<()>;
}

pub(super) fn line(out: &mut dyn Write, object: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, object)?;
    writeln!(out)
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
