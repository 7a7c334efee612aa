//! `dvol fsck`

use std::process::ExitCode;

use super::Outcome;
use super::output::Failure;
use super::session::Session;
use super::{errors, output};
use crate::fsck;
use crate::model::VolumeName;

/// What fsck(8) returns when it cannot check.
const COULD_NOT_CHECK: u8 = 8;

/// Check the pool, or one volume: is everything there that the metadata says?
///
/// Finishes or undoes what dead operations left, then reports all it finds. Exit code: 0 clean,
/// 1 errors corrected, 4 errors left, 8 could not check.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol fsck\n  dvol fsck frob_mysql --format json")]
pub(super) struct Args {
    /// The volume; the whole pool when none is named
    #[arg(add = super::complete::volumes())]
    volume: Option<VolumeName>,
}

pub(super) fn run(session: &Session, args: &Args) -> Outcome {
    let volume = session.volume(args.volume.as_ref())?;
    match fsck::check(&session.pool, volume) {
        Ok(report) => {
            session.print(&report)?;
            Ok(ExitCode::from(report.exit_code()))
        }
        Err(error) => {
            let failure: Failure = error.into();
            errors::exit(&failure, Some(&session.pool));
            output::say("error", "could not check");
            Ok(ExitCode::from(COULD_NOT_CHECK))
        }
    }
}
