//! `dvol log`

use std::process::ExitCode;

use super::session::Session;
use super::{Outcome, operands};
use crate::ops;

/// Show the commits of the current branch, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol log\n  dvol log -n 5 HEAD~2 frob_mysql\n  dvol log --format json")]
pub(super) struct Args {
    /// Show so many commits at most
    #[arg(short = 'n', long, value_name = "N")]
    max_count: Option<usize>,
    /// Where to begin (HEAD when none is named), and the volume
    #[arg(num_args = 0..=2, value_names = ["REVISION", "VOLUME"], add = super::complete::revisions())]
    operands: Vec<String>,
}

pub(super) fn run(session: &Session, args: &Args) -> Outcome {
    let operands = operands::read(session, &args.operands)?;
    let most = args.max_count.unwrap_or(usize::MAX);
    let entries = ops::log(&session.pool, operands.volume.as_ref(), operands.revision.as_ref(), most)?;
    session.print(&entries)?;
    Ok(ExitCode::SUCCESS)
}
