//! `dvol du`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::session::Session;
use crate::model::VolumeName;
use crate::ops;

/// Show the bytes that each branch and commit holds and alone takes
///
/// LOGICAL is the sum of the sizes of the files. UNSHARED is the disk space that deleting this tree alone gives back;
/// on file systems that share blocks between files (XFS, btrfs) mostly less, as what several trees have in common
/// is in none of them. A question mark stands where the file system does not tell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol du
  dvol du frob_mysql --format json |
    jq 'select(.kind == \"total\") | .unshared'")]
pub(in crate::cli) struct Args {
    /// The volume; the current one when none is named
    #[arg(add = crate::cli::complete::volumes())]
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    session.page(&ops::du(&session.pool, session.volume(args.volume.as_ref())?.as_ref())?)?;
    Ok(ExitCode::SUCCESS)
}
