//! `dvol switch`

use std::process::ExitCode;

use super::checkout::{self, CheckoutArgs};
use crate::cli::Outcome;
use crate::cli::output::say;
use crate::cli::session::Session;
use crate::model::VolumeName;
use crate::ops;
use crate::pool::Meant;

/// Choose the current volume: the default of commands that name none
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol switch frob_mysql\n\nTo switch to another branch, use dvol checkout."
)]
pub(in crate::cli) struct SwitchArgs {
    /// As git has it: create a branch and switch to it, like dvol checkout -b
    #[arg(short, long, hide = true)]
    create: bool,
    /// Volume to make current
    #[arg(add = crate::cli::complete::volumes())]
    volume: String,
    /// With -c, commit to start from and volume
    #[arg(num_args = 0..=2, hide = true, requires = "create")]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &SwitchArgs) -> Outcome {
    // git's words for branches: the names of volumes are none of these.
    if args.create {
        return checkout::run(session, &CheckoutArgs::creating(&args.volume, &args.operands));
    }
    if args.volume == "-" {
        return checkout::run(session, &CheckoutArgs::to(&args.volume));
    }
    let name: VolumeName = args.volume.parse()?;
    let volume = session.find(&name)?;
    ops::switch(&session.pool, &volume)?;
    if session.wants_remarks() {
        say("note", &format!("the current volume is {volume}"));
        note_other_default(session, &volume);
    }
    Ok(ExitCode::SUCCESS)
}

/// Says so where a command that names no volume means another one than the current volume.
pub(super) fn note_other_default(session: &Session, current: &VolumeName) {
    let why = match session.pool.meant() {
        Ok(Some((meant, Meant::Chosen))) if meant != *current => format!("DVOL_VOLUME names {meant}"),
        Ok(Some((meant, Meant::OfDirectory))) if meant != *current => {
            format!("{meant} is the one of this directory's compose project")
        }
        _ => return,
    };
    say("note", &format!("here, commands that name no volume mean another one: {why}"));
}
