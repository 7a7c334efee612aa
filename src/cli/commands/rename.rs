//! `dvol rename`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::session::{Session, catch_interrupts};
use crate::model::VolumeName;
use crate::ops;

/// Give a volume another name
///
/// Refused while a container, running or not, uses it: containers know a volume by its name.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol rename frob_mysql shop_mysql")]
pub(in crate::cli) struct Args {
    /// The volume
    #[arg(add = crate::cli::complete::volumes())]
    old: VolumeName,
    /// Its new name
    new: VolumeName,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    catch_interrupts(&session.pool)?;
    session.done(&ops::rename(&session.pool, &session.find(&args.old)?, &args.new)?)?;
    Ok(ExitCode::SUCCESS)
}
