//! `dvol reset`

use crate::cli::project::ProjectArg;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::cli::{Outcome, operands, output};
use crate::model::{ProjectName, Revision, Verb};
use crate::ops::{self, ResetRequest};

/// Reset the current branch and its working tree to a commit
///
/// Makes the working tree equal to the commit, and drops newer commits that are not reachable
/// otherwise. Restarts the containers that run on the volume, and kills those that write to nothing
/// else (containers.reset): what they would still write is thrown away. dvol undo brings everything
/// back, uncommitted changes included, until the trash expires (trash.keep).
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol reset --hard HEAD\n  dvol reset --hard HEAD~2 frob_mysql\n  dvol reset --hard HEAD --project shop"
)]
pub(in crate::cli) struct ResetArgs {
    /// Replace the working tree; required
    #[arg(long)]
    hard: bool,
    /// Reset a protected branch as well
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    project: ProjectArg,
    /// Commit [default: HEAD] and volume
    #[arg(num_args = 0..=2, value_names = ["REVISION", "VOLUME"], add = crate::cli::complete::revisions())]
    operands: Vec<String>,
}

pub(in crate::cli) fn run(session: &Session, args: &ResetArgs) -> Outcome {
    if let Some(project) = args.project.read(session, None)? {
        return reset_project(session, args, &project);
    }
    let operands = operands::read(session, &args.operands)?;
    let revision = operands.revision.unwrap_or_else(Revision::head);
    catch_interrupts(&session.pool)?;
    let request = ResetRequest { volume: operands.volume, revision, hard: args.hard, force: args.force };
    let done = ops::reset(&session.pool, &request)?;
    session.note_containers(&done.disruption);
    session.note_copy(&done.copied, &done.quiesced, &done.disruption);
    session.done(&done)?;
    if session.wants_remarks() {
        output::say("hint", &format!("undo this: dvol undo {}", done.volume));
    }
    session.end(Verb::Reset, [&done.volume], &done.disruption)
}

fn reset_project(session: &Session, args: &ResetArgs, project: &ProjectName) -> Outcome {
    let revision = operands::only_revision(&args.operands)?.unwrap_or_else(Revision::head);
    catch_interrupts(&session.pool)?;
    let request = ResetRequest { volume: None, revision, hard: args.hard, force: args.force };
    let done = ops::reset_project(&session.pool, project, &request)?;
    let disruption = done.first().map(|first| first.disruption.clone()).unwrap_or_default();
    session.note_containers(&disruption);
    for one in &done {
        session.note_copy(&one.copied, &one.quiesced, &one.disruption);
    }
    session.done(&done)?;
    if session.wants_remarks() {
        output::say("hint", &format!("undo this: dvol undo --project {project}"));
    }
    session.end(Verb::Reset, done.iter().map(|one| &one.volume), &disruption)
}
