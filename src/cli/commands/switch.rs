//! `dvol switch`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::output::say;
use crate::cli::session::Session;
use crate::model::VolumeName;
use crate::ops;

/// Choose the current volume: the default of commands that name none
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol switch frob_mysql\n\nTo switch to another branch, use dvol checkout."
)]
pub(in crate::cli) struct SwitchArgs {
    /// Volume to make current
    #[arg(add = crate::cli::complete::volumes())]
    volume: VolumeName,
}

pub(in crate::cli) fn run(session: &Session, args: &SwitchArgs) -> Outcome {
    let volume = session.find(&args.volume)?;
    ops::switch(&session.pool, &volume)?;
    if session.is_text() && !session.globals.quiet {
        say("note", &format!("the current volume is {volume}"));
    }
    Ok(ExitCode::SUCCESS)
}
