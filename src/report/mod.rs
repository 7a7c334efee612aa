//! Rendering: the same structs as text for people and as JSON for scripts, one object a line.

mod branch;
mod diff;
mod du;
mod fit;
mod graph;
mod json;
mod log;
mod status;
mod style;
mod template;
mod text;
mod undo;

use std::io::{self, Write};

pub use branch::{BranchStyle, BranchView};
pub use diff::{DiffStat, diff_json, diff_name, diff_patch};
pub use fit::{Wrap, fit};
pub use json::{Lines, Parsed};
pub use log::{LogStyle, LogView};
pub use status::StatusView;
pub use style::label as label_style;
pub use template::Template;
pub use text::Text;

/// What the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// A person.
    #[default]
    Text,
    /// A script.
    Json,
}

/// Writes `report` for this reader.
///
/// # Errors
/// When `out` cannot be written.
pub fn write<T: Text + Lines>(out: &mut dyn Write, format: Format, report: &T) -> io::Result<()> {
    match format {
        Format::Text => report.text(out),
        Format::Json => report.json(out),
    }
}
