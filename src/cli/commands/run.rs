//! `dvol run`

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use signal_hook::iterator::Signals;

use crate::cli::child::Child;
use crate::cli::errors::{FAILED, INTERRUPTED};
use crate::cli::git::Git;
use crate::cli::output::{Failure, say};
use crate::cli::session::Session;
use crate::cli::signals::interrupts;
use crate::cli::{Outcome, author};
use crate::error::Error;
use crate::model::{TagName, Verb, VolumeName};
use crate::ops;

/// Run a command, then roll the volume back
///
/// Rolls back even if the command fails or is interrupted, and exits with the command's exit code.
/// Uncommitted changes from before the command come back as well. Branches and tags that the
/// command creates stay. Restarts the containers that run on the volume.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  dvol run --rollback frob_mysql -- make test
  dvol run --rollback -- ./migrate --dry-run")]
pub(in crate::cli) struct RunArgs {
    /// Roll the volume back afterwards; required
    #[arg(long, required = true)]
    rollback: bool,
    /// Volume [default: the current volume]
    #[arg(add = crate::cli::complete::volumes())]
    volume: Option<VolumeName>,
    /// Command and its arguments, after --
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(in crate::cli) fn run(session: &Session, args: &RunArgs) -> Outcome {
    let pool = &session.pool;
    let failed = |error: io::Error| Failure::Failed(format!("cannot catch signals: {error}"));
    let shown: Vec<_> = args.command.iter().map(|word| word.to_string_lossy()).collect();

    // While the snapshot is made, a signal undoes it, as in other verbs.
    let flag = pool.interrupted();
    let mut ids = Vec::new();
    let signals = interrupts();
    for signal in signals.iter().copied() {
        ids.push(signal_hook::flag::register(signal, Arc::clone(&flag)).map_err(failed)?);
    }
    let volume = session.volume(args.volume.as_ref())?;
    let volume = volume.as_ref();
    let author = author::from_surroundings(&Git::here(pool));
    let snapshot = ops::snapshot(pool, volume, (Verb::Rollback, &shown.join(" ")), &author)?;

    // From here on signals go to the command, and the rollback cannot be interrupted.
    let signals = Signals::new(&signals).map_err(failed)?;
    for id in ids {
        signal_hook::low_level::unregister(id);
    }
    let problems = &snapshot.disruption.problems;
    session.note_containers(&snapshot.disruption);
    let code = if flag.load(Ordering::Relaxed) {
        INTERRUPTED
    } else if problems.is_empty() {
        Child::on(session, &snapshot.volume, &args.command).run(signals)
    } else {
        FAILED
    };
    let disruption = match ops::rollback(&pool.uninterrupted(), &snapshot) {
        Ok(disruption) => disruption,
        Err(error) => {
            say_how_to_roll_back(&snapshot.volume, &snapshot.tag, &error);
            return Err(error.into());
        }
    };
    session.note_containers(&disruption);
    if session.is_text() && session.globals.verbose > 0 {
        say("note", &format!("rolled back volume {}", snapshot.volume));
    }
    match session.end(Verb::Rollback, [&snapshot.volume], &disruption) {
        // The command's own failure is the news.
        Err(Failure::Pool(error)) if code != 0 => say("warning", &error.to_string()),
        other => drop(other?),
    }
    if code == FAILED && !problems.is_empty() {
        return Err(Failure::Failed(format!("the command did not run: {}", problems.join("; "))));
    }
    Ok(ExitCode::from(code))
}

/// Says that a volume was not rolled back because of `error`, and how to do that by hand.
pub(super) fn say_how_to_roll_back(volume: &VolumeName, tag: &TagName, error: &Error) {
    let way = match error {
        Error::NoVolume(_) => format!("dvol undo {volume} && "),
        _ => String::new(),
    };
    say("warning", &format!("volume {volume} is not rolled back"));
    say("hint", &format!("roll it back: {way}dvol reset --hard {tag} {volume}"));
}
