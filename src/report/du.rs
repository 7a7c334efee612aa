//! What `du` says.

use std::io::{self, Write};

use tabwriter::{Alignment, TabWriter};

use super::Wrap;
use super::json::{Lines, lines};
use super::text::{Text, plain};
use super::undo::size;
use crate::ops::{DuEntry, Measured};

impl Text for Vec<DuEntry> {
    fn wrap(&self) -> Wrap {
        Wrap::Table
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = TabWriter::new(out).padding(2).alignment(Alignment::Right);
        writeln!(table, "LOGICAL\tUNSHARED\t")?;
        for DuEntry { what, sizes, .. } in self {
            let unshared = sizes.unshared.map_or_else(|| "?".to_owned(), size);
            let name = match what {
                Measured::Branch { branch, current: true } => format!("branch {branch} (current)"),
                Measured::Branch { branch, current: false } => format!("branch {branch}"),
                Measured::Commit { id, subject } => format!("commit {} {}", id.short(), plain(subject)),
                Measured::Total => "total".to_owned(),
            };
            writeln!(table, "{}\t{unshared}\t  {name}", size(sizes.logical))?;
        }
        table.flush()
    }
}

impl Lines for Vec<DuEntry> {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, self)
    }
}
