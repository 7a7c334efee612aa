//! `dvol list`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::output::say;
use crate::cli::session::Session;
use crate::ops;

/// List the volumes: * marks the current one
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol list\n  dvol ls --format json")]
pub(in crate::cli) struct Args {}

pub(in crate::cli) fn run(session: &Session, _args: &Args) -> Outcome {
    let listing = ops::list(&session.pool)?;
    if let Some(reason) = &listing.no_containers {
        say("warning", &format!("the containers are not known: {reason}"));
    }
    session.print(&listing)?;
    Ok(ExitCode::SUCCESS)
}
