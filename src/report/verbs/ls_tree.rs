//! Report of `ls-tree`, and of `show` for a directory.

use std::io::{self, Write};

use super::diff::word;
use crate::model::plain;
use crate::ops::{ListedEntry, shown};
use crate::report::json::line;
use crate::sys::tree::EntryKind;

/// Writes mode, type, size if `long`, and path of an entry.
///
/// # Errors
/// When `out` cannot be written.
pub fn list_entry(out: &mut dyn Write, entry: &ListedEntry, long: bool) -> io::Result<()> {
    let ListedEntry { path, side, .. } = entry;
    let kind = word(side.kind);
    match (long, side.kind) {
        (false, _) => write!(out, "{} {kind}", side.mode)?,
        (true, EntryKind::File) => write!(out, "{} {kind:<9} {:>10}", side.mode, side.size)?,
        (true, _) => write!(out, "{} {kind:<9} {:>10}", side.mode, "-")?,
    }
    let target = side.target.as_deref().map(|target| format!(" -> {}", plain(target)));
    writeln!(out, "\t{}{}", shown(path), target.unwrap_or_default())
}

/// Writes the path of an entry; a directory ends in a slash.
///
/// # Errors
/// When `out` cannot be written.
pub fn list_name(out: &mut dyn Write, entry: &ListedEntry) -> io::Result<()> {
    let slash = if entry.side.kind == EntryKind::Directory { "/" } else { "" };
    writeln!(out, "{}{slash}", shown(&entry.path))
}

/// Writes an entry as JSON.
///
/// # Errors
/// When `out` cannot be written.
pub fn list_json(out: &mut dyn Write, entry: &ListedEntry) -> io::Result<()> {
    line(out, entry)
}
