//! `dvol unprotect`

use super::protect;
use crate::cli::Outcome;
use crate::cli::session::Session;

/// Let a branch, a tag or a volume be reset and deleted again
///
/// dvol protect lists what is protected.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol unprotect frob_mysql
  dvol unprotect frob_mysql:master
  dvol unprotect demo-data -C frob_mysql")]
pub(in crate::cli) struct UnprotectArgs {
    /// The whole volume; needed only where a branch or tag has the volume's name
    #[arg(long)]
    whole: bool,
    /// Branch or tag, VOLUME:NAME, or a volume
    #[arg(num_args = 0..=2, value_names = ["NAME", "VOLUME"], add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &UnprotectArgs) -> Outcome {
    protect::set(session, args.whole, &args.operands, false)
}
