//! Report of `ui`: where the page is.

use std::io::{self, Write};

use serde::Serialize;

use crate::report::json::json_line;
use crate::report::text::Text;

/// The page is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Served {
    /// The first address, with the token of this run.
    pub address: String,
}

impl Text for Served {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.address)
    }
}

json_line!(Served);
