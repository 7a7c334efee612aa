//! `dvol prepare-spares`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::session::Session;
use crate::model::VolumeName;

/// How much less than others this process gets of the processors.
const NICENESS: i32 = 10;

/// Prepare the next reset of a volume with large files; a reset does this in the background
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct PrepareSparesArgs {
    /// Volume
    volume: VolumeName,
}

pub(in crate::cli) fn run(session: &Session, args: &PrepareSparesArgs) -> Outcome {
    // The terminal that the reset was typed in may close. Fails for a command that was typed.
    let _ = rustix::process::setsid();
    let _ = rustix::process::nice(NICENESS);
    session.pool.prepare_next_spares(&args.volume)?;
    Ok(ExitCode::SUCCESS)
}
