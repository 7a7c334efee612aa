//! `dvol gc`

use std::process::ExitCode;

use crate::cli::Outcome;
use crate::cli::confirm::confirmed;
use crate::cli::hints;
use crate::cli::output::{Failure, say};
use crate::cli::session::Session;
use crate::model::{VolumeName, count, format_size};
use crate::ops::{self, Collected};

/// Delete expired trash and report the space freed
///
/// Trash holds what reset, rm and branch -d removed, so that dvol undo can bring it back. The
/// settings trash.keep and trash.max-size decide how long. With --all, deletes newer trash too:
/// asks on a terminal; elsewhere, -f is required.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dvol gc -n\n  dvol gc\n  dvol gc --all frob_mysql\n  dvol gc --all -f")]
pub(in crate::cli) struct GcArgs {
    /// Only report what would be deleted
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Delete all trash: earlier operations can no longer be undone
    #[arg(long)]
    all: bool,
    /// Delete without asking
    #[arg(short, long)]
    force: bool,
    /// Volume whose trash to delete, a deleted one too [default: all volumes]
    #[arg(add = crate::cli::complete::past_volumes())]
    volume: Option<VolumeName>,
}

pub(in crate::cli) fn run(session: &Session, args: &GcArgs) -> Outcome {
    let volume = session.past_volume(args.volume.as_ref())?;
    let volume = volume.as_ref();
    if args.all && !args.dry_run && !args.force && !agreed(session, volume)? {
        return Ok(ExitCode::FAILURE);
    }
    let collected = ops::gc(&session.pool, volume, args.all, args.dry_run)?;
    session.done(&collected)?;
    tell_failures(&collected);
    if collected.kept > 0 && collected.operations == 0 && session.wants_remarks() {
        let one = volume.map_or_else(String::new, |volume| format!(" {volume}"));
        let size = format_size(collected.kept_bytes);
        say("hint", &format!("free {size}, so that nothing can be undone any more: dvol gc --all{one}"));
    }
    Ok(if collected.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks whether to delete everything in trash, if anything is there.
fn agreed(session: &Session, volume: Option<&VolumeName>) -> Result<bool, Failure> {
    let Collected { operations, bytes, .. } = ops::gc(&session.pool, volume, true, true)?;
    if operations == 0 {
        return Ok(true);
    }
    let of = volume.map_or_else(String::new, |volume| format!(" of volume {volume}"));
    let question = format!(
        "Delete the trash of {}{of}, {}, so that they can no longer be undone?",
        count(operations, "operation"),
        format_size(bytes)
    );
    confirmed(&format!("delete all trash{of}"), &question)
}

/// Prints what could not be deleted, and what the kernel keeps.
pub(super) fn tell_failures(collected: &Collected) {
    for reason in &collected.failed {
        say("error", reason);
    }
    for left in &collected.reasons {
        say("warning", &format!("{} {left}", left.reason.path.display()));
        for hint in hints::for_disk(&left.reason) {
            say("hint", &format!("{hint}; the next operation deletes it"));
        }
    }
}
