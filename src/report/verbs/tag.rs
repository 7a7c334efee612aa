//! Reports of `tag`.

use std::io::{self, Write};

use crate::ops::{DeletedTag, TagEntry, Tagged};
use crate::report::json::{json_line, json_lines};
use crate::report::text::Text;
use crate::report::words::dropped;

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

json_line!(DeletedTag, Tagged);
json_lines!(TagEntry);
