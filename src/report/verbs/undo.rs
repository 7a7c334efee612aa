//! Report of `undo` and `redo`.

use std::io::{self, Write};

use crate::model::plain;
use crate::ops::Undone;
use crate::report::json::{json_line, json_lines};
use crate::report::text::Text;

impl Text for Undone {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (done, verb) = if self.redone { ("Redid", "redo") } else { ("Undid", "undo") };
        let Undone { volume, operation, .. } = self;
        let summary = plain(&self.summary);
        let next = match &self.next {
            Some(next) => format!("next {verb}: {} (operation {})", plain(&next.summary), next.operation),
            None => format!("nothing else to {verb}"),
        };
        match &self.was {
            Some(was) => {
                writeln!(out, "Brought back volume {was} as {volume}: operation {operation}, {summary}")?;
            }
            None => writeln!(out, "{done} operation {operation} of volume {volume}: {summary}; {next}")?,
        }
        let Some(head) = &self.head else { return Ok(()) };
        let subject =
            self.subject.as_ref().map_or_else(String::new, |subject| format!(" {}", plain(subject)));
        let branch = self.branch.as_ref().map_or_else(String::new, |branch| format!(" (branch {branch})"));
        writeln!(out, "HEAD is now at {}{subject}{branch}", head.short())
    }
}

impl Text for Vec<Undone> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.iter().try_for_each(|undone| undone.text(out))
    }
}

json_line!(Undone);
json_lines!(Undone);
