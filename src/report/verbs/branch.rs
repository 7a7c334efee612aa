//! Reports of `branch`.

use std::io::{self, Write};

use tabwriter::TabWriter;

use crate::model::plain;
use crate::ops::{BranchList, CreatedBranch, DeletedBranch, RenamedBranch};
use crate::report::json::{json_line, lines};
use crate::report::style::{GREEN, PLACE};
use crate::report::text::Text;
use crate::report::{Lines, Wrap};

/// What to show of each branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchStyle {
    /// Its name.
    Names,
    /// Its name and its newest commit.
    Heads,
    /// Only the name of the current branch.
    Current,
}

/// Branches and how to show them as text; JSON has one branch a line.
#[derive(Debug, Clone)]
pub struct BranchView {
    /// The branches.
    pub list: BranchList,
    /// What to show of each.
    pub style: BranchStyle,
}

impl Lines for BranchView {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let only = self.style == BranchStyle::Current;
        let shown: Vec<_> = self.list.branches.iter().filter(|branch| branch.current || !only).collect();
        lines(out, &shown)
    }
}

impl Text for BranchView {
    fn wrap(&self) -> Wrap {
        Wrap::Table
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = TabWriter::new(out).ansi(true).padding(1);
        for entry in &self.list.branches {
            // As git does, + marks a branch that another place has checked out.
            let name = match (entry.current, &entry.place) {
                (true, _) => format!("* {GREEN}{}{GREEN:#}", entry.branch),
                (false, Some(_)) => format!("+ {PLACE}{}{PLACE:#}", entry.branch),
                (false, None) => format!("  {}", entry.branch),
            };
            match (self.style, &entry.head) {
                (BranchStyle::Current, _) if entry.current => writeln!(table, "{}", entry.branch)?,
                (BranchStyle::Current, _) => {}
                (BranchStyle::Names, _) => writeln!(table, "{name}")?,
                (BranchStyle::Heads, None) => writeln!(table, "{name}\tno commits yet")?,
                (BranchStyle::Heads, Some(head)) => {
                    let subject = plain(entry.subject.as_deref().unwrap_or_default());
                    let place = entry.place.as_ref().map(|place| format!("({place}) ")).unwrap_or_default();
                    let protected = if entry.protected { "[protected] " } else { "" };
                    writeln!(table, "{name}\t{} {place}{protected}{subject}", head.short())?;
                }
            }
        }
        table.flush()
    }
}

impl Text for CreatedBranch {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Created branch {}/{} at {}", self.volume, self.branch, self.head.short())
    }
}

impl Text for RenamedBranch {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Renamed branch {}/{} to {}", self.volume, self.from, self.branch)
    }
}

impl Text for DeletedBranch {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "Deleted branch {}/{}", self.volume, self.branch)?;
        match &self.head {
            Some(head) => writeln!(out, " (was {})", head.short()),
            None => writeln!(out),
        }
    }
}

json_line!(CreatedBranch, DeletedBranch, RenamedBranch);
