//! Report of `clone`.

use std::io::{self, Write};

use crate::model::format_size;
use crate::ops::{Cloned, ClonedFrom};
use crate::report::json::json_line;
use crate::report::text::Text;

impl Text for Cloned {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (source, id) = (&self.source, self.source_id.short());
        writeln!(out, "Created volume {} from {source}:{id}", self.volume)
    }
}

impl Text for ClonedFrom {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (from, id) = (format!("{}/{}", self.url, self.their_volume), self.id.short());
        writeln!(out, "Created volume {} from {from}:{id}, {}", self.volume, format_size(self.bytes))
    }
}

json_line!(Cloned, ClonedFrom);
