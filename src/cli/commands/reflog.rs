//! `dvol reflog`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::session::Session;
use crate::model::VolumeName;
use crate::ops;

/// Show what was done to a volume, newest first
///
/// Each line has the operation's number, where HEAD was afterwards, and what was done.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol reflog\n  dvol reflog -n 5 frob_mysql")]
pub(in crate::cli) struct Args {
    /// Show so many operations at most
    #[arg(short = 'n', long, value_name = "N")]
    max_count: Option<usize>,
    /// The volume; the current one when none is named
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    let volume = session.volume(args.volume.as_ref())?;
    let volume = volume.as_ref();
    session.print(&ops::reflog(&session.pool, volume, args.max_count.unwrap_or(usize::MAX))?)?;
    Ok(ExitCode::SUCCESS)
}
