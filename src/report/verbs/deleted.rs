//! Report of `list --deleted`.

use std::io::{self, Write};

use tabwriter::TabWriter;

use crate::model::{format_size, plain};
use crate::ops::DeletedVolume;
use crate::report::Wrap;
use crate::report::json::json_lines;
use crate::report::text::Text;

impl Text for Vec<DeletedVolume> {
    fn wrap(&self) -> Wrap {
        Wrap::Table
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = TabWriter::new(out).padding(3);
        writeln!(table, "VOLUME\tDELETED\tHEAD\tTRASH\tOPERATION")?;
        for one in self {
            let head = one.head.as_ref().map_or("-", |id| id.short());
            let date = one.date.to_zoned().strftime("%Y-%m-%d %H:%M:%S");
            let size = format_size(one.bytes);
            writeln!(
                table,
                "{}\t{date}\t{head}\t{size}\t{} {}",
                one.volume,
                one.operation,
                plain(&one.summary)
            )?;
        }
        table.flush()
    }
}

json_lines!(DeletedVolume);
