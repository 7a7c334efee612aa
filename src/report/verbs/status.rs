//! Report of `status`, in git's words.

use std::io::{self, Write};

use crate::model::{count, format_size};
use crate::ops::{Status, UpstreamState, shown};
use crate::report::Lines;
use crate::report::json::lines;
use crate::report::style::RED;
use crate::report::text::Text;
use crate::sys::tree::ChangeKind;

/// The status of volumes and how to show it as text; JSON has one volume a line.
#[derive(Debug, Clone)]
pub struct StatusView {
    /// The status of each volume.
    pub all: Vec<Status>,
    /// Whether to name each volume, also before its paths.
    pub of_project: bool,
    /// Whether to print only one line a path.
    pub short: bool,
}

/// Returns the letter of a change: git's, and P for attributes that git does not track.
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
        lines(out, &self.all)
    }
}

impl Text for StatusView {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for (at, status) in self.all.iter().enumerate() {
            if self.short {
                self.short(status, out)?;
                continue;
            }
            if self.of_project {
                let space = if at > 0 { "\n" } else { "" };
                writeln!(out, "{space}Volume {}", status.volume)?;
            }
            let of = if self.of_project { String::new() } else { format!(" of volume {}", status.volume) };
            writeln!(out, "On branch {}{of}", status.branch)?;
            long(status, out)?;
        }
        Ok(())
    }
}

impl StatusView {
    fn short(&self, status: &Status, out: &mut dyn Write) -> io::Result<()> {
        let volume = if self.of_project { format!("{}/", status.volume) } else { String::new() };
        status.changes.iter().try_for_each(|change| {
            writeln!(out, "{RED}{}{RED:#} {volume}{}", letter(change.kind), shown(&change.path))
        })
    }
}

/// Writes how the branch stands to the one that it follows, in git's words.
fn upstream(state: &UpstreamState, out: &mut dyn Write) -> io::Result<()> {
    let name = format!("'{}/{}'", state.remote, state.branch);
    match (&state.commit, state.ahead, state.behind) {
        (None, ..) => writeln!(out, "Your branch follows {name}, which has not been pushed or is gone."),
        (_, 0, 0) => writeln!(out, "Your branch is up to date with {name}."),
        (_, ahead, 0) => writeln!(out, "Your branch is ahead of {name} by {}.", count(ahead, "commit")),
        (_, 0, behind) => writeln!(
            out,
            "Your branch is behind {name} by {}, and can be fast-forwarded.",
            count(behind, "commit")
        ),
        (_, ahead, behind) => writeln!(
            out,
            "Your branch and {name} have diverged,\nand have {ahead} and {behind} different commits each."
        ),
    }
}

fn long(status: &Status, out: &mut dyn Write) -> io::Result<()> {
    if let Some(state) = &status.upstream {
        upstream(state, out)?;
    }
    if status.head.is_none() {
        writeln!(out, "No commits yet")?;
    }
    if let (Some(most), Some(allocated)) = (status.max_size, status.allocated) {
        let over = if allocated > most { ": too much to commit" } else { "" };
        writeln!(out, "Uses {} of {}{over}", format_size(allocated), format_size(most))?;
    }
    let others = [
        (status.written_by_start, "written while dvol started the containers"),
        (status.ignored, "named by status.ignore"),
    ];
    for (number, why) in others.into_iter().filter(|(number, _)| *number > 0) {
        writeln!(out, "Left out {}, {why}", count(number, "path"))?;
    }
    if status.clean {
        return writeln!(out, "nothing to commit, working tree clean");
    }
    let what =
        if status.head.is_none() { "Changes to be committed:" } else { "Changes since the last commit:" };
    writeln!(out, "{what}")?;
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
