//! Words and numbers that several reports share.

use std::io::{self, Write};

use crate::model::{CommitId, Signature, count, plain};

/// Formats an author, safe for a terminal.
pub(super) fn author(author: &Signature) -> String {
    plain(&author.to_string())
}

/// Writes how many commits an operation dropped, if any.
pub(super) fn dropped(out: &mut dyn Write, commits: &[CommitId]) -> io::Result<()> {
    match commits {
        [] => Ok(()),
        _ => writeln!(out, "Dropped {} that nothing else holds", count(commits.len(), "commit")),
    }
}
