//! Report of `undo`.

use std::io::{self, Write};

use crate::model::plain;
use crate::ops::Undone;
use crate::report::json::{json_line, json_lines};
use crate::report::text::Text;

impl Text for Undone {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "Undid operation {} of volume {}: {}",
            self.operation,
            self.volume,
            plain(&self.summary)
        )?;
        match &self.head {
            Some(head) => writeln!(out, "HEAD is now at {}", head.short()),
            None => Ok(()),
        }
    }
}

impl Text for Vec<Undone> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.iter().try_for_each(|undone| undone.text(out))
    }
}

json_line!(Undone);
json_lines!(Undone);
