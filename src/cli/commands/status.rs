//! `dvol status`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::project::ProjectArg;
use crate::cli::session::Session;
use crate::model::VolumeName;
use crate::ops;
use crate::report::StatusView;

/// Show what differs from the newest commit
///
/// --short prints one line a path: A added, M modified, D deleted, T type changed, P only
/// attributes changed (mode, owner, extended attributes, hard links). A new directory ends in / and
/// stands for everything in it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol status
  dvol status --short
  dvol status frob_mysql --format json
  dvol status --short --project shop")]
pub(in crate::cli) struct StatusArgs {
    /// Print one line a path: a letter, a space and the path
    #[arg(short, long)]
    short: bool,
    /// Accepted for compatibility with git: the branch is shown without it
    #[arg(short, long, hide = true)]
    branch: bool,
    #[command(flatten)]
    project: ProjectArg,
    /// Volume [default: the current volume]
    #[arg(add = crate::cli::complete::volumes())]
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &StatusArgs) -> Outcome {
    let (all, of_project) = match args.project.read(session, args.volume.as_ref())? {
        Some(project) => (ops::status_project(&session.pool, &project)?, true),
        None => {
            let volume = session.volume(args.volume.as_ref())?;
            (vec![ops::status(&session.pool, volume.as_ref())?], false)
        }
    };
    all.iter().for_each(|status| session.pool.tell_if_elsewhere(&status.volume));
    session.page(&StatusView { all, of_project, short: args.short })?;
    Ok(ExitCode::SUCCESS)
}
