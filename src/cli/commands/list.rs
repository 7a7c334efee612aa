//! `dvol list`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::output::say;
use crate::cli::session::Session;
use crate::ops;

/// List all volumes; * marks the current one
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol list\n  dvol ls --format json")]
pub(in crate::cli) struct ListArgs {}

pub(in crate::cli) fn run(session: &Session, _args: &ListArgs) -> Outcome {
    let listing = ops::list(&session.pool)?;
    if let Some(reason) = &listing.no_containers {
        say("warning", &format!("cannot list containers: {reason}"));
    }
    if listing.volumes.is_empty() && session.is_text() && !session.globals.quiet {
        say("hint", "the pool has no volumes; create one: dvol init NAME");
    }
    session.print(&listing)?;
    Ok(ExitCode::SUCCESS)
}
