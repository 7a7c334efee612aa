//! Commands that the page runs: the program itself, with the words that the page shows. What they
//! say is kept and shown as it comes.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

use super::live::{Event, Live};
use super::shell;
use crate::model::plain;

/// How many commands that are over are kept.
const MAX_KEPT: usize = 50;
/// How many lines of one command are kept.
const MAX_LINES: usize = 500;
/// What ends a question, which has no line end.
const QUESTION_END: &[u8] = b" [y/N] ";

/// How to run the program.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its file.
    pub file: PathBuf,
    /// The options that each of its commands gets, as a person would type them.
    pub options: Vec<OsString>,
    /// Variables that each of its commands gets.
    pub environment: Vec<(&'static str, OsString)>,
}

/// A line that a command said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// `error`, `hint`, `note`, `warning`, or empty for the result.
    pub(super) label: &'static str,
    pub(super) text: String,
}

/// How far a command is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Running,
    /// Asks this before it goes on.
    Asking(String),
    /// Ended with this exit code.
    Done(i32),
}

/// A command and what it said so far.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) number: u64,
    /// The command as a person types it.
    pub(super) command: String,
    /// The address of the page that shows what it worked on.
    pub(super) back: String,
    pub(super) lines: Vec<Line>,
    pub(super) state: State,
    pid: Option<Pid>,
    input: Option<Arc<ChildStdin>>,
}

impl Job {
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Done(_))
    }
}

/// The commands of this run, the newest last.
pub(super) struct Jobs {
    program: Program,
    live: Live,
    all: Arc<(Mutex<VecDeque<Job>>, Condvar)>,
}

impl Jobs {
    pub(super) fn new(program: Program, live: Live) -> Self {
        Jobs { program, live, all: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Job>> {
        lock(&self.all.0)
    }

    /// Returns the command of these words as a person types it.
    pub(super) fn command(&self, words: &[OsString]) -> String {
        shell::line(&[&self.program.options, words].concat())
    }

    /// Starts a command; returns its number. One that cannot be started is over at once.
    pub(super) fn start(&self, words: &[OsString], back: String) -> u64 {
        let mut command = Command::new(&self.program.file);
        command
            .args(&self.program.options)
            .args(words)
            .envs(self.program.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C at the server's terminal does not end it halfway.
            .process_group(0);
        let spawned = command.spawn();
        let mut all = self.lock();
        let number = all.back().map_or(1, |last| last.number + 1);
        let mut job = Job {
            number,
            command: self.command(words),
            back,
            lines: Vec::new(),
            state: State::Running,
            pid: None,
            input: None,
        };
        match spawned {
            Ok(mut child) => {
                job.pid = Some(Pid::from_child(&child));
                job.input = child.stdin.take().map(Arc::new);
                all.push_back(job);
                drop(all);
                self.follow(number, child);
            }
            Err(error) => {
                let text = format!("cannot run {}: {error}", self.program.file.display());
                job.lines.push(Line { label: "error", text });
                job.state = State::Done(126);
                all.push_back(job);
                drop(all);
            }
        }
        self.live.tell(Event::Job(number));
        number
    }

    /// Reads what a command says, on threads of its own, until it ends.
    fn follow(&self, number: u64, mut child: Child) {
        let out = child.stdout.take().map(|out| self.reader(number, out));
        let err = child.stderr.take().map(|err| self.reader(number, err));
        let (all, live) = (Arc::clone(&self.all), self.live.clone());
        std::thread::spawn(move || {
            for reader in [out, err].into_iter().flatten() {
                let _ = reader.join();
            }
            let code = child.wait().map_or(126, |status| {
                status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
            });
            let mut jobs = lock(&all.0);
            if let Some(job) = jobs.iter_mut().find(|job| job.number == number) {
                (job.state, job.input, job.pid) = (State::Done(code), None, None);
            }
            while jobs.iter().filter(|job| job.is_over()).count() > MAX_KEPT
                && let Some(at) = jobs.iter().position(Job::is_over)
            {
                jobs.remove(at);
            }
            drop(jobs);
            all.1.notify_all();
            live.tell(Event::Job(number));
        });
    }

    fn reader(&self, number: u64, from: impl Read + Send + 'static) -> std::thread::JoinHandle<()> {
        let (all, live) = (Arc::clone(&self.all), self.live.clone());
        std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            while let Some(said) = read(&mut from) {
                if let Some(job) = lock(&all.0).iter_mut().find(|job| job.number == number) {
                    job.hear(said);
                }
                live.tell(Event::Job(number));
            }
        })
    }

    /// Returns a command by its number.
    pub(super) fn get(&self, number: u64) -> Option<Job> {
        self.lock().iter().find(|job| job.number == number).cloned()
    }

    /// Lists the commands, the newest first.
    pub(super) fn list(&self) -> Vec<Job> {
        self.lock().iter().rev().cloned().collect()
    }

    /// Answers what a command asks.
    pub(super) fn answer(&self, number: u64, yes: bool) {
        let input = {
            let mut all = self.lock();
            let Some(job) = all.iter_mut().find(|job| job.number == number) else { return };
            if !matches!(job.state, State::Asking(_)) {
                return;
            }
            job.state = State::Running;
            job.input.clone()
        };
        if let Some(input) = input {
            // A command that is gone needs no answer.
            let _ = (&*input).write_all(if yes { b"y\n" } else { b"n\n" });
        }
        self.live.tell(Event::Job(number));
    }

    /// Interrupts a command, as Ctrl-C does: what it has begun is undone.
    pub(super) fn interrupt(&self, number: u64) {
        if let Some(pid) = self.get(number).and_then(|job| job.pid) {
            let _ = kill_process(pid, Signal::INT);
        }
    }

    /// Counts the commands that run.
    pub(super) fn running(&self) -> usize {
        self.lock().iter().filter(|job| !job.is_over()).count()
    }

    /// Answers no to all questions, and waits until all commands are over.
    pub(super) fn finish(&self) {
        let asking: Vec<u64> =
            self.lock().iter().filter(|job| !job.is_over()).map(|job| job.number).collect();
        for number in asking {
            self.answer(number, false);
        }
        let mut all = self.lock();
        while all.iter().any(|job| !job.is_over()) {
            all = self.all.1.wait(all).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn lock(all: &Mutex<VecDeque<Job>>) -> MutexGuard<'_, VecDeque<Job>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was read from a command.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Line(String),
    Question(String),
}

/// Reads a line, or a question; `None` at the end.
fn read(from: &mut impl BufRead) -> Option<Said> {
    let mut bytes = Vec::new();
    loop {
        let chunk = match from.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => &[],
        };
        if chunk.is_empty() {
            return (!bytes.is_empty()).then(|| Said::Line(text(&bytes)));
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(chunk.len(), |end| end + 1);
        bytes.extend_from_slice(&chunk[..length]);
        from.consume(length);
        if end.is_some() {
            bytes.pop();
            return Some(Said::Line(text(&bytes)));
        }
        if let Some(question) = bytes.strip_suffix(QUESTION_END) {
            return Some(Said::Question(text(question)));
        }
    }
}

fn text(bytes: &[u8]) -> String {
    plain(&String::from_utf8_lossy(bytes))
}

impl Job {
    fn hear(&mut self, said: Said) {
        match said {
            Said::Question(question) => self.state = State::Asking(question),
            Said::Line(text) => {
                let labels = ["error", "hint", "note", "warning"];
                let found = labels.into_iter().find_map(|label| {
                    let rest = text.strip_prefix(label)?.strip_prefix(": ")?;
                    Some(Line { label, text: rest.to_owned() })
                });
                let line = found.unwrap_or(Line { label: "", text });
                // Each line of progress takes the place of the one before.
                let done = ["copied ", "read ", "wrote "];
                let is_progress =
                    |line: &Line| line.label == "note" && done.iter().any(|word| line.text.starts_with(word));
                if is_progress(&line) && self.lines.last().is_some_and(is_progress) {
                    self.lines.pop();
                }
                if self.lines.len() < MAX_LINES {
                    self.lines.push(line);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_questions_are_told_apart() {
        let mut from = BufReader::with_capacity(3, &b"a\n\nDelete it? [y/N] b\xff\x1b\nlast"[..]);
        let line = |text: &str| Some(Said::Line(text.to_owned()));
        assert_eq!(read(&mut from), line("a"));
        assert_eq!(read(&mut from), line(""));
        let mut whole = BufReader::new(&b"Delete it? [y/N] "[..]);
        assert_eq!(read(&mut whole), Some(Said::Question("Delete it?".to_owned())));
        assert_eq!(read(&mut whole), None);
    }

    #[test]
    fn progress_takes_one_line() {
        let mut job = Job {
            number: 1,
            command: String::new(),
            back: String::new(),
            lines: Vec::new(),
            state: State::Running,
            pid: None,
            input: None,
        };
        for text in ["note: copying 2 GiB", "note: copied 1 GiB", "note: copied 2 GiB", "error: x", "done"] {
            job.hear(Said::Line(text.to_owned()));
        }
        let said: Vec<_> = job.lines.iter().map(|line| (line.label, line.text.as_str())).collect();
        assert_eq!(said, [("note", "copying 2 GiB"), ("note", "copied 2 GiB"), ("error", "x"), ("", "done")]);
    }
}
