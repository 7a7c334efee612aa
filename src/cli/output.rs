//! Prints to standard error, and says why a run failed.

use std::io::{self, Write as _};

use crate::model::plain_lines;
use crate::report::{Door, label_style};

/// Why a run failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The pool refused or failed.
    Pool(crate::error::Error),
    /// The command line is wrong.
    Usage(String),
    /// The action needs a confirmation, and there is no terminal to ask on.
    NotConfirmed {
        /// The action, as a verb phrase.
        action: String,
    },
    /// The driver cannot serve.
    Serve(crate::plugin::ServeError),
    /// Something outside the pool failed: a file, an editor, another program.
    Failed(String),
    /// Standard output cannot be written.
    Output(io::Error),
}

impl<E: Into<crate::error::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Pool(error.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

impl Failure {
    /// Wraps the error of a verb that writes content: a reader that has gone has had enough, which
    /// is a clean end.
    pub(super) fn of_content(error: crate::error::Error) -> Self {
        match error {
            crate::error::Error::Disk(error) if error.source.kind() == io::ErrorKind::BrokenPipe => {
                Failure::Output(error.source)
            }
            error => Failure::Pool(error),
        }
    }
}

/// Opens standard output: its colours are for a terminal, and nothing else acts on one.
pub(super) fn out() -> Door<impl io::Write> {
    Door::new(io::BufWriter::new(anstream::stdout().lock()))
}

/// Prints `label: text` to standard error, with the label in colour on a terminal.
pub(super) fn say(label: &str, text: &str) {
    let (style, text) = (label_style(label), plain_lines(text));
    // A failure to write to standard error cannot be reported anywhere.
    let _ = writeln!(anstream::stderr().lock(), "{style}{label}:{style:#} {text}");
}
