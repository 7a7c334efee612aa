//! The one place that words go out from.

use std::io::{self, Write as _};

use crate::report::label_style;

/// Why a run ends without success.
#[derive(Debug)]
pub(super) enum Failure {
    /// The pool refused or failed.
    Pool(crate::error::Error),
    /// The command line asks for what cannot be.
    Usage(String),
    /// A command needs confirmation, and no terminal can ask for it.
    NotConfirmed {
        /// What would be done.
        action: String,
    },
    /// The driver does not serve.
    Serve(crate::plugin::ServeError),
    /// Something around the pool failed: a file, an editor, another program.
    Failed(String),
    /// Standard output is gone.
    Output(io::Error),
}

impl<E: Into<crate::error::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Pool(error.into())
    }
}

/// Writes `label: text` to standard error, the label in colour on a terminal.
pub(super) fn say(label: &str, text: &str) {
    let style = label_style(label);
    // When standard error is gone there is nobody left to tell.
    let _ = writeln!(anstream::stderr().lock(), "{style}{label}:{style:#} {text}");
}
