//! Commands of the user that work on a volume: `run --rollback` and `ensure`.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::output::say;
use super::session::Session;
use crate::model::VolumeName;

/// Exit codes of a shell for a command that cannot be run, and for one that does not exist.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

/// A command that is to run.
pub(super) struct Child<'a> {
    program: &'a OsString,
    command: Command,
    started: Box<dyn FnOnce(u32) + 'a>,
}

impl<'a> Child<'a> {
    /// Makes a command of these words, at least one, that finds the volume in its environment.
    pub(super) fn on(session: &Session, volume: &VolumeName, words: &'a [OsString]) -> Self {
        let (program, words) = words.split_first().expect("clap requires at least one word");
        let mut command = Command::new(program);
        command
            .args(words)
            .env("DVOL_POOL", session.pool.layout().root())
            .env("DVOL_VOLUME", volume.as_str());
        Child { program, command, started: Box::new(|_| ()) }
    }

    /// Sets one more variable of its environment.
    pub(super) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Lets it print to standard error, as standard output is for dvol's result.
    pub(super) fn printing_to_stderr(mut self) -> io::Result<Self> {
        self.command.stdout(Stdio::from(io::stderr().as_fd().try_clone_to_owned()?));
        Ok(self)
    }

    /// Calls `started` with the pid of its process.
    pub(super) fn once_started(mut self, started: impl FnOnce(u32) + 'a) -> Self {
        self.started = Box::new(started);
        self
    }

    /// Runs it to its end, passes these signals on to it, and returns its exit code.
    pub(super) fn run(mut self, mut signals: Signals) -> u8 {
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(error) => {
                say("error", &format!("cannot run {}: {error}", self.program.to_string_lossy()));
                return if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { CANNOT_RUN };
            }
        };
        (self.started)(child.id());
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
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
