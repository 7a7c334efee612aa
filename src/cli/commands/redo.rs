//! `dvol redo`

use super::undo::{done, note_part};
use crate::cli::Outcome;
use crate::cli::project::ProjectArg;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::model::{Verb, VolumeName};
use crate::ops;

/// Redo the operation that dvol undo undid last
///
/// Each further redo goes one operation forward. A new operation after an undo leaves nothing to
/// redo. With --project, redoes what was undone last on the whole project.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol redo\n  dvol redo frob_mysql\n  dvol redo --project shop")]
pub(in crate::cli) struct RedoArgs {
    #[command(flatten)]
    project: ProjectArg,
    /// Volume [default: the current volume]
    #[arg(add = crate::cli::complete::past_volumes())]
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &RedoArgs) -> Outcome {
    if let Some(project) = args.project.read(session, args.volume.as_ref())? {
        catch_interrupts(&session.pool)?;
        return done(session, Verb::Redo, &ops::redo_project(&session.pool, &project)?);
    }
    let volume = session.past_volume(args.volume.as_ref())?;
    catch_interrupts(&session.pool)?;
    let redone = ops::redo(&session.pool, volume.as_ref())?;
    let outcome = done(session, Verb::Redo, std::slice::from_ref(&redone));
    note_part(session, Verb::Redo, &redone);
    outcome
}
