//! `dvol list`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::hints;
use crate::cli::output::say;
use crate::cli::session::Session;
use crate::ops::{self, ProjectHere};

/// List all volumes; * marks the current one
///
/// HEAD is the newest commit of the current branch, AGE its age and SIZE the size of its files. In
/// a directory with a compose file, the volumes of its project come first. With --deleted, lists
/// the deleted volumes that trash still holds, with the number of the operation that deleted each.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol list\n  dvol list --deleted\n  dvol ls --format json")]
pub(in crate::cli) struct ListArgs {
    /// List deleted volumes that dvol undo can bring back
    #[arg(long)]
    deleted: bool,
}

pub(in crate::cli) fn run(session: &Session, args: &ListArgs) -> Outcome {
    if args.deleted {
        let deleted = ops::deleted_volumes(&session.pool)?;
        session.print(&deleted)?;
        if let Some(last) = deleted.first().filter(|_| session.wants_remarks()) {
            say("hint", &format!("bring one back: {}", hints::way_back(last)));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let here = session
        .compose()
        .map(|compose| ProjectHere { project: compose.project.clone(), volumes: compose.volumes() });
    let listing = ops::list(&session.pool, here.as_ref())?;
    if let Some(reason) = &listing.no_containers {
        say("warning", &format!("cannot list containers: {reason}"));
    }
    if listing.volumes.is_empty() && session.wants_remarks() {
        say("hint", "the pool has no volumes; create one: dvol init NAME");
        if !ops::deleted_volumes(&session.pool)?.is_empty() {
            say("hint", "trash has deleted volumes: dvol list --deleted");
        }
    }
    session.print(&listing)?;
    Ok(ExitCode::SUCCESS)
}
