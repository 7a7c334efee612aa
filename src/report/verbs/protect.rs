//! Reports of `protect` and `unprotect`.

use std::io::{self, Write};

use crate::ops::{ProtectDone, ProtectedEntry};
use crate::report::json::{json_line, json_lines};
use crate::report::text::Text;

/// Names what is protected, as an operand of the verb.
fn operand(entry: &ProtectedEntry) -> String {
    match &entry.name {
        None => entry.volume.to_string(),
        Some(name) => format!("{}:{name}", entry.volume),
    }
}

impl Text for Vec<ProtectedEntry> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self.iter().map(|entry| entry.kind.len()).max().unwrap_or(0).max("branch".len());
        self.iter().try_for_each(|entry| writeln!(out, "{:<width$} {}", entry.kind, operand(entry)))
    }
}

impl Text for ProtectDone {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let is = match (self.protected, self.changed) {
            (true, true) => "is protected now",
            (true, false) => "is protected already",
            (false, true) => "is no longer protected",
            (false, false) => "is not protected",
        };
        writeln!(out, "{} {} {is}", capital(self.entry.kind), operand(&self.entry))
    }
}

fn capital(kind: &str) -> String {
    let mut letters = kind.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

json_line!(ProtectDone);
json_lines!(ProtectedEntry);
