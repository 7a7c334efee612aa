//! Report of `checkout`.

use std::io::{self, Write};

use crate::ops::CheckedOut;
use crate::report::json::{json_line, json_lines};
use crate::report::text::{Text, text_by_volume};
use crate::report::words::dropped;

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

impl Text for Vec<CheckedOut> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        text_by_volume(out, self.iter().map(|done| (done.volume.as_str(), done)))
    }
}

json_line!(CheckedOut);
json_lines!(CheckedOut);
