//! Report of `ensure`.

use std::io::{self, Write};

use crate::ops::Ensured;
use crate::report::json::json_line;
use crate::report::text::Text;
use crate::report::words::dropped;

impl Text for Ensured {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Ensured { volume, tag, seconds, .. } = self;
        let id = self.commit.short();
        match (self.found, self.reset) {
            (true, true) => write!(out, "Found '{tag}' and reset volume {volume} to {id} in {seconds:.2} s")?,
            (true, false) => {
                write!(out, "Found '{tag}'; volume {volume} is at {id} already, seen in {seconds:.2} s")?;
            }
            (false, _) => write!(out, "Seeded '{tag}' in volume {volume} as {id} in {seconds:.2} s")?,
        }
        match self.disruption.ready_ms {
            Some(ready_ms) => writeln!(out, "; containers were ready after {ready_ms} ms")?,
            None => writeln!(out)?,
        }
        dropped(out, &self.dropped)
    }
}

json_line!(Ensured);
