//! Turns errors into text and exit codes: 1 refused or failed, 2 usage, 3 timed out waiting for a
//! lock, 4 done but a container is not up, 130 interrupted.

use std::io;
use std::process::ExitCode;

use super::hints::hints;
use super::output::{Failure, say};
use crate::error::Error;
use crate::pool::Pool;
use crate::store::StoreError;
use crate::sys::locks::LockError;
use crate::sys::tree::ExtractError;

pub(super) const FAILED: u8 = 1;
const USAGE: u8 = 2;
const LOCKED: u8 = 3;
const NOT_UP: u8 = 4;
/// The exit code of a shell for a command that SIGINT ended.
pub(super) const INTERRUPTED: u8 = 130;

/// Prints a failure with hints and returns the exit code. The pool, if there is one, knows similar
/// names.
pub(super) fn exit(failure: &Failure, pool: Option<&Pool>) -> ExitCode {
    match failure {
        Failure::Pool(error) => {
            // Which file was being copied at an interrupt does not matter.
            let text = if is_interrupt(error) { "interrupted".to_owned() } else { error.to_string() };
            say("error", &text);
            if is_interrupt(error) {
                say("note", "nothing changed");
            }
            for hint in hints(error, pool) {
                say("hint", &hint);
            }
            ExitCode::from(code(error))
        }
        Failure::Usage(message) => usage(message),
        Failure::NotConfirmed { action } => {
            say("error", &format!("refusing to {action} without confirmation"));
            say("hint", "confirm with -f");
            ExitCode::from(FAILED)
        }
        Failure::Failed(message) => {
            say("error", message);
            ExitCode::from(FAILED)
        }
        Failure::Serve(error) => {
            say("error", &error.to_string());
            ExitCode::from(FAILED)
        }
        // The reader closed the pipe: a clean end.
        Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Failure::Output(error) => {
            say("error", &format!("cannot write the output: {error}"));
            ExitCode::from(FAILED)
        }
    }
}

/// Prints a usage error and returns the exit code.
pub(super) fn usage(message: &str) -> ExitCode {
    say("error", message);
    ExitCode::from(USAGE)
}

/// Prints a usage error that clap found and returns the exit code.
pub(super) fn command_line(error: &clap::Error) -> ExitCode {
    let (text, hints) = super::usage::words(error);
    usage_with(&text, hints)
}

/// Prints a usage error with hints and returns the exit code.
pub(super) fn usage_with(message: &str, hints: impl IntoIterator<Item = String>) -> ExitCode {
    say("error", message);
    for hint in hints {
        say("hint", &hint);
    }
    ExitCode::from(USAGE)
}

/// Returns the exit code of an error.
pub(super) fn code(error: &Error) -> u8 {
    match error {
        Error::Lock(LockError::TimedOut { .. })
        | Error::Store(StoreError::Lock(LockError::TimedOut { .. })) => LOCKED,
        Error::NoMessage
        | Error::Name(_)
        | Error::Revision(_)
        | Error::UnknownSetting(_)
        | Error::GlobalSetting(_)
        | Error::BadSetting { .. } => USAGE,
        Error::NotReleased { .. } => NOT_UP,
        Error::Interrupted => INTERRUPTED,
        error if is_interrupt(error) => INTERRUPTED,
        _ => FAILED,
    }
}

/// Returns whether a signal ended the operation.
pub(super) fn is_interrupt(error: &Error) -> bool {
    let kind = match error {
        Error::Disk(error) | Error::Extract(ExtractError::Disk(error)) => error.source.kind(),
        Error::Extract(ExtractError::Archive(source) | ExtractError::Entry { source, .. }) => source.kind(),
        _ => return matches!(error, Error::Interrupted | Error::Lock(LockError::Interrupted)),
    };
    kind == io::ErrorKind::Interrupted
}
