//! Report of `restore`.

use std::io::{self, Write};

use crate::model::{count, plain};
use crate::ops::PathsRestored;
use crate::report::json::json_line;
use crate::report::text::Text;

impl Text for PathsRestored {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let paths = count(self.paths.len(), "path");
        writeln!(out, "Restored {paths} from {} {}", self.source.short(), plain(&self.subject))
    }
}

json_line!(PathsRestored);
