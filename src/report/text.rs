//! Text for people, in the words that users of git and of the older tool know.

use std::io::{self, Write};

use tabwriter::TabWriter;

use super::Wrap;
use super::json::Parsed;
use super::undo::size;
use crate::fsck::Report;
use crate::model::{CommitId, Signature, count};
use crate::ops::{
    Amended, Check, CheckedOut, Cloned, Committed, Created, CreatedBranch, DeletedBranch, DeletedTag,
    Exported, Health, Imported, Inspection, Listing, Removed, Renamed, RenamedBranch, ResetDone,
    SettingEntry, TagEntry, Tagged,
};

/// Something that a person can read.
pub trait Text {
    /// Writes it.
    ///
    /// # Errors
    /// When `out` cannot be written.
    fn text(&self, out: &mut dyn Write) -> io::Result<()>;

    /// What a terminal that is too narrow does to its lines.
    fn wrap(&self) -> Wrap {
        Wrap::Free
    }
}

impl Text for Created {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Created volume {}", self.volume)?;
        writeln!(out, "Created branch {}/{}", self.volume, self.branch)
    }
}

impl Text for Listing {
    fn wrap(&self) -> Wrap {
        Wrap::Table
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = TabWriter::new(out).padding(3);
        writeln!(table, "  VOLUME\tBRANCH\tCONTAINERS")?;
        for entry in &self.volumes {
            let mark = if entry.current { '*' } else { ' ' };
            let containers = entry.containers.as_ref().map_or("?".to_owned(), |names| names.join(","));
            writeln!(table, "{mark} {}\t{}\t{containers}", entry.volume, entry.branch)?;
        }
        table.flush()
    }
}

impl Text for Committed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.id)
    }
}

impl Text for Vec<Committed> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        // Made as one, they have one id.
        self.first().map_or(Ok(()), |committed| committed.text(out))
    }
}

impl Text for Vec<CheckedOut> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        each(out, self.iter().map(|done| (done.volume.as_str(), done)))
    }
}

impl Text for Vec<ResetDone> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        each(out, self.iter().map(|done| (done.volume.as_str(), done)))
    }
}

/// What was done to several volumes: each line behind the volume's name.
fn each<'a, T: Text + 'a>(
    out: &mut dyn Write,
    all: impl Iterator<Item = (&'a str, &'a T)>,
) -> io::Result<()> {
    for (volume, done) in all {
        let mut text = Vec::new();
        done.text(&mut text)?;
        String::from_utf8_lossy(&text).lines().try_for_each(|line| writeln!(out, "{volume}: {line}"))?;
    }
    Ok(())
}

impl Text for Parsed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.name.as_deref().unwrap_or_default())
    }
}

fn entries(n: u64) -> String {
    format!("{n} {}", if n == 1 { "entry" } else { "entries" })
}

pub(super) fn author(author: &Signature) -> String {
    plain(&author.to_string())
}

/// Text of somebody else's without the control characters that could write over the terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// The same for several lines.
pub(super) fn plain_lines(text: &str) -> String {
    text.split('\n').map(plain).collect::<Vec<_>>().join("\n")
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

impl Text for Tagged {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.was {
            Some(was) => writeln!(out, "Updated tag '{}' (was {})", self.tag, was.short())?,
            None => writeln!(out, "Tagged {} as '{}'", self.commit.short(), self.tag)?,
        }
        dropped(out, &self.dropped)
    }
}

impl Text for DeletedTag {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Deleted tag '{}' (was {})", self.tag, self.commit.short())?;
        dropped(out, &self.dropped)
    }
}

impl Text for Vec<TagEntry> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.iter().try_for_each(|entry| writeln!(out, "{}", entry.tag))
    }
}

impl Text for Amended {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.id)
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

impl Text for Renamed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Renamed volume {} to {}", self.from, self.volume)
    }
}

impl Text for Cloned {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (source, id) = (&self.source, self.source_id.short());
        writeln!(out, "Created volume {} from {source}:{id}", self.volume)
    }
}

impl Text for Vec<Check> {
    fn wrap(&self) -> Wrap {
        Wrap::Prose
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for check in self {
            let (word, style) = match check.health {
                Health::Good => ("ok", super::style::GREEN),
                Health::Poor => ("note", super::style::COMMIT),
                Health::Bad => ("FAIL", super::style::RED),
            };
            writeln!(out, "{style}{word:<5}{style:#} {:<12} {}", check.subject, plain(&check.found))?;
            if let Some(remedy) = &check.remedy {
                writeln!(out, "{:18} -> {remedy}", "")?;
            }
        }
        Ok(())
    }
}

impl Text for Exported {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (volume, id) = (&self.volume, self.id.short());
        writeln!(out, "Exported {volume}:{id}: {}, {}", entries(self.entries), size(self.bytes))
    }
}

impl Text for Imported {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (volume, id) = (&self.volume, self.id.short());
        writeln!(out, "Imported volume {volume} at {id}: {}, {}", entries(self.entries), size(self.bytes))
    }
}

impl Text for Vec<Inspection> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }
}

fn dropped(out: &mut dyn Write, commits: &[CommitId]) -> io::Result<()> {
    match commits {
        [] => Ok(()),
        _ => writeln!(out, "Dropped {} that nothing else holds", count(commits.len(), "commit")),
    }
}

impl Text for CheckedOut {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        dropped(out, &self.dropped)?;
        if self.replaced {
            writeln!(out, "Switched to and reset branch '{}'", self.branch)
        } else if self.created {
            writeln!(out, "Switched to a new branch '{}'", self.branch)
        } else if self.from == self.branch {
            writeln!(out, "Already on '{}'", self.branch)
        } else {
            writeln!(out, "Switched to branch '{}'", self.branch)
        }
    }
}

impl Text for ResetDone {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let subject = self.message.lines().next().unwrap_or_default();
        writeln!(out, "HEAD is now at {} {}", self.to.short(), plain(subject))?;
        dropped(out, &self.dropped)
    }
}

impl Text for Removed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Deleted volume {}", self.volume)
    }
}

impl Text for SettingEntry {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.value)
    }
}

impl Text for Vec<SettingEntry> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.iter()
            .filter(|entry| entry.set)
            .try_for_each(|entry| writeln!(out, "{}={}", entry.key, entry.value))
    }
}

impl Text for Report {
    fn wrap(&self) -> Wrap {
        Wrap::Prose
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for finding in &self.findings {
            writeln!(out, "{}: {}: {}", finding.severity, finding.subject, finding.what)?;
            writeln!(out, "    {}", finding.remedy)?;
        }
        if self.findings.is_empty() {
            writeln!(out, "{}: clean", count(self.volumes, "volume"))?;
        }
        if let Some(deep) = self.deep {
            let (verified, taken) = (count(deep.verified, "commit"), deep.taken);
            writeln!(out, "{verified} as their checksums say; checksums of {taken} more taken")?;
        }
        Ok(())
    }
}
