//! Report of `reset`.

use std::io::{self, Write};

use crate::model::plain;
use crate::ops::ResetDone;
use crate::report::json::{json_line, json_lines};
use crate::report::text::{Text, text_by_volume};
use crate::report::words::dropped;

impl Text for ResetDone {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let subject = self.message.lines().next().unwrap_or_default();
        writeln!(out, "HEAD is now at {} {}", self.to.short(), plain(subject))?;
        dropped(out, &self.dropped)
    }
}

impl Text for Vec<ResetDone> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        text_by_volume(out, self.iter().map(|done| (done.volume.as_str(), done)))
    }
}

json_line!(ResetDone);
json_lines!(ResetDone);
