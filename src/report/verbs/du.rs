//! Report of `du`.

use std::io::{self, Write};

use tabwriter::{Alignment, TabWriter};

use crate::model::{format_size, plain};
use crate::ops::{DuEntry, Measured};
use crate::report::Wrap;
use crate::report::json::json_lines;
use crate::report::text::Text;

impl Text for Vec<DuEntry> {
    fn wrap(&self) -> Wrap {
        Wrap::Table
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = TabWriter::new(out).padding(2).alignment(Alignment::Right);
        writeln!(table, "LOGICAL\tUNSHARED\t")?;
        for DuEntry { what, sizes, .. } in self {
            let unshared = sizes.unshared.map_or_else(|| "?".to_owned(), format_size);
            let name = match what {
                Measured::Branch { branch, current: true } => format!("branch {branch} (current)"),
                Measured::Branch { branch, current: false } => format!("branch {branch}"),
                Measured::Commit { id, subject } => format!("commit {} {}", id.short(), plain(subject)),
                Measured::Total => "total".to_owned(),
            };
            writeln!(table, "{}\t{unshared}\t  {name}", format_size(sizes.logical))?;
        }
        table.flush()
    }
}

json_lines!(DuEntry);
