//! `dvol undo`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::output::say;
use crate::cli::project::ProjectArg;
use crate::cli::session::{Session, catch_interrupts};
use crate::model::VolumeName;
use crate::ops;

/// Take back the last operation on a volume: reset, checkout, commit, branch, tag, rename, rm
///
/// A second undo takes the undo back. What reset, rm and branch -d dropped is kept for a while
/// (trash.keep). A volume that was deleted must be named. With --project the last operation that was made on
/// all of a project is taken back, all of it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol undo\n  dvol undo frob_mysql\n  dvol undo --operation 12 frob_mysql\n  dvol undo --project shop"
)]
pub(in crate::cli) struct Args {
    /// Take this operation back instead of the last one; dvol reflog lists their numbers
    #[arg(long, value_name = "NUMBER", conflicts_with = "project")]
    operation: Option<u64>,
    #[command(flatten)]
    project: ProjectArg,
    /// The volume; the current one when none is named
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &Args) -> Outcome {
    if let Some(project) = args.project.read(session, args.volume.as_ref())? {
        catch_interrupts(&session.pool)?;
        let undone = ops::undo_project(&session.pool, &project)?;
        if let Some(first) = undone.first() {
            session.note_containers("restarted", &first.containers);
        }
        session.print(&undone)?;
        return Ok(ExitCode::SUCCESS);
    }
    let volume = session.volume(args.volume.as_ref())?;
    let volume = volume.as_ref();
    catch_interrupts(&session.pool)?;
    let undone = ops::undo(&session.pool, volume, args.operation)?;
    session.note_containers("restarted", &undone.containers);
    session.print(&undone)?;
    if let Some(project) = undone.project.as_ref().filter(|_| session.is_text() && !session.globals.quiet) {
        let volume = &undone.volume;
        say(
            "note",
            &format!("only volume {volume} went back: this had been done to all of project {project}"),
        );
        let both =
            format!("dvol undo {volume} brings it back; dvol undo --project {project} then takes back all");
        say("hint", &both);
    }
    Ok(ExitCode::SUCCESS)
}
