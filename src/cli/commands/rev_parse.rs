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
/// A revision is HEAD (or @), a branch, a tag, or an id or its first 4 or more digits, followed by
/// any number of ^, ~ and ~N. HEAD@{N} is HEAD N moves ago, @{-1} the previously current branch,
/// ORIG_HEAD the head before the last reset. VOLUME:REVISION names a commit of another volume. With
/// -q, prints no error if there is no such commit; the exit code tells.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol rev-parse HEAD
  dvol rev-parse --short v1~2 frob_mysql
  dvol rev-parse --abbrev-ref HEAD")]
pub(in crate::cli) struct RevParseArgs {
    /// Print only the first eight digits
    #[arg(long)]
    short: bool,
    /// Print the name of the current branch; takes HEAD
    #[arg(long, conflicts_with = "short")]
    abbrev_ref: bool,
    /// Accepted for compatibility with git; exactly one commit is always required
    #[arg(long)]
    verify: bool,
    /// Revision and volume
    #[arg(num_args = 1..=2, required = true, value_names = ["REVISION", "VOLUME"])]
    #[arg(add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &RevParseArgs) -> Outcome {
    let operands = match args.operands.as_slice() {
        // A single operand is always a revision here.
        [word] => {
            operands::Operands { revision: Some(session.revision(word)?), volume: session.volume(None)? }
        }
        words => operands::read(session, words)?,
    };
    let revision = operands.revision.unwrap_or_else(Revision::head);
    if args.abbrev_ref {
        if revision.base != Base::Head || !revision.steps.is_empty() {
            return Err(Failure::Usage("--abbrev-ref takes HEAD".to_owned()));
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
