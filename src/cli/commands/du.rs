//! `dvol du`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::session::Session;
use crate::model::VolumeName;
use crate::ops;

/// Show the disk space of each branch and commit
///
/// LOGICAL is the sum of the file sizes. UNSHARED is the disk space that deleting only this tree
/// would free. On file systems that share blocks between files (XFS, btrfs) it is usually smaller,
/// because blocks that several trees share count for none of them. A question mark means that the
/// file system cannot tell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol du
  dvol du frob_mysql --format json |
    jq 'select(.kind == \"total\") | .unshared'")]
pub(in crate::cli) struct DuArgs {
    /// Volume [default: the current volume]
    #[arg(add = crate::cli::complete::volumes())]
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &DuArgs) -> Outcome {
    session.page(&ops::du(&session.pool, session.volume(args.volume.as_ref())?.as_ref())?)?;
    Ok(ExitCode::SUCCESS)
}
