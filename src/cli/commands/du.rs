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
/// file system cannot tell. Trash is what dvol undo can bring back; dvol gc deletes it. With --all,
/// sums up all volumes, deleted ones included.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol du
  dvol du --all
  dvol du frob_mysql --format json |
    jq 'select(.kind == \"total\") | .unshared'")]
pub(in crate::cli) struct DuArgs {
    /// Sum up all volumes of the pool, their commits and trash
    #[arg(short, long, conflicts_with = "volume")]
    all: bool,
    /// Volume [default: the current volume]
    #[arg(add = crate::cli::complete::volumes())]
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &DuArgs) -> Outcome {
    if args.all {
        session.page(&ops::du_pool(&session.pool)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    session.page(&ops::du(&session.pool, session.volume(args.volume.as_ref())?.as_ref())?)?;
    Ok(ExitCode::SUCCESS)
}
