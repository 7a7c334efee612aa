//! `dvol rm`

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::output::{Failure, say};
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::error::Error;
use crate::model::VolumeName;
use crate::ops::{self, Guard};

/// Delete a volume with all its branches and commits
///
/// Refused while a container uses the volume, running or not. Asks on a terminal; elsewhere, -f is
/// required.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol rm frob_mysql\n  dvol rm -f frob_mysql")]
pub(in crate::cli) struct RmArgs {
    /// Delete without asking
    #[arg(short, long)]
    force: bool,
    /// Volume to delete
    #[arg(add = crate::cli::complete::volumes())]
    volume: VolumeName,
}

pub(in crate::cli) fn run(session: &Session, args: &RmArgs) -> Outcome {
    let volume = session.find(&args.volume)?;
    if session.pool.store().read(|rows| rows.volume(&volume))?.is_none() {
        return Err(Error::NoVolumeToRemove(volume).into());
    }
    if !args.force && !confirmed(&volume)? {
        return Ok(ExitCode::FAILURE);
    }
    catch_interrupts(&session.pool)?;
    let removed = ops::remove(&session.pool, &volume, Guard::Ask)?;
    session.done(&removed)?;
    if removed.kept && session.is_text() && !session.globals.quiet {
        say("hint", &format!("undo this: dvol undo {}", removed.volume));
    }
    Ok(ExitCode::SUCCESS)
}

fn confirmed(volume: &VolumeName) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::NotConfirmed { action: format!("delete volume {volume}") });
    }
    eprint!("Delete volume {volume} with all its branches and commits? [y/N] ");
    io::stderr().flush().map_err(Failure::Output)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(Failure::Output)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
