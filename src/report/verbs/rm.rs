//! Report of `rm`.

use std::io::{self, Write};

use super::worktree::write_removed;
use crate::ops::Removed;
use crate::report::json::json_line;
use crate::report::text::Text;

impl Text for Removed {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        match (&self.worktree_of, &self.branch) {
            (Some(owner), Some(branch)) => write_removed(out, &self.volume, owner, branch),
            _ => writeln!(out, "Deleted volume {}", self.volume),
        }
    }
}

json_line!(Removed);
