//! Report of `rename`.

use std::io::{self, Write};

use crate::ops::Renamed;
use crate::report::json::json_line;
use crate::report::text::Text;

impl Text for Renamed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Renamed volume {} to {}", self.from, self.volume)
    }
}

json_line!(Renamed);
