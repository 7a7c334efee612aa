//! Reports of `worktree`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use tabwriter::TabWriter;

use crate::model::{BranchName, ProjectName, VolumeName};
use crate::ops::{AddedWorktree, PrunedWorktrees, RemovedWorktree, WorktreeEntry};
use crate::report::json::{json_line, lines};
use crate::report::text::Text;
use crate::report::{Lines, Wrap};

impl Text for AddedWorktree {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let AddedWorktree { worktree, volume, branch, .. } = self;
        let new = if self.created { "new branch" } else { "branch" };
        let head = self.head.as_ref().map_or_else(String::new, |head| format!(" at {}", head.short()));
        let expires = self.expires.as_ref().map_or_else(String::new, |when| format!(", until {when}"));
        writeln!(out, "Added worktree {worktree} on {new} {volume}/{branch}{head}{expires}")
    }
}

impl Text for RemovedWorktree {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        write_removed(out, &self.worktree, &self.volume, &self.branch)
    }
}

/// Tells of a worktree that was removed, and of its branch.
pub(super) fn write_removed(
    out: &mut dyn Write,
    worktree: &VolumeName,
    owner: &VolumeName,
    branch: &BranchName,
) -> io::Result<()> {
    writeln!(out, "Removed worktree {worktree}; branch {owner}/{branch} stays")
}

impl Text for Vec<WorktreeEntry> {
    fn wrap(&self) -> Wrap {
        Wrap::Table
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let mut table = TabWriter::new(out).padding(3);
        let expires = self.iter().any(|entry| entry.expires.is_some());
        writeln!(table, "WORKTREE\tBRANCH\tHEAD\t{}CONTAINERS", if expires { "EXPIRES\t" } else { "" })?;
        for entry in self {
            let indent = if entry.worktree == entry.volume { "" } else { "  " };
            let head = entry.head.as_ref().map_or("-", |head| head.short());
            write!(table, "{indent}{}\t{}\t{head}\t", entry.worktree, entry.branch)?;
            if expires {
                let over = if entry.expired { " (over)" } else { "" };
                write!(table, "{}{over}\t", entry.expires.as_deref().unwrap_or_default())?;
            }
            let containers = entry.containers.as_ref().map(|names| names.join(","));
            writeln!(table, "{}", containers.as_deref().unwrap_or("?"))?;
        }
        table.flush()
    }
}

impl Lines for Vec<WorktreeEntry> {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, self)
    }
}

impl Text for PrunedWorktrees {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for removed in &self.removed {
            match self.dry_run {
                true => writeln!(out, "Would remove worktree {}", removed.worktree)?,
                false => removed.text(out)?,
            }
        }
        for name in &self.in_use {
            writeln!(out, "Kept expired worktree {name}: a container uses it")?;
        }
        for name in &self.protected {
            writeln!(out, "Kept expired worktree {name}: it is protected")?;
        }
        Ok(())
    }
}

json_line!(AddedWorktree, PrunedWorktrees, RemovedWorktree);

/// The worktrees of a compose project in a worktree of git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProjectWorktrees {
    /// The project.
    pub project: ProjectName,
    /// The worktrees that were made; those that were there are not among them.
    pub worktrees: Vec<AddedWorktree>,
    /// The file with the variables.
    pub env: Option<PathBuf>,
    /// The variables.
    pub variables: BTreeMap<String, String>,
}

impl Text for ProjectWorktrees {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.worktrees.iter().try_for_each(|added| added.text(out))?;
        match &self.env {
            Some(file) => writeln!(out, "Project {}: variables are in {}", self.project, file.display()),
            None if self.worktrees.is_empty() => {
                writeln!(out, "Project {} has all its volumes already", self.project)
            }
            None => Ok(()),
        }
    }
}

impl Lines for ProjectWorktrees {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, std::slice::from_ref(self))
    }
}
