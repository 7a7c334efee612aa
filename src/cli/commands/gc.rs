//! `dvol gc`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::hints;
use crate::cli::output::say;
use crate::cli::session::Session;
use crate::ops;

/// Delete expired trash and report the space freed
///
/// Trash holds what reset, rm and branch -d removed, so that dvol undo can bring it back. The
/// settings trash.keep and trash.max-size decide how long.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol gc -n\n  dvol gc\n  dvol gc --all")]
pub(in crate::cli) struct GcArgs {
    /// Only report what would be deleted
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Delete all trash: earlier operations can no longer be undone
    #[arg(long)]
    all: bool,
}

pub(in crate::cli) fn run(session: &Session, args: &GcArgs) -> Outcome {
    let collected = ops::gc(&session.pool, args.all, args.dry_run)?;
    session.done(&collected)?;
    for reason in &collected.failed {
        say("error", reason);
    }
    for left in &collected.reasons {
        say("warning", &format!("{} {left}", left.reason.path.display()));
        for hint in hints::for_disk(&left.reason) {
            say("hint", &format!("{hint}; the next operation deletes it"));
        }
    }
    Ok(if collected.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
