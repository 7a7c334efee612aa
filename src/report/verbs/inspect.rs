//! Report of `inspect`.

use std::io::{self, Write};

use crate::ops::Inspection;
use crate::report::json::json_lines;
use crate::report::text::Text;

impl Text for Vec<Inspection> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }
}

json_lines!(Inspection);
