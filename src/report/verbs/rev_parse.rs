//! Report of `rev-parse`.

use std::io::{self, Write};

use serde::Serialize;

use crate::model::CommitId;
use crate::report::json::json_line;
use crate::report::text::Text;

/// What `rev-parse` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parsed {
    /// The id, abbreviated if asked for, or the branch's name.
    pub name: Option<String>,
    /// The whole id.
    pub commit: Option<CommitId>,
}

impl Text for Parsed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.name.as_deref().unwrap_or_default())
    }
}

json_line!(Parsed);
