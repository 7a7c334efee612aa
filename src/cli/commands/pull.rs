//! `dvol pull`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::project::ProjectArg;
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
#[command(
    after_help = "Example:\n  dvol pull\n  dvol pull origin master -C frob_mysql\n  dvol pull --project ."
)]
pub(in crate::cli) struct PullArgs {
    /// Accepted for compatibility with git: a pull never does anything else
    #[arg(long, hide = true)]
    ff_only: bool,
    /// Pull from a machine of another processor architecture as well
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    project: ProjectArg,
    #[command(flatten)]
    password: PasswordArgs,
    /// Remote [default: the one that the current branch follows, or origin]
    #[arg(add = crate::cli::complete::remotes())]
    remote: Option<String>,
    /// Branch of the remote [default: the one that the current branch follows]
    branch: Option<BranchName>,
}

pub(in crate::cli) fn run(session: &Session, args: &PullArgs) -> Outcome {
    let pool = &session.pool;
    let volumes = match args.project.read(session, None)? {
        Some(project) => pool.volumes_of_project(&project)?,
        None => vec![pool.select(session.volume(None)?.as_ref())?],
    };
    let mut pulls = Vec::new();
    for volume in volumes {
        let remote = meant(session, Some(&volume), args.remote.as_deref())?;
        let access = args.password.access(remote, false)?;
        let (branch, force) = (args.branch.clone(), args.force);
        pulls.push((PullRequest { volume: Some(volume), branch, force, check: false }, access));
    }
    catch_interrupts(pool)?;
    // Of a project, all that is refused is known before anything is moved.
    if pulls.len() > 1 {
        for (request, access) in &pulls {
            ops::pull(pool, access, &PullRequest { check: true, ..request.clone() })?;
        }
    }
    let mut ended = Ok(ExitCode::SUCCESS);
    for (request, access) in &pulls {
        let pulled = ops::pull(pool, access, request)?;
        session.done(&pulled)?;
        if let Some(moved) = &pulled.moved {
            ended = ended.and(session.end(Verb::Pull, [&moved.volume], &moved.disruption));
        }
    }
    ended
}
