//! `dvol run`

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::git::Git;
use crate::cli::output::{Failure, say};
use crate::cli::session::Session;
use crate::cli::signals::interrupts;
use crate::cli::{Outcome, author};
use crate::error::Error;
use crate::model::{Verb, VolumeName};
use crate::ops;

/// Exit code of a shell for a command that SIGINT ended.
const INTERRUPTED: u8 = 130;
/// Exit codes of a shell for a command that cannot be run, and for one that does not exist.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

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
    let snapshot =
        ops::snapshot(pool, volume, &shown.join(" "), &author::from_surroundings(&Git::here(pool)))?;

    // From here on signals go to the command, and the rollback cannot be interrupted.
    let signals = Signals::new(&signals).map_err(failed)?;
    for id in ids {
        signal_hook::low_level::unregister(id);
    }
    let is_up = session.end(Verb::Rollback, [&snapshot.volume], &snapshot.disruption);
    session.note_containers(&snapshot.disruption);
    let code = if flag.load(Ordering::Relaxed) {
        INTERRUPTED
    } else if is_up.is_ok() {
        execute(session, args, &snapshot, signals)
    } else {
        say("warning", "the command did not run: a container is not up");
        0
    };
    let disruption = match ops::rollback(&pool.uninterrupted(), &snapshot) {
        Ok(disruption) => disruption,
        Err(error) => {
            let (volume, tag) = (&snapshot.volume, &snapshot.tag);
            let way = match error {
                Error::NoVolume(_) => format!("dvol undo {volume} && "),
                _ => String::new(),
            };
            let way = format!("{way}dvol reset --hard {tag} {volume}");
            say("warning", &format!("volume {volume} is not rolled back"));
            say("hint", &format!("roll it back: {way}"));
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
    is_up.map(|_| ExitCode::from(code))
}

/// Runs the command to its end and returns its exit code.
fn execute(session: &Session, args: &RunArgs, snapshot: &ops::Snapshot, mut signals: Signals) -> u8 {
    let (program, words) = args.command.split_first().expect("clap requires at least one word");
    let mut command = Command::new(program);
    command
        .args(words)
        .env("DVOL_POOL", session.pool.layout().root())
        .env("DVOL_VOLUME", snapshot.volume.as_str());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            say("error", &format!("cannot run {}: {error}", program.to_string_lossy()));
            return if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN };
        }
    };
    let pid = Pid::from_child(&child);
    let handle = signals.handle();
    // A terminal sends Ctrl-C to the command as well; it needs only one.
    let at_terminal = io::stdin().is_terminal();
    let forwarder = std::thread::spawn(move || {
        for signal in signals.forever() {
            let signal = match signal {
                SIGINT if at_terminal => continue,
                SIGINT => Signal::INT,
                SIGTERM => Signal::TERM,
                _ => Signal::HUP,
            };
            let _ = kill_process(pid, signal);
        }
    });
    let status = child.wait();
    handle.close();
    let _ = forwarder.join();
    status.map_or(CANNOT_RUN, code)
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
