//! `dvol rename`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::model::VolumeName;
use crate::ops;

/// Rename a volume
///
/// Refused while a container uses the volume, running or not: containers refer to volumes by name.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol rename frob_mysql shop_mysql")]
pub(in crate::cli) struct RenameArgs {
    /// Volume to rename
    #[arg(add = crate::cli::complete::volumes())]
    old: VolumeName,
    /// New name
    new: VolumeName,
}

pub(in crate::cli) fn run(session: &Session, args: &RenameArgs) -> Outcome {
    catch_interrupts(&session.pool)?;
    session.done(&ops::rename(&session.pool, &session.find(&args.old)?, &args.new)?)?;
    Ok(ExitCode::SUCCESS)
}
