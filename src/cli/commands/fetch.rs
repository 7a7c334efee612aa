//! `dvol fetch`

use std::process::ExitCode;

use crate::cli::output::Failure;
use crate::cli::remotes::{PasswordArgs, meant};
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::cli::{Outcome, errors};
use crate::model::VolumeName;
use crate::ops::{self, FetchRequest};

/// Read what a remote has of a volume; bring the data of commits here
///
/// The records of all commits come in, so that log shows them and origin/master names one; their
/// data stays where it is. The data of the commits that are named comes in as well, and so does
/// that of a commit that dvol pull moves to.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol fetch
  dvol fetch origin 5a1e0d3c
  dvol fetch origin origin/master~2 -C frob_mysql
  dvol fetch --prune origin
  dvol fetch --all")]
pub(in crate::cli) struct FetchArgs {
    /// Forget branches and tags that the remote does not have any more
    #[arg(long)]
    prune: bool,
    /// Fetch from all remotes
    #[arg(long, conflicts_with_all = ["remote", "revisions"])]
    all: bool,
    #[command(flatten)]
    password: PasswordArgs,
    /// Remote [default: the one that the current branch follows, or origin]
    #[arg(add = crate::cli::complete::remotes())]
    remote: Option<String>,
    /// Commits whose data is to come in
    #[arg(value_name = "REVISION", add = crate::cli::complete::revisions())]
    revisions: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &FetchArgs) -> Outcome {
    let volume = session.pool.select(session.volume(None)?.as_ref())?;
    let revisions = args.revisions.iter().map(|text| session.revision(text)).collect::<Result<_, _>>()?;
    let request = FetchRequest { volume: Some(volume.clone()), prune: args.prune, revisions };
    if args.all {
        return from_all(session, args, &request, &volume);
    }
    let remote = meant(session, Some(&volume), args.remote.as_deref())?;
    let access = args.password.access(remote, false)?;
    catch_interrupts(&session.pool)?;
    session.done(&ops::fetch(&session.pool, &access, &request)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Fetches from each remote. One that cannot be read does not keep the others from it.
fn from_all(session: &Session, args: &FetchArgs, request: &FetchRequest, volume: &VolumeName) -> Outcome {
    catch_interrupts(&session.pool)?;
    let mut code = ExitCode::SUCCESS;
    for remote in ops::remotes(&session.pool, Some(volume))? {
        let fetch = || -> Result<_, Failure> {
            let found = ops::find_remote(&session.pool, Some(volume), &remote.remote)?;
            let access = args.password.access(found, false)?;
            Ok(ops::fetch(&session.pool, &access, request)?)
        };
        match fetch() {
            Ok(fetched) => session.done(&fetched)?,
            Err(failure) => code = errors::exit(&failure, Some(&session.pool), session.globals.format()),
        }
    }
    Ok(code)
}
