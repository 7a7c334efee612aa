//! `dvol gc`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::output::say;
use crate::cli::session::Session;
use crate::ops;

/// Delete what trash need not keep, and say what that frees
///
/// What reset, rm and branch -d dropped is kept for undo as long as the settings trash.keep and
/// trash.max-size say.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol gc -n\n  dvol gc\n  dvol gc --all")]
pub(in crate::cli) struct Args {
    /// Only say what would be deleted
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Delete all that is in trash: nothing that was done so far can be undone then
    #[arg(long)]
    all: bool,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    let collected = ops::gc(&session.pool, args.all, args.dry_run)?;
    session.done(&collected)?;
    for reason in &collected.failed {
        say("error", reason);
    }
    Ok(if collected.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
