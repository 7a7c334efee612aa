//! Report of `commit`.

use std::io::{self, Write};

use crate::ops::{Amended, Committed};
use crate::report::json::{json_line, json_lines};
use crate::report::text::Text;

impl Text for Committed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.id)
    }
}

impl Text for Vec<Committed> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        // Made as one, they have one id.
        self.first().map_or(Ok(()), |committed| committed.text(out))
    }
}

impl Text for Amended {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.id)
    }
}

json_line!(Amended, Committed);
json_lines!(Committed);
