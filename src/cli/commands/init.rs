//! `dvol init`

use std::process::ExitCode;

use super::switch::note_other_default;
use crate::cli::Outcome;
use crate::cli::missing;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::model::VolumeName;
use crate::ops;

/// Create a volume with a branch master and make it current
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol init frob_mysql")]
pub(in crate::cli) struct InitArgs {
    /// Make a new pool even where the file system of one seems not to be mounted
    #[arg(long)]
    new_pool: bool,
    /// Name of the new volume
    name: VolumeName,
}

pub(in crate::cli) fn run(session: &Session, args: &InitArgs) -> Outcome {
    if !args.new_pool {
        missing::check_before_making(session)?;
    }
    catch_interrupts(&session.pool)?;
    session.done(&ops::init(&session.pool, &args.name)?)?;
    if session.wants_remarks() {
        note_other_default(session, &args.name);
    }
    Ok(ExitCode::SUCCESS)
}
