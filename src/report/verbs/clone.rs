//! Report of `clone`.

use std::io::{self, Write};

use crate::ops::Cloned;
use crate::report::json::json_line;
use crate::report::text::Text;

impl Text for Cloned {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (source, id) = (&self.source, self.source_id.short());
        writeln!(out, "Created volume {} from {source}:{id}", self.volume)
    }
}

json_line!(Cloned);
