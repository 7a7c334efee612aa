//! Report of `doctor`.

use std::io::{self, Write};

use crate::model::plain;
use crate::ops::{Check, Health};
use crate::report::Wrap;
use crate::report::json::json_lines;
use crate::report::style::{COMMIT, GREEN, RED};
use crate::report::text::Text;

impl Text for Vec<Check> {
    fn wrap(&self) -> Wrap {
        Wrap::Prose
    }

    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        for check in self {
            let (word, style) = match check.health {
                Health::Good => ("ok", GREEN),
                Health::Poor => ("note", COMMIT),
                Health::Bad => ("FAIL", RED),
            };
            writeln!(out, "{style}{word:<5}{style:#} {:<12} {}", check.subject, plain(&check.found))?;
            if let Some(remedy) = &check.remedy {
                writeln!(out, "{:18} -> {remedy}", "")?;
            }
        }
        Ok(())
    }
}

json_lines!(Check);
