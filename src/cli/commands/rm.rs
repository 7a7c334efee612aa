//! `dvol rm`

use std::process::ExitCode;

use super::gc::tell_failures;
use crate::cli::Outcome;
use crate::cli::confirm::confirmed;
use crate::cli::output::say;
use crate::cli::session::Session;
use crate::cli::signals::catch_interrupts;
use crate::error::Error;
use crate::model::VolumeName;
use crate::ops::{self, Guard};

/// Delete a volume with all its branches and commits
///
/// Refused while a container uses the volume, running or not, and while it has worktrees. Of a
/// worktree, the branch stays. Asks on a terminal; elsewhere, -f is
/// required. Trash keeps the volume for dvol undo, and the disk space is free when that goes; with
/// --purge, both go at once.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dvol rm frob_mysql\n  dvol rm -f frob_mysql\n  dvol rm --purge frob_mysql"
)]
pub(in crate::cli) struct RmArgs {
    /// Delete without asking, even if the volume or something in it is protected
    #[arg(short, long)]
    force: bool,
    /// Delete for good: free the disk space at once, and leave nothing to undo
    #[arg(long)]
    purge: bool,
    /// Volume to delete
    #[arg(add = crate::cli::complete::volumes())]
    volume: VolumeName,
}

pub(in crate::cli) fn run(session: &Session, args: &RmArgs) -> Outcome {
    let volume = session.find(&args.volume)?;
    ops::check_removable(&session.pool, &volume, args.force)?;
    let missing = || Error::NoVolumeToRemove(volume.clone());
    let record = session.pool.store().read(|rows| rows.volume(&volume))?.ok_or_else(missing)?;
    let (how, more) = if args.purge { (" for good", ", and its trash") } else { ("", "") };
    let question = match &record.worktree_of {
        Some(owner) => format!("Remove worktree {volume}{more}? Branch {owner}/{} stays.", record.branch),
        None => format!("Delete volume {volume} with all its branches and commits{more}{how}?"),
    };
    let what = if record.is_worktree() { "remove worktree" } else { "delete volume" };
    if !args.force && !confirmed(&format!("{what} {volume}{how}"), &question)? {
        return Ok(ExitCode::FAILURE);
    }
    catch_interrupts(&session.pool)?;
    if args.purge {
        let (removed, collected) = ops::purge(&session.pool, &volume, args.force)?;
        session.done(&removed)?;
        tell_failures(&collected);
        return Ok(if collected.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let removed = ops::remove(&session.pool, &volume, Guard::Ask, args.force)?;
    session.done(&removed)?;
    if removed.kept && session.wants_remarks() {
        say("hint", &format!("undo this: dvol undo {volume}"));
    }
    if removed.kept && !record.is_worktree() && session.wants_remarks() {
        say("hint", &format!("free its disk space, so that it cannot come back: dvol gc --all {volume}"));
    }
    Ok(ExitCode::SUCCESS)
}
