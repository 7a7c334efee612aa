//! What `undo`, `reflog` and `gc` say.

use std::io::{self, Write};

use tabwriter::TabWriter;

use super::Wrap;
use super::text::{Text, plain};
use crate::model::count;
use crate::ops::{Collected, ReflogEntry, Undone};

impl Text for Undone {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "Undid operation {} of volume {}: {}",
            self.operation,
            self.volume,
            plain(&self.summary)
        )?;
        match &self.head {
            Some(head) => writeln!(out, "HEAD is now at {}", head.short()),
            None => Ok(()),
        }
    }
}

impl Text for Vec<Undone> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.iter().try_for_each(|undone| undone.text(out))
    }
}

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

impl Text for Collected {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let verb = if self.dry_run { "Would free" } else { "Freed" };
        match self.operations {
            0 => writeln!(out, "{verb} nothing")?,
            n => writeln!(out, "{verb} {} of {}", size(self.bytes), count(n, "operation"))?,
        }
        if self.kept > 0 {
            writeln!(out, "Kept {} of {}", size(self.kept_bytes), count(self.kept, "operation"))?;
        }
        Ok(())
    }
}

pub(super) fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes;
    let mut rest = 0;
    let mut unit = 0;
    while value >= 1024 && unit + 1 < units.len() {
        rest = value % 1024;
        value /= 1024;
        unit += 1;
    }
    match unit {
        0 => format!("{value} B"),
        _ => format!("{value}.{} {}", rest * 10 / 1024, units[unit]),
    }
}
