//! `dvol status`

use std::process::ExitCode;

use super::Outcome;
use super::session::Session;
use crate::model::VolumeName;
use crate::ops;

/// Show what changed since the last commit of the current branch
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol status\n  dvol status frob_mysql --format json")]
pub(super) struct Args {
    /// The volume; the current one when none is named
    #[arg(add = super::complete::volumes())]
    volume: Option<VolumeName>,
}

pub(super) fn run(session: &Session, args: &Args) -> Outcome {
    let status = ops::status(&session.pool, session.volume(args.volume.as_ref())?)?;
    session.print(&status)?;
    Ok(ExitCode::SUCCESS)
}
