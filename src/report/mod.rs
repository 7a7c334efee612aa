//! Rendering: the same structs as text for people and as JSON for scripts, one object a line.
//!
//! [`verbs`] has one file a verb. What they share stands beside: the two traits ([`Text`],
//! [`Lines`]), colours, words, and how lines are fitted to a terminal.

mod door;
mod failure;
mod json;
mod style;
mod text;
mod verbs;
mod words;
mod wrap;

use std::io::{self, Write};

pub use door::Door;
pub use failure::{Advice, FailureReport};
pub use json::Lines;
pub use style::label as label_style;
pub use text::Text;
pub use verbs::{
    BranchStyle, BranchView, ConfigView, DiffStat, LogStyle, LogView, LogWriter, Parsed, ProjectWorktrees,
    RemoteAddress, RemoteList, Served, StatusView, Template, diff_json, diff_name, diff_name_status,
    diff_patch, list_entry, list_json, list_name, log_json,
};
pub use wrap::{Wrap, wrap};

/// Names the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// A person.
    #[default]
    Text,
    /// A script.
    Json,
}

/// Writes `report` for a reader.
///
/// # Errors
/// When `out` cannot be written.
pub fn write<T: Text + Lines>(out: &mut dyn Write, format: Format, report: &T) -> io::Result<()> {
    match format {
        Format::Text => report.text(out),
        Format::Json => report.json(out),
    }
}
