//! `dvol restore`

use std::path::PathBuf;

use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::cli::{Outcome, output};
use crate::model::{Revision, Verb};
use crate::ops::{self, RestoreRequest};

/// Bring files of a commit back into the working tree
///
/// Makes the paths equal to the commit's: a directory with everything in it. As dvol tracks every
/// file, a path that the commit does not have is deleted. All other paths stay as they are.
/// Restarts the containers that run on the volume. Copies the working tree once, so that dvol undo
/// can bring it back.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol restore my.cnf
  dvol restore --source HEAD~2 conf.d data/users.ibd
  dvol restore -C frob_mysql -s v1 -- my.cnf")]
pub(in crate::cli) struct RestoreArgs {
    /// Commit to take the paths from
    #[arg(short, long, value_name = "REVISION", default_value = "HEAD")]
    #[arg(add = crate::cli::complete::revisions())]
    source: String,
    /// Accepted for compatibility with git: restores the working tree, the default
    #[arg(short = 'W', long, hide = true)]
    worktree: bool,
    /// Restore files of a protected branch as well
    #[arg(short, long)]
    force: bool,
    /// Paths in the volume
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

pub(in crate::cli) fn run(session: &Session, args: &RestoreArgs) -> Outcome {
    paths(session, session.revision(&args.source)?, &args.paths, args.force)
}

/// Brings paths back; `checkout REVISION -- PATH` does the same.
pub(in crate::cli) fn paths(session: &Session, source: Revision, paths: &[PathBuf], force: bool) -> Outcome {
    catch_interrupts(&session.pool)?;
    let request = RestoreRequest { volume: session.volume(None)?, source, paths: paths.to_vec(), force };
    let done = ops::restore_paths(&session.pool, &request)?;
    session.note_containers(&done.disruption);
    session.done(&done)?;
    if session.wants_remarks() {
        output::say("hint", &format!("undo this: dvol undo {}", done.volume));
    }
    session.end(Verb::Restore, [&done.volume], &done.disruption)
}
