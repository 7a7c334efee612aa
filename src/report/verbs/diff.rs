//! Report of `diff`, as git prints it: a patch, a table of counts, or a letter and a path.

use std::io::{self, Write};

use anstyle::Style;

use super::status::letter;
use crate::model::{count, plain};
use crate::ops::{DiffEntry, DiffSide, shown};
use crate::report::json::line;
use crate::report::style::{GREEN, HUNK, RED};
use crate::sys::tree::{ChangeKind, EntryKind};

/// The width of a table of counts, in columns.
const TABLE_COLUMNS: usize = 80;
/// The longest bar in it, in columns.
const BAR_COLUMNS: usize = 40;

/// Writes one entry as JSON.
///
/// # Errors
/// When `out` cannot be written.
pub fn diff_json(out: &mut dyn Write, entry: &DiffEntry) -> io::Result<()> {
    line(out, entry)
}

/// Writes the path of one entry.
///
/// # Errors
/// When `out` cannot be written.
pub fn diff_name(out: &mut dyn Write, entry: &DiffEntry) -> io::Result<()> {
    writeln!(out, "{}", shown(&entry.path))
}

/// Writes the letter and the path of one entry.
///
/// # Errors
/// When `out` cannot be written.
pub fn diff_name_status(out: &mut dyn Write, entry: &DiffEntry) -> io::Result<()> {
    writeln!(out, "{}\t{}", letter(entry.kind), shown(&entry.path))
}

/// Writes everything about one entry.
///
/// # Errors
/// When `out` cannot be written.
pub fn diff_patch(out: &mut dyn Write, entry: &DiffEntry) -> io::Result<()> {
    let path = shown(&entry.path);
    let bold = Style::new().bold();
    let mut head = vec![format!("diff a/{path} b/{path}")];
    match (&entry.old, &entry.new) {
        (Some(old), Some(new)) => head.extend(changed(entry, old, new)),
        (None, Some(new)) => head.push(format!("new {}", described(new))),
        (Some(old), None) => head.push(format!("deleted {}", described(old))),
        (None, None) => {}
    }
    for line in head {
        writeln!(out, "{bold}{line}{bold:#}")?;
    }
    let sides = [
        if entry.old.is_some() { format!("a/{path}") } else { "/dev/null".to_owned() },
        if entry.new.is_some() { format!("b/{path}") } else { "/dev/null".to_owned() },
    ];
    if entry.binary {
        let size = |side: &Option<DiffSide>| side.as_ref().map_or(0, |side| side.size);
        let sizes = format!("{} -> {} bytes", size(&entry.old), size(&entry.new));
        return writeln!(out, "Binary files {} and {} differ ({sizes})", sides[0], sides[1]);
    }
    let Some(patch) = entry.patch.as_deref().filter(|patch| !patch.is_empty()) else { return Ok(()) };
    writeln!(out, "{bold}--- {}{bold:#}\n{bold}+++ {}{bold:#}", sides[0], sides[1])?;
    for line in patch.split_inclusive('\n') {
        let text = line.strip_suffix('\n').unwrap_or(line);
        let style = match text.as_bytes().first() {
            Some(b'+') => GREEN,
            Some(b'-') => RED,
            Some(b'@') => HUNK,
            _ => Style::new(),
        };
        writeln!(out, "{style}{text}{style:#}")?;
    }
    Ok(())
}

/// Describes an entry: `file mode 0644, owner 999:999`, and what its type adds.
fn described(side: &DiffSide) -> String {
    let mut text = format!("{} mode {}, owner {}:{}", word(side.kind), side.mode, side.uid, side.gid);
    if let Some(target) = &side.target {
        text.push_str(&format!(" -> {}", plain(target)));
    }
    if let Some((major, minor)) = side.device {
        text.push_str(&format!(" {major}, {minor}"));
    }
    text
}

pub(super) fn word(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File => "file",
        EntryKind::Directory => "directory",
        EntryKind::Symlink => "symlink",
        EntryKind::Fifo => "FIFO",
        EntryKind::Socket => "socket",
        EntryKind::BlockDevice => "block device",
        EntryKind::CharDevice => "character device",
    }
}

fn changed(entry: &DiffEntry, old: &DiffSide, new: &DiffSide) -> Vec<String> {
    if entry.kind == ChangeKind::TypeChanged {
        return vec![format!("old {}", described(old)), format!("new {}", described(new))];
    }
    let mut lines = Vec::new();
    let mut both = |what: &str, old: String, new: String| {
        if old != new {
            lines.extend([format!("old {what} {old}"), format!("new {what} {new}")]);
        }
    };
    both("mode", old.mode.clone(), new.mode.clone());
    both("owner", format!("{}:{}", old.uid, old.gid), format!("{}:{}", new.uid, new.gid));
    let target = |side: &DiffSide| side.target.as_deref().map(plain).unwrap_or_default();
    both("target", target(old), target(new));
    both("device", format!("{:?}", old.device), format!("{:?}", new.device));
    both("hard links", old.links.to_string(), new.links.to_string());
    for xattr in &entry.xattrs {
        let what = match xattr.kind {
            ChangeKind::Added => "new",
            ChangeKind::Deleted => "deleted",
            _ => "changed",
        };
        lines.push(format!("{what} extended attribute {}", plain(&xattr.name)));
    }
    if lines.is_empty() && entry.kind == ChangeKind::Attributes {
        lines.push("hard linked with other names".to_owned());
    }
    lines
}

/// Collects the table of counts; its column widths depend on all rows.
#[derive(Debug, Default)]
pub struct DiffStat {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    path: String,
    lines: Option<(usize, usize)>,
    /// Bytes before and after, of a file that is not text.
    bytes: Option<(u64, u64)>,
}

impl DiffStat {
    /// Counts one entry.
    pub fn add(&mut self, entry: &DiffEntry) {
        let size = |side: &Option<DiffSide>| side.as_ref().map_or(0, |side| side.size);
        self.rows.push(Row {
            path: shown(&entry.path),
            lines: entry.added.zip(entry.deleted),
            bytes: entry.binary.then(|| (size(&entry.old), size(&entry.new))),
        });
    }

    /// Writes the table.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let width = self
            .rows
            .iter()
            .map(|row| row.path.chars().count())
            .max()
            .unwrap_or(0)
            .min(TABLE_COLUMNS - BAR_COLUMNS);
        let most = self.rows.iter().filter_map(|row| row.lines).map(|(a, d)| a + d).max().unwrap_or(0);
        let number = most.to_string().len();
        for row in &self.rows {
            write!(out, " {:<width$} | ", row.path)?;
            match (row.bytes, row.lines) {
                (Some((old, new)), _) => {
                    writeln!(out, "Bin {RED}{old}{RED:#} -> {GREEN}{new}{GREEN:#} bytes")?;
                }
                (None, lines) => {
                    let (added, deleted) = lines.unwrap_or_default();
                    // Scaling a bar rounds up, so that no change vanishes from it.
                    let fits = most <= BAR_COLUMNS;
                    let scaled = |n: usize| if fits { n } else { (n * BAR_COLUMNS).div_ceil(most) };
                    let (plus, minus) = ("+".repeat(scaled(added)), "-".repeat(scaled(deleted)));
                    let sum = added + deleted;
                    let space = if sum > 0 { " " } else { "" };
                    writeln!(out, "{sum:>number$}{space}{GREEN}{plus}{GREEN:#}{RED}{minus}{RED:#}")?;
                }
            }
        }
        let sum =
            |side: fn((usize, usize)) -> usize| self.rows.iter().filter_map(|row| row.lines).map(side).sum();
        let (added, deleted): (usize, usize) = (sum(|lines| lines.0), sum(|lines| lines.1));
        write!(out, " {} changed", count(self.rows.len(), "path"))?;
        if added > 0 {
            write!(out, ", {}(+)", count(added, "insertion"))?;
        }
        if deleted > 0 {
            write!(out, ", {}(-)", count(deleted, "deletion"))?;
        }
        writeln!(out)
    }
}
