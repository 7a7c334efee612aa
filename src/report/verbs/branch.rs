//! Reports of `branch`.

use std::io::{self, Write};

use tabwriter::TabWriter;

use crate::model::plain;
use crate::ops::{
    BranchList, CreatedBranch, DeletedBranch, RemoteBranch, RenamedBranch, UpstreamSet, UpstreamState,
};
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
    /// Its name, its newest commit, and the branch of a remote that it follows.
    Upstreams,
    /// Only the name of the current branch.
    Current,
}

/// Branches and how to show them as text; JSON has one branch a line.
#[derive(Debug, Clone)]
pub struct BranchView {
    /// The branches; `None` if only those of remotes are shown.
    pub list: Option<BranchList>,
    /// The branches of remotes.
    pub remotes: Vec<RemoteBranch>,
    /// What to show of each.
    pub style: BranchStyle,
}

impl Lines for BranchView {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let only = self.style == BranchStyle::Current;
        let own = self.list.iter().flat_map(|list| &list.branches);
        lines(out, &own.filter(|branch| branch.current || !only).collect::<Vec<_>>())?;
        lines(out, &self.remotes)
    }
}

impl Text for BranchView {
    fn wrap(&self) -> Wrap {
        Wrap::Table
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = TabWriter::new(out).ansi(true).padding(1);
        for entry in self.list.iter().flat_map(|list| &list.branches) {
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
                (BranchStyle::Heads | BranchStyle::Upstreams, None) => {
                    writeln!(table, "{name}\tno commits yet")?;
                }
                (BranchStyle::Heads | BranchStyle::Upstreams, Some(head)) => {
                    let subject = plain(entry.subject.as_deref().unwrap_or_default());
                    let place = entry.place.as_ref().map(|place| format!("({place}) ")).unwrap_or_default();
                    let protected = if entry.protected { "[protected] " } else { "" };
                    let upstream = match (self.style, &entry.upstream) {
                        (BranchStyle::Upstreams, Some(state)) => format!("[{}] ", stands(state)),
                        _ => String::new(),
                    };
                    writeln!(table, "{name}\t{} {place}{upstream}{protected}{subject}", head.short())?;
                }
            }
        }
        // As git does: beside own branches, those of remotes say that they are.
        let above = if self.list.is_some() { "remotes/" } else { "" };
        for one in &self.remotes {
            let name = format!("  {above}{}/{}", one.remote, one.branch);
            match self.style {
                BranchStyle::Names | BranchStyle::Current => writeln!(table, "{name}")?,
                BranchStyle::Heads | BranchStyle::Upstreams => {
                    let subject = plain(one.subject.as_deref().unwrap_or_default());
                    writeln!(table, "{name}\t{} {subject}", one.head.short())?;
                }
            }
        }
        table.flush()
    }
}

/// Says which branch another follows, and how it stands to it, in git's words.
fn stands(state: &UpstreamState) -> String {
    let name = format!("{}/{}", state.remote, state.branch);
    match (&state.commit, state.ahead, state.behind) {
        (None, ..) => format!("{name}: gone"),
        (_, 0, 0) => name,
        (_, ahead, 0) => format!("{name}: ahead {ahead}"),
        (_, 0, behind) => format!("{name}: behind {behind}"),
        (_, ahead, behind) => format!("{name}: ahead {ahead}, behind {behind}"),
    }
}

impl Text for UpstreamSet {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match (&self.remote, &self.follows) {
            (Some(remote), Some(follows)) => {
                writeln!(out, "Branch {}/{} follows {remote}/{follows}", self.volume, self.branch)
            }
            _ => writeln!(out, "Branch {}/{} follows no branch of a remote", self.volume, self.branch),
        }
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

json_line!(CreatedBranch, DeletedBranch, RenamedBranch, UpstreamSet);
