//! Report of `gc`.

use std::io::{self, Write};

use crate::model::{count, format_size};
use crate::ops::Collected;
use crate::report::json::json_line;
use crate::report::text::Text;

impl Text for Collected {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let verb = if self.dry_run { "Would free" } else { "Freed" };
        match self.operations {
            0 => writeln!(out, "{verb} nothing")?,
            n => writeln!(out, "{verb} {} of {}", format_size(self.bytes), count(n, "operation"))?,
        }
        if self.kept > 0 {
            writeln!(out, "Kept {} of {}", format_size(self.kept_bytes), count(self.kept, "operation"))?;
        }
        Ok(())
    }
}

json_line!(Collected);
