//! Reports of `remote`.

use std::io::{self, Write};

use serde::Serialize;

use crate::model::{PasswordSource, RemoteName, RemoteUrl, count, format_size};
use crate::ops::{RemoteAdded, RemoteChange, RemoteEntry, RemoteShown, RemoteSwept};
use crate::report::Lines;
use crate::report::json::{json_line, lines};
use crate::report::text::Text;

/// The remotes and how to show them as text.
#[derive(Debug, Clone)]
pub struct RemoteList {
    /// The remotes, sorted by name.
    pub remotes: Vec<RemoteEntry>,
    /// Whether to print their addresses too.
    pub with_urls: bool,
}

/// The address of a remote.
#[derive(Debug, Clone, Serialize)]
pub struct RemoteAddress {
    /// The remote.
    pub remote: RemoteName,
    /// Its address.
    pub url: RemoteUrl,
}

impl Text for RemoteList {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.remotes.iter().try_for_each(|one| match (self.with_urls, &one.volume) {
            (false, _) => writeln!(out, "{}", one.remote),
            (true, None) => writeln!(out, "{}\t{}", one.remote, one.url),
            (true, Some(volume)) => writeln!(out, "{}\t{} (volume {volume} only)", one.remote, one.url),
        })
    }
}

impl Lines for RemoteList {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, &self.remotes)
    }
}

impl Text for RemoteAddress {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.url)
    }
}

impl Text for RemoteAdded {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let RemoteEntry { remote, url, password, kept_key, .. } = &self.remote;
        writeln!(out, "Added remote {remote} at {url}")?;
        if *password == Some(PasswordSource::Public) {
            writeln!(out, "Everybody knows its password: whoever can read its files can read its volumes")?;
        }
        match kept_key {
            Some(file) => writeln!(
                out,
                "Its key will be kept in {}: whoever reads that file opens everything at {url}",
                file.display()
            ),
            None => Ok(()),
        }
    }
}

impl Text for RemoteChange {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let before = &self.before;
        match &self.after {
            None => writeln!(out, "Removed remote {} (was {})", before.remote, before.url),
            Some(after) if after.remote != before.remote => {
                writeln!(out, "Renamed remote {} to {}", before.remote, after.remote)
            }
            Some(after) => writeln!(out, "Remote {} is now at {}", after.remote, after.url),
        }
    }
}

impl Text for RemoteShown {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "* remote {}", self.remote.remote)?;
        writeln!(out, "  URL: {}", self.remote.url)?;
        let password = match &self.remote.password {
            Some(PasswordSource::File(file)) => format!("in the file {}", file.display()),
            Some(PasswordSource::Command(command)) => format!("of the command '{command}'"),
            Some(PasswordSource::Public) => "public, which everybody knows".to_owned(),
            None => "from the environment, or asked for".to_owned(),
        };
        writeln!(out, "  Password: {password}")?;
        if let Some(file) = &self.remote.kept_key {
            writeln!(out, "  Kept key: {}", file.display())?;
        }
        for of in &self.volumes {
            let there = if of.volume == of.their_volume {
                String::new()
            } else {
                format!(", there {}", of.their_volume)
            };
            writeln!(out, "  Volume {}{there}", of.volume)?;
            for one in &of.refs {
                let crossed = match one.others.len() {
                    0 => String::new(),
                    others => format!(", and at {} of others", count(others, "commit")),
                };
                writeln!(out, "    {} at {}{crossed}", one.reference, one.commit.short())?;
            }
            for one in &of.upstreams {
                writeln!(out, "    branch {} follows {}", one.branch, one.follows)?;
            }
        }
        Ok(())
    }
}

impl Text for RemoteSwept {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let swept = &self.swept;
        let (deleted, marked) = match self.dry_run {
            true => ("Would delete", "Would mark"),
            false => ("Deleted", "Marked"),
        };
        for one in &swept.commits {
            writeln!(out, "{deleted} commit {} of {}", one.commit.short(), one.volume)?;
        }
        if swept.moves > 0 {
            writeln!(out, "{deleted} {} of branches and tags", count(swept.moves, "old move"))?;
        }
        if swept.deleted > 0 {
            writeln!(out, "{deleted} {} that an earlier run marked", format_size(swept.deleted))?;
        }
        if swept.marked > 0 {
            writeln!(out, "{marked} {}; a run a day later deletes it", format_size(swept.marked))?;
        }
        if swept.commits.is_empty() && swept.moves == 0 && swept.deleted == 0 && swept.marked == 0 {
            writeln!(out, "Nothing to delete")?;
        }
        writeln!(out, "In use: {}", format_size(swept.used))
    }
}

json_line!(RemoteAddress, RemoteAdded, RemoteChange, RemoteShown, RemoteSwept);
