//! Prints logs with what each commit changed: as a table of counts, or as a patch.

use std::io::{self, Write};
use std::path::Path;

use super::output::{Failure, write_each};
use super::session::Session;
use crate::ops::{self, DiffEntry, LogChanges, LogEntry};
use crate::report::{DiffStat, LogStyle, LogView, LogWriter, diff_patch, log_json};

/// What to print of each commit's changes.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct Changes {
    /// Show a table of changed lines per text file and changed bytes per other file
    #[arg(long)]
    stat: bool,
    /// Show the changed lines of text files
    #[arg(short = 'p', long, visible_short_alias = 'u')]
    patch: bool,
}

impl Changes {
    pub(super) fn any(self) -> bool {
        self.stat || self.patch
    }
}

/// Prints a log with the changes of each commit, one commit after the other.
pub(super) fn page(session: &Session, view: &LogView, changes: Changes) -> Result<(), Failure> {
    if view.log.entries.is_empty() {
        return Ok(());
    }
    session.paged(&mut |out| {
        let mut writer = LogWriter::new(view);
        for entry in &view.log.entries {
            if !session.is_text() {
                let mut found = Vec::new();
                let has_data = each(session, entry, changes, &mut |mut one| {
                    one.patch = one.patch.filter(|_| changes.patch);
                    found.push(one);
                    Ok(())
                })?;
                let found = has_data.then_some(LogChanges::Full(found));
                let entry = LogEntry { changes: found, ..entry.clone() };
                log_json(out, &entry).map_err(Failure::Output)?;
                continue;
            }
            writer.entry(entry, out, &mut |out| text(session, view, entry, changes, out))?;
        }
        Ok(())
    })
}

fn text(
    session: &Session,
    view: &LogView,
    entry: &LogEntry,
    changes: Changes,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if matches!(view.style, LogStyle::Full) {
        writeln!(out)?;
    }
    let mut stat = DiffStat::default();
    let has_data = each(session, entry, changes, &mut |one| {
        if changes.stat {
            stat.add(&one);
        }
        // With both, git shows the table first.
        if changes.patch && !changes.stat { diff_patch(out, &one) } else { Ok(()) }
    })?;
    if !has_data {
        writeln!(out, " the data of this commit or of its parent is gone")?;
    }
    if changes.stat {
        stat.write(out)?;
        if changes.patch {
            writeln!(out)?;
            each(session, entry, changes, &mut |one| diff_patch(out, &one))?;
        }
    }
    Ok(())
}

/// Calls `visit` with each change of a commit, in each of its volumes; returns false if the data is
/// gone.
fn each(
    session: &Session,
    entry: &LogEntry,
    changes: Changes,
    visit: &mut dyn FnMut(DiffEntry) -> io::Result<()>,
) -> Result<bool, Failure> {
    let of_project = !entry.volumes.is_empty();
    let volumes = if of_project { &entry.volumes[..] } else { std::slice::from_ref(&entry.volume) };
    let mut has_data = true;
    for volume in volumes {
        let of = (volume, &entry.id);
        let write = |mut one: DiffEntry| {
            if of_project && session.is_text() {
                one.path = Path::new(volume.as_str()).join(&one.path);
            }
            visit(one)
        };
        has_data &= write_each(write, |visit| ops::diff_of_commit(&session.pool, of, !changes.patch, visit))?;
    }
    Ok(has_data)
}
