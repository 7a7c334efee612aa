//! Report of `rm`.

use std::io::{self, Write};

use crate::ops::Removed;
use crate::report::json::json_line;
use crate::report::text::Text;

impl Text for Removed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Deleted volume {}", self.volume)
    }
}

json_line!(Removed);
