//! Report of `forget`.

use std::io::{self, Write};

use crate::model::{count, format_size, plain};
use crate::ops::ForgetDone;
use crate::report::json::json_line;
use crate::report::text::Text;

impl Text for ForgetDone {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let verb = if self.dry_run { "Would forget" } else { "Forgot" };
        for commit in &self.commits {
            let date = commit.date.to_zoned().strftime("%Y-%m-%d %H:%M:%S");
            writeln!(out, "{} {date} {}", commit.id.short(), plain(&commit.subject))?;
        }
        match self.commits.len() {
            0 => writeln!(out, "{verb} nothing of volume {}", self.volume)?,
            n => {
                let size = format_size(self.bytes);
                writeln!(out, "{verb} {} of volume {}, {size}", count(n, "commit"), self.volume)?;
            }
        }
        writeln!(out, "Kept {}", count(self.kept, "commit"))
    }
}

json_line!(ForgetDone);
