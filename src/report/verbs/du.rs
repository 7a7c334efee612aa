//! Report of `du`.

use std::io::{self, Write};

use tabwriter::{Alignment, TabWriter};

use crate::model::{count, format_size, plain};
use crate::ops::{DuEntry, Measured, VolumeUsage};
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
                Measured::Trash { operations } => format!("trash of {}", count(*operations, "operation")),
            };
            writeln!(table, "{}\t{unshared}\t  {name}", format_size(sizes.logical))?;
        }
        table.flush()
    }
}

impl Text for Vec<VolumeUsage> {
    fn wrap(&self) -> Wrap {
        Wrap::Table
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = TabWriter::new(out).padding(2).alignment(Alignment::Right);
        writeln!(table, "BRANCHES\tCOMMITS\tTRASH\tTOTAL\t")?;
        for usage in self {
            let name = match &usage.volume {
                Some(volume) if usage.deleted => format!("{volume} (deleted)"),
                Some(volume) => volume.to_string(),
                None => "all volumes".to_owned(),
            };
            let [branches, commits, trash, total] =
                [usage.branch_bytes, usage.commit_bytes, usage.trash_bytes, usage.total_bytes]
                    .map(format_size);
            let commits = format!("{} in {commits}", usage.commits);
            writeln!(table, "{branches}\t{commits}\t{trash}\t{total}\t  {name}")?;
        }
        table.flush()
    }
}

json_lines!(DuEntry, VolumeUsage);
