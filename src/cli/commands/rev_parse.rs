//! `dvol rev-parse`

use std::process::ExitCode;

use crate::cli::output::Failure;
use crate::cli::session::Session;
use crate::cli::{Outcome, operands};
use crate::model::{Base, Revision};
use crate::ops;
use crate::report::Parsed;

/// Print the id of the commit that a revision names
///
/// A revision is HEAD (or @), a branch, a tag, an id or its first digits (4 at least), each with
/// any run of ^, ~ and ~N; HEAD@{N} is where HEAD was N moves ago, @{-1} the branch before this one,
/// ORIG_HEAD the head before the last reset. VOLUME:REVISION names one in another volume. With -q
/// nothing is said when there is no such commit; the exit code tells.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol rev-parse HEAD
  dvol rev-parse --short v1~2 frob_mysql
  dvol rev-parse --abbrev-ref HEAD")]
pub(in crate::cli) struct Args {
    /// Print the first eight digits only
    #[arg(long)]
    short: bool,
    /// Print the name of the branch that HEAD stands for
    #[arg(long, conflicts_with = "short")]
    abbrev_ref: bool,
    /// Taken for scripts that are used to it: exactly one commit must be named, as always
    #[arg(long)]
    verify: bool,
    /// The revision, and the volume
    #[arg(num_args = 1..=2, required = true, value_names = ["REVISION", "VOLUME"])]
    #[arg(add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    let operands = match args.operands.as_slice() {
        // One word is always the revision here.
        [word] => {
            operands::Operands { revision: Some(session.revision(word)?), volume: session.volume(None)? }
        }
        words => operands::read(session, words)?,
    };
    let revision = operands.revision.unwrap_or_else(Revision::head);
    if args.abbrev_ref {
        if revision.base != Base::Head || !revision.steps.is_empty() {
            return Err(Failure::Usage("--abbrev-ref wants HEAD".to_owned()));
        }
        let list = ops::branches(&session.pool, operands.volume.as_ref())?;
        let current = list.branches.into_iter().find(|branch| branch.current);
        session.print(&Parsed { name: current.map(|branch| branch.branch.to_string()), commit: None })?;
        return Ok(ExitCode::SUCCESS);
    }
    match ops::rev_parse(&session.pool, operands.volume.as_ref(), &revision) {
        Ok(commit) => {
            let name = if args.short { commit.id.short() } else { commit.id.as_str() };
            session.print(&Parsed { name: Some(name.to_owned()), commit: Some(commit.id) })?;
            Ok(ExitCode::SUCCESS)
        }
        Err(_) if session.globals.quiet => Ok(ExitCode::FAILURE),
        Err(error) => Err(error.into()),
    }
}
