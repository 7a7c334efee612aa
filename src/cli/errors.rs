//! Turns errors into text and exit codes: 1 refused or failed, 2 usage, 3 timed out waiting for a
//! lock, 4 done but a container is not up, 130 interrupted.

use std::io;
use std::process::ExitCode;

use super::error_codes;
use super::hints::hints;
use super::output::{Failure, say};
use crate::error::Error;
use crate::pool::Pool;
use crate::remotes::RemoteError;
use crate::report::{Advice, FailureReport, Format, Lines as _};
use crate::store::StoreError;
use crate::sys::locks::LockError;
use crate::sys::tree::ExtractError;
use crate::ui::UiError;

pub(super) const FAILED: u8 = 1;
const USAGE: u8 = 2;
const LOCKED: u8 = 3;
const NOT_UP: u8 = 4;
/// The exit code of a shell for a command that SIGINT ended.
pub(super) const INTERRUPTED: u8 = 130;

/// What to print of a failure.
struct Told {
    message: String,
    note: Option<&'static str>,
    hints: Vec<String>,
    exit: u8,
}

impl Told {
    fn new(message: impl Into<String>, exit: u8) -> Self {
        Told { message: message.into(), note: None, hints: Vec::new(), exit }
    }

    fn hinting(self, hints: impl IntoIterator<Item = String>) -> Self {
        Told { hints: hints.into_iter().collect(), ..self }
    }

    /// Prints the failure to standard error: as one JSON object where JSON is wanted.
    fn print(self, code: &'static str, format: Format) -> ExitCode {
        if format == Format::Json {
            let hints = self.hints.iter().map(|hint| Advice::of(hint)).collect();
            let report = FailureReport { error: code, message: self.message, hints, exit: self.exit };
            // A failure to write to standard error cannot be reported anywhere.
            let _ = report.json(&mut io::stderr().lock());
            return ExitCode::from(self.exit);
        }
        say("error", &self.message);
        if let Some(note) = self.note {
            say("note", note);
        }
        for hint in &self.hints {
            say("hint", hint);
        }
        ExitCode::from(self.exit)
    }
}

/// Prints a failure with hints and returns the exit code. The pool, if there is one, knows similar
/// names.
pub(super) fn exit(failure: &Failure, pool: Option<&Pool>, format: Format) -> ExitCode {
    let told = match failure {
        // Which file was being copied at an interrupt does not matter.
        Failure::Pool(error) if is_interrupt(error) => Told {
            note: Some("nothing changed"),
            hints: hints(error, pool),
            ..Told::new("interrupted", code(error))
        },
        Failure::Pool(error @ Error::Remote(RemoteError::PushInterrupted(moved))) => Told {
            note: moved.is_empty().then_some("no branch or tag of the remote moved"),
            hints: hints(error, pool),
            ..Told::new(error.to_string(), code(error))
        },
        Failure::Pool(error @ Error::Remote(RemoteError::SweepInterrupted)) => Told {
            note: Some("nothing was deleted that a branch or a tag needs"),
            hints: hints(error, pool),
            ..Told::new(error.to_string(), code(error))
        },
        Failure::Pool(error) => Told::new(error.to_string(), code(error)).hinting(hints(error, pool)),
        Failure::Usage(message) => Told::new(message, USAGE),
        Failure::NotConfirmed { action } => {
            Told::new(format!("refusing to {action} without confirmation"), FAILED)
                .hinting(["confirm with -f".to_owned()])
        }
        Failure::Failed(message) => Told::new(message, FAILED),
        Failure::Named { message, hints, exit, .. } => Told::new(message, *exit).hinting(hints.clone()),
        Failure::Serve(error) => Told::new(error.to_string(), FAILED),
        Failure::Ui(error) => {
            let hint = "reach it from another machine through ssh: ssh -L 7000:127.0.0.1:7000 HOST";
            let is_refused = matches!(error, UiError::NotLoopback(_));
            Told::new(error.to_string(), FAILED).hinting(is_refused.then(|| hint.to_owned()))
        }
        // The reader closed the pipe: a clean end.
        Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
        Failure::Output(error) => Told::new(format!("cannot write the output: {error}"), FAILED),
    };
    told.print(error_codes::of(failure), format)
}

/// Prints a usage error and returns the exit code.
pub(super) fn usage(message: &str) -> ExitCode {
    Told::new(message, USAGE).print(error_codes::USAGE, format_typed())
}

/// Prints a usage error that clap found and returns the exit code.
pub(super) fn command_line(error: &clap::Error) -> ExitCode {
    let (text, hints) = super::usage::words(error);
    usage_with(&text, hints)
}

/// Prints a usage error with hints and returns the exit code.
pub(super) fn usage_with(message: &str, hints: impl IntoIterator<Item = String>) -> ExitCode {
    Told::new(message, USAGE).hinting(hints).print(error_codes::USAGE, format_typed())
}

/// Returns the format that was typed, on a command line that may be wrong.
fn format_typed() -> Format {
    let words: Vec<_> = std::env::args_os().collect();
    let is_pair = |pair: &[std::ffi::OsString]| pair[0] == "--format" && pair[1] == "json";
    match words.windows(2).any(is_pair) || words.iter().any(|word| word == "--format=json") {
        true => Format::Json,
        false => Format::Text,
    }
}

/// Returns the exit code of an error.
pub(super) fn code(error: &Error) -> u8 {
    match error {
        Error::Lock(LockError::TimedOut { .. })
        | Error::Store(StoreError::Lock(LockError::TimedOut { .. }))
        | Error::Remote(RemoteError::Busy { .. } | RemoteError::Locked { .. }) => LOCKED,
        Error::NoMessage
        | Error::Name(_)
        | Error::Revision(_)
        | Error::RemoteWord(_)
        | Error::UnknownSetting(_)
        | Error::GlobalSetting(_)
        | Error::BadSetting { .. } => USAGE,
        Error::NotReleased { .. } => NOT_UP,
        Error::Interrupted
        | Error::Remote(RemoteError::PushInterrupted(_) | RemoteError::SweepInterrupted) => INTERRUPTED,
        Error::Remote(RemoteError::Uncertain { source, .. })
            if matches!(**source, RemoteError::Interrupted) =>
        {
            INTERRUPTED
        }
        error if is_interrupt(error) => INTERRUPTED,
        _ => FAILED,
    }
}

/// Returns whether a signal ended the operation.
pub(super) fn is_interrupt(error: &Error) -> bool {
    let kind = match error {
        Error::Disk(error)
        | Error::Extract(ExtractError::Disk(error))
        | Error::Remote(RemoteError::Disk(error)) => error.source.kind(),
        Error::Extract(ExtractError::Archive(source) | ExtractError::Entry { source, .. }) => source.kind(),
        _ => {
            return matches!(
                error,
                Error::Interrupted
                    | Error::Lock(LockError::Interrupted)
                    | Error::Remote(RemoteError::Interrupted)
            );
        }
    };
    kind == io::ErrorKind::Interrupted
}
