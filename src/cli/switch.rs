//! `dvol switch`

use std::process::ExitCode;

use super::Outcome;
use super::output::say;
use super::session::Session;
use crate::model::VolumeName;
use crate::ops;

/// Choose the current volume: the one that commands mean when they name none
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol switch frob_mysql\n\nTo switch to another branch, use dvol checkout."
)]
pub(super) struct Args {
    /// The volume
    #[arg(add = super::complete::volumes())]
    volume: VolumeName,
}

pub(super) fn run(session: &Session, args: &Args) -> Outcome {
    let volume = session.find(&args.volume)?;
    ops::switch(&session.pool, &volume)?;
    if session.is_text() && !session.globals.quiet {
        say("note", &format!("{volume} is the current volume"));
    }
    Ok(ExitCode::SUCCESS)
}
