//! `dvol undo`

use crate::cli::Outcome;
use crate::cli::output::say;
use crate::cli::project::ProjectArg;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::model::{Verb, VolumeName};
use crate::ops;

/// Undo the last operation on a volume: reset, checkout, commit, branch, tag, rename or rm
///
/// A second undo undoes the first. Trash keeps what reset, rm and branch -d removed until it
/// expires (trash.keep). A reset kills a database whose files it throws away (containers.reset), so
/// an undo of the reset brings back what a power cut would leave. To undo the deletion of a volume,
/// name the volume. With --project, undoes the last operation that was made on the whole project.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol undo\n  dvol undo frob_mysql\n  dvol undo --operation 12 frob_mysql\n  dvol undo --project shop"
)]
pub(in crate::cli) struct UndoArgs {
    /// Undo this operation instead of the last one; dvol reflog lists the numbers
    #[arg(long, value_name = "NUMBER", conflicts_with = "project")]
    operation: Option<u64>,
    #[command(flatten)]
    project: ProjectArg,
    /// Volume [default: the current volume]
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &UndoArgs) -> Outcome {
    if let Some(project) = args.project.read(session, args.volume.as_ref())? {
        catch_interrupts(&session.pool)?;
        let undone = ops::undo_project(&session.pool, &project)?;
        let disruption = undone.first().map(|first| first.disruption.clone()).unwrap_or_default();
        session.note_containers(&disruption);
        session.print(&undone)?;
        return session.end(Verb::Undo, undone.iter().map(|one| &one.volume), &disruption);
    }
    let volume = session.volume(args.volume.as_ref())?;
    let volume = volume.as_ref();
    catch_interrupts(&session.pool)?;
    let undone = ops::undo(&session.pool, volume, args.operation)?;
    session.note_containers(&undone.disruption);
    session.print(&undone)?;
    if let Some(project) = undone.project.as_ref().filter(|_| session.is_text() && !session.globals.quiet) {
        let volume = &undone.volume;
        say(
            "note",
            &format!("only volume {volume} was undone; the operation covered all of project {project}"),
        );
        let whole = format!("dvol undo {volume} && dvol undo --project {project}");
        say("hint", &format!("undo the whole operation: {whole}"));
    }
    session.end(Verb::Undo, [&undone.volume], &undone.disruption)
}
