//! `dvol reflog`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::session::Session;
use crate::model::VolumeName;
use crate::ops;

/// Show the operations on a volume, newest first
///
/// Each line has the number of the operation, the commit at HEAD afterwards, and what was done.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol reflog\n  dvol reflog -n 5 frob_mysql")]
pub(in crate::cli) struct ReflogArgs {
    /// Show at most N operations
    #[arg(short = 'n', long, value_name = "N")]
    max_count: Option<usize>,
    /// Volume, deleted ones too [default: the current volume]
    #[arg(add = crate::cli::complete::past_volumes())]
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &ReflogArgs) -> Outcome {
    let volume = session.past_volume(args.volume.as_ref())?;
    let volume = volume.as_ref();
    session.print(&ops::reflog(&session.pool, volume, args.max_count.unwrap_or(usize::MAX))?)?;
    Ok(ExitCode::SUCCESS)
}
