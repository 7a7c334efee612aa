//! `dvol undo`

use crate::cli::Outcome;
use crate::cli::output::{Failure, say};
use crate::cli::project::ProjectArg;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::model::{Verb, VolumeName};
use crate::ops::{self, Undone};

/// Undo the last operation on a volume: reset, checkout, commit, branch, tag, rename or rm
///
/// Each further undo goes one operation back; dvol redo goes forward again. Trash keeps what reset,
/// rm and branch -d removed until it expires (trash.keep). A reset kills a database whose files it
/// throws away (containers.reset), so an undo of the reset brings back what a power cut would
/// leave. To undo the deletion of a volume, name the volume; dvol list --deleted shows what can
/// come back, and --as gives it another name. With --project, undoes the last operation that was
/// made on the whole project.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol undo\n  dvol undo frob_mysql\n  dvol undo --operation 12 frob_mysql\n  dvol undo frob_mysql --as frob_mysql_old\n  dvol undo --project shop"
)]
pub(in crate::cli) struct UndoArgs {
    /// Undo this operation instead of the last one; dvol reflog lists the numbers
    #[arg(long, value_name = "NUMBER", conflicts_with = "project")]
    operation: Option<u64>,
    /// Bring a deleted volume back under this name
    #[arg(long = "as", value_name = "NEW", conflicts_with = "project")]
    other: Option<VolumeName>,
    #[command(flatten)]
    project: ProjectArg,
    /// Volume [default: the current volume]
    #[arg(add = crate::cli::complete::past_volumes())]
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &UndoArgs) -> Outcome {
    if let Some(project) = args.project.read(session, args.volume.as_ref())? {
        catch_interrupts(&session.pool)?;
        return done(session, Verb::Undo, &ops::undo_project(&session.pool, &project)?);
    }
    let volume = session.past_volume(args.volume.as_ref())?;
    catch_interrupts(&session.pool)?;
    if let Some(other) = &args.other {
        let volume = volume.ok_or_else(|| {
            Failure::Usage("--as brings a deleted volume back: name that volume".to_owned())
        })?;
        return done(session, Verb::Undo, &[ops::undo_as(&session.pool, &volume, args.operation, other)?]);
    }
    let undone = ops::undo(&session.pool, volume.as_ref(), args.operation)?;
    let outcome = done(session, Verb::Undo, std::slice::from_ref(&undone));
    note_part(session, Verb::Undo, &undone);
    outcome
}

/// Prints what was undone or redone, and ends the verb.
pub(super) fn done(session: &Session, verb: Verb, undone: &[Undone]) -> Outcome {
    let disruption = undone.first().map(|first| first.disruption.clone()).unwrap_or_default();
    session.note_containers(&disruption);
    session.print(&undone.to_vec())?;
    session.end(verb, undone.iter().map(|one| &one.volume), &disruption)
}

/// Says how to undo or redo the whole of an operation on a project, of which this was a part.
pub(super) fn note_part(session: &Session, verb: Verb, undone: &Undone) {
    let Some(project) = undone.project.as_ref().filter(|_| session.wants_remarks()) else {
        return;
    };
    let volume = &undone.volume;
    let (did, back) = if verb == Verb::Redo { ("redone", "undo") } else { ("undone", "redo") };
    say("note", &format!("only volume {volume} was {did}; the operation covered all of project {project}"));
    let whole = format!("dvol {back} {volume} && dvol {verb} --project {project}");
    say("hint", &format!("{verb} the whole operation: {whole}"));
}
