//! Prints to standard error, and says why a run failed.

use std::io::{self, Write as _};
use std::ops::ControlFlow;

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
    /// The page cannot be served.
    Ui(crate::ui::UiError),
    /// Something outside the pool failed: a file, an editor, another program.
    Failed(String),
    /// Something outside the pool failed in a way that scripts can tell from others.
    Named {
        /// The code in JSON.
        code: &'static str,
        /// The message.
        message: String,
        /// What to do.
        hints: Vec<String>,
        /// The exit code.
        exit: u8,
    },
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

/// Writes each thing that `visit_all` visits, and ends the visit when one cannot be written.
/// Returns what the visit returns.
pub(super) fn write_each<T, R, E>(
    mut write: impl FnMut(T) -> io::Result<()>,
    visit_all: impl FnOnce(&mut dyn FnMut(T) -> ControlFlow<()>) -> Result<R, E>,
) -> Result<R, Failure>
where
    Failure: From<E>,
{
    let mut failed = None;
    let done = visit_all(&mut |one| match write(one) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    })?;
    failed.map_or(Ok(done), |error| Err(Failure::Output(error)))
}

/// Prints `label: text` to standard error, with the label in colour on a terminal.
pub(super) fn say(label: &str, text: &str) {
    let (style, text) = (label_style(label), plain_lines(text));
    // A failure to write to standard error cannot be reported anywhere.
    let _ = writeln!(anstream::stderr().lock(), "{style}{label}:{style:#} {text}");
}
