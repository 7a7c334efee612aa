//! Reports of `export` and `import`.

use std::io::{self, Write};

use crate::model::{entries, format_size};
use crate::ops::{Exported, Imported, MetadataLine};
use crate::report::json::{json_line, json_lines};
use crate::report::text::Text;

impl Text for Exported {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (volume, id) = (&self.volume, self.id.short());
        let size = format!("{}, {}", entries(self.entries), format_size(self.bytes));
        match self.of_working_tree {
            true => writeln!(out, "Exported the working tree of {volume}: {size}"),
            false => writeln!(out, "Exported {volume}:{id}: {size}"),
        }
    }
}

impl Text for Imported {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let (volume, id) = (&self.volume, self.id.short());
        writeln!(
            out,
            "Imported volume {volume} at {id}: {}, {}",
            entries(self.entries),
            format_size(self.bytes)
        )
    }
}

json_line!(Exported, Imported);
json_lines!(MetadataLine);
