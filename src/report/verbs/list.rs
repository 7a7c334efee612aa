//! Report of `list`.

use std::io::{self, Write};

use tabwriter::TabWriter;

use crate::containers::State;
use crate::model::{age, format_size};
use crate::ops::{Listing, VolumeEntry};
use crate::report::json::lines;
use crate::report::text::Text;
use crate::report::{Lines, Wrap};

impl Text for Listing {
    fn wrap(&self) -> Wrap {
        Wrap::Table
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = TabWriter::new(out).padding(3);
        let has_projects = self.volumes.iter().any(|entry| entry.project.is_some());
        let project = if has_projects { "PROJECT\t" } else { "" };
        writeln!(table, "  VOLUME\tBRANCH\tHEAD\tAGE\tSIZE\t{project}CONTAINERS")?;
        for entry in &self.volumes {
            let mark = if entry.current { '*' } else { ' ' };
            let indent = if entry.worktree_of.is_some() { "  " } else { "" };
            write!(table, "{mark} {indent}{}\t{}\t", entry.volume, entry.branch)?;
            let head = entry.head.as_ref().map_or("-", |head| head.short());
            let age = entry.date.map(|date| age(date, self.now)).unwrap_or_default();
            write!(table, "{head}\t{age}\t{}\t", entry.size.map(format_size).unwrap_or_default())?;
            if has_projects {
                write!(table, "{}\t", entry.project.as_deref().unwrap_or_default())?;
            }
            writeln!(table, "{}", containers(entry))?;
        }
        table.flush()
    }
}

/// Names the containers of a volume, with the states of those that do not run.
fn containers(entry: &VolumeEntry) -> String {
    let (Some(names), Some(states)) = (&entry.containers, &entry.states) else { return "?".to_owned() };
    let one = |(name, state): (&String, &State)| match state {
        State::Running => name.clone(),
        State::Paused => format!("{name} (paused)"),
        State::Stopped => format!("{name} (stopped)"),
    };
    names.iter().zip(states).map(one).collect::<Vec<_>>().join(",")
}

impl Lines for Listing {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, &self.volumes)
    }
}
