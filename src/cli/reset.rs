//! `dvol reset`

use std::process::ExitCode;

use super::session::{Session, catch_interrupts};
use super::{Outcome, operands, output};
use crate::model::Revision;
use crate::ops::{self, ResetRequest};

/// Bring the current branch back to a commit
///
/// The working tree becomes equal to the commit's. Newer commits that no other branch holds are
/// dropped. dvol undo brings both back, also what was not committed, as long as trash.keep says. Containers that run on the volume are restarted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol reset --hard HEAD\n  dvol reset --hard HEAD~2 frob_mysql")]
pub(super) struct Args {
    /// Replace the working tree; a reset without this is refused
    #[arg(long)]
    hard: bool,
    /// The commit (HEAD when none is named), and the volume
    #[arg(num_args = 0..=2, value_names = ["REVISION", "VOLUME"], add = super::complete::revisions())]
    operands: Vec<String>,
}

pub(super) fn run(session: &Session, args: &Args) -> Outcome {
    let operands = operands::read(session, &args.operands)?;
    let revision = operands.revision.unwrap_or_else(Revision::head);
    catch_interrupts(&session.pool)?;
    let request = ResetRequest { volume: operands.volume, revision, hard: args.hard };
    let done = ops::reset(&session.pool, &request)?;
    session.note_containers("restarted", &done.containers);
    let held = !done.containers.is_empty();
    session.note_copy(&done.copied, &done.quiesced, held, done.downtime_ms);
    session.done(&done)?;
    if session.is_text() && !session.globals.quiet {
        output::say("hint", &format!("dvol undo {} takes this back", done.volume));
    }
    Ok(ExitCode::SUCCESS)
}
