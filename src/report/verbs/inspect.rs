//! Report of `inspect`.

use std::io::{self, Write};

use crate::ops::Inspection;
use crate::report::json::{escaped, json_lines};
use crate::report::text::Text;

impl Text for Vec<Inspection> {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", escaped(&serde_json::to_string_pretty(self)?))
    }
}

json_lines!(Inspection);
