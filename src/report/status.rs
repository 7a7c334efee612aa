//! What `status` says, as git says it.

use std::io::{self, Write};

use super::json::{Lines, line};
use super::style::RED;
use super::text::Text;
use crate::ops::{Status, shown};
use crate::sys::tree::ChangeKind;

/// A status and how it is shown to people; in JSON it is one object.
#[derive(Debug, Clone)]
pub struct StatusView {
    /// The status.
    pub status: Status,
    /// One line a path, and nothing else.
    pub short: bool,
}

/// The letter of a change, where there is one: git's, and P for what git does not keep.
pub(super) fn letter(kind: ChangeKind) -> char {
    match kind {
        ChangeKind::Added => 'A',
        ChangeKind::Deleted => 'D',
        ChangeKind::Modified => 'M',
        ChangeKind::TypeChanged => 'T',
        ChangeKind::Attributes => 'P',
    }
}

impl Lines for StatusView {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        line(out, &self.status)
    }
}

impl Text for StatusView {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let status = &self.status;
        if self.short {
            return status.changes.iter().try_for_each(|change| {
                writeln!(out, "{RED}{}{RED:#} {}", letter(change.kind), shown(&change.path))
            });
        }
        writeln!(out, "On branch {}", status.branch)?;
        if status.head.is_none() {
            writeln!(out, "No commits yet")?;
        }
        if status.clean {
            return writeln!(out, "nothing to commit, working tree clean");
        }
        writeln!(out, "Changes since the last commit:")?;
        for change in &status.changes {
            let word = match change.kind {
                ChangeKind::Added => "new:",
                ChangeKind::Modified => "modified:",
                ChangeKind::Deleted => "deleted:",
                ChangeKind::TypeChanged => "typechange:",
                ChangeKind::Attributes => "attributes:",
            };
            writeln!(out, "        {RED}{word:<12}{}{RED:#}", shown(&change.path))?;
        }
        Ok(())
    }
}
