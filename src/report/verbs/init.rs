//! Report of `init`.

use std::io::{self, Write};

use crate::ops::Created;
use crate::report::json::json_line;
use crate::report::text::Text;

impl Text for Created {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Created volume {}", self.volume)?;
        writeln!(out, "Created branch {}/{}", self.volume, self.branch)
    }
}

json_line!(Created);
