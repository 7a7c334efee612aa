//! Report of `list`.

use std::io::{self, Write};

use tabwriter::TabWriter;

use crate::ops::Listing;
use crate::report::json::lines;
use crate::report::text::Text;
use crate::report::{Lines, Wrap};

impl Text for Listing {
    fn wrap(&self) -> Wrap {
        Wrap::Table
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = TabWriter::new(out).padding(3);
        writeln!(table, "  VOLUME\tBRANCH\tCONTAINERS")?;
        for entry in &self.volumes {
            let mark = if entry.current { '*' } else { ' ' };
            let containers = entry.containers.as_ref().map_or("?".to_owned(), |names| names.join(","));
            writeln!(table, "{mark} {}\t{}\t{containers}", entry.volume, entry.branch)?;
        }
        table.flush()
    }
}

impl Lines for Listing {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, &self.volumes)
    }
}
