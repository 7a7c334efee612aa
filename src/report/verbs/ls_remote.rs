//! Report of `ls-remote`.

use std::io::{self, Write};

use tabwriter::TabWriter;

use crate::model::{format_size, plain};
use crate::ops::RemoteRefs;
use crate::report::json::lines;
use crate::report::text::Text;
use crate::report::{Lines, Wrap};

impl Text for RemoteRefs {
    fn wrap(&self) -> Wrap {
        Wrap::Table
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = TabWriter::new(out).padding(3);
        writeln!(table, "VOLUME\tREF\tCOMMIT\tSIZE\tDATE\tDESCRIPTION")?;
        for one in &self.refs {
            let crossed = if one.crossed { " (pushes crossed)" } else { "" };
            writeln!(
                table,
                "{}\t{}\t{}\t{}\t{}\t{}{crossed}",
                one.volume,
                one.reference.short(),
                one.commit.short(),
                format_size(one.bytes),
                one.date.to_zoned().strftime("%Y-%m-%d"),
                plain(&one.description),
            )?;
        }
        table.flush()
    }
}

impl Lines for RemoteRefs {
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        lines(out, &self.refs)
    }
}
