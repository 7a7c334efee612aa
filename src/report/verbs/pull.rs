//! Report of `pull`, in git's words.

use std::io::{self, Write};

use crate::model::format_size;
use crate::ops::Pulled;
use crate::report::json::json_line;
use crate::report::text::Text;

impl Text for Pulled {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.moved.is_none() {
            return writeln!(out, "Already up to date.");
        }
        match &self.from {
            Some(from) => writeln!(out, "Updating {}..{}", from.short(), self.to.short())?,
            None => writeln!(out, "Updating to {}", self.to.short())?,
        }
        match &self.data {
            None => writeln!(out, "Fast-forward, all data was here"),
            Some(data) => {
                let came = data.bytes - data.here.min(data.bytes);
                writeln!(
                    out,
                    "Fast-forward, {} received, {} were here",
                    format_size(came),
                    format_size(data.here)
                )
            }
        }
    }
}

json_line!(Pulled);
