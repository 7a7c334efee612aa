//! `dvol pull`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::remotes::{PasswordArgs, meant};
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::model::{BranchName, Verb};
use crate::ops::{self, PullRequest};

/// Move the current branch forward to what a remote has
///
/// Fetches first. The working tree becomes that of the remote's newest commit, as with dvol reset;
/// dvol undo takes it back. A branch with commits of its own, or with uncommitted changes, is left
/// as it is: there is no merge.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol pull\n  dvol pull origin master -C frob_mysql")]
pub(in crate::cli) struct PullArgs {
    /// Accepted for compatibility with git: a pull never does anything else
    #[arg(long, hide = true)]
    ff_only: bool,
    /// Pull from a machine of another processor architecture as well
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    password: PasswordArgs,
    /// Remote [default: the one that the current branch follows, or origin]
    #[arg(add = crate::cli::complete::remotes())]
    remote: Option<String>,
    /// Branch of the remote [default: the one that the current branch follows]
    branch: Option<BranchName>,
}

pub(in crate::cli) fn run(session: &Session, args: &PullArgs) -> Outcome {
    let volume = session.pool.select(session.volume(None)?.as_ref())?;
    let remote = meant(session, Some(&volume), args.remote.as_deref())?;
    let access = args.password.access(remote, false)?;
    catch_interrupts(&session.pool)?;
    let request = PullRequest { volume: Some(volume), branch: args.branch.clone(), force: args.force };
    let pulled = ops::pull(&session.pool, &access, &request)?;
    session.done(&pulled)?;
    match &pulled.moved {
        Some(moved) => session.end(Verb::Pull, [&moved.volume], &moved.disruption),
        None => Ok(ExitCode::SUCCESS),
    }
}
