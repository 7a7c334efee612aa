//! `dvol undo`

use std::process::ExitCode;

use super::Outcome;
use super::session::{Session, catch_interrupts};
use crate::model::VolumeName;
use crate::ops;

/// Take back the last operation on a volume: reset, checkout, commit, branch, tag, rename, rm
///
/// A second undo takes the undo back. What reset, rm and branch -d dropped is kept for a while
/// (trash.keep). A volume that was deleted must be named.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol undo\n  dvol undo frob_mysql\n  dvol undo --operation 12 frob_mysql"
)]
pub(super) struct Args {
    /// Take this operation back instead of the last one; dvol reflog lists their numbers
    #[arg(long, value_name = "NUMBER")]
    operation: Option<u64>,
    /// The volume; the current one when none is named
    volume: Option<VolumeName>,
}

pub(super) fn run(session: &Session, args: &Args) -> Outcome {
    let volume = session.volume(args.volume.as_ref())?;
    catch_interrupts(&session.pool)?;
    let undone = ops::undo(&session.pool, volume, args.operation)?;
    session.note_containers("restarted", &undone.containers);
    session.print(&undone)?;
    Ok(ExitCode::SUCCESS)
}
