//! Reports of `stash`.

use std::io::{self, Write};

use crate::model::plain;
use crate::ops::{StashEntry, Stashed};
use crate::report::json::{json_line, json_lines};
use crate::report::text::Text;

impl Text for Vec<StashEntry> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.iter().try_for_each(|one| writeln!(out, "stash@{{{}}}: {}", one.number, plain(&one.message)))
    }
}

impl Text for Stashed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let StashEntry { number, message, .. } = &self.stash;
        let (what, message) = (format!("stash@{{{number}}}"), plain(message));
        match self.action {
            "push" => writeln!(out, "Saved the working tree as {what}: {message}"),
            "drop" => writeln!(out, "Dropped {what}: {message}"),
            "pop" => writeln!(out, "Brought back and dropped {what}: {message}"),
            _ => writeln!(out, "Brought back {what}: {message}"),
        }
    }
}

json_line!(Stashed);
json_lines!(StashEntry);
