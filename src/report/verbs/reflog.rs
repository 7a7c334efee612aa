//! Report of `reflog`.

use std::io::{self, Write};

use tabwriter::TabWriter;

use crate::model::plain;
use crate::ops::ReflogEntry;
use crate::report::Wrap;
use crate::report::json::json_lines;
use crate::report::text::Text;

impl Text for Vec<ReflogEntry> {
    fn wrap(&self) -> Wrap {
        Wrap::Table
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = TabWriter::new(out).padding(2);
        writeln!(table, "OPERATION\tCOMMIT\tNAME\tDATE\tWHAT")?;
        for entry in self {
            let after = entry.after.as_ref().map_or("-", |id| id.short());
            let name = entry.head.map_or_else(String::new, |n| format!("HEAD@{{{n}}}"));
            let date = entry.date.to_zoned().strftime("%Y-%m-%d %H:%M:%S");
            writeln!(table, "{}\t{after}\t{name}\t{date}\t{}", entry.operation, plain(&entry.summary))?;
        }
        table.flush()
    }
}

json_lines!(ReflogEntry);
