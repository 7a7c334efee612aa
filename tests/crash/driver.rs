//! The driver, asked as an engine asks it, while it dies or fails.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use crate::sweep::{Case, Points, sweep};
use support::fake_engine::Containers;
use support::scene::Run;

/// How long a driver may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A driver process on a socket beside its pool.
pub(crate) struct Driver {
    process: Child,
    socket: PathBuf,
}

impl Driver {
    /// Starts one, with a fault as for `Run::with_fault`. It may die of that before it serves.
    pub(crate) fn start(run: &Run<'_>, fault: Option<&str>, trace: &Path) -> Self {
        let socket = run.pool.with_extension("sock");
        let _ = fs::remove_file(trace);
        let mut command = run.command(&["plugin", "--socket", socket.to_str().unwrap()]);
        command.env("DVOL_FAULT_TRACE", trace).stdout(Stdio::null()).stderr(Stdio::piped());
        if let Some(fault) = fault {
            command.env("DVOL_FAULT", fault);
        }
        Driver { process: command.spawn().unwrap(), socket }
    }

    /// Waits until it serves; none when it died first.
    pub(crate) fn connect(&mut self) -> Option<UnixStream> {
        let begun = Instant::now();
        loop {
            match UnixStream::connect(&self.socket) {
                Ok(stream) => return Some(stream),
                Err(error) => {
                    assert!(begun.elapsed() < PATIENCE, "the driver does not serve: {error}");
                    if self.process.try_wait().unwrap().is_some() {
                        return None;
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
    }

    /// The answer; none when the driver died first.
    pub(crate) fn ask(&mut self, call: &str, body: &str) -> Option<String> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let head = format!(
            "POST /VolumeDriver.{call} HTTP/1.1\r\nHost: \r\nConnection: close\r\nContent-Length: {length}"
        );
        // One that is dead by now reads nothing.
        let _ = write!(stream, "{head}\r\n\r\n{body}");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        (!answer.is_empty()).then_some(answer)
    }

    /// Kills it, if it is not dead.
    pub(crate) fn kill(mut self) -> Output {
        self.process.kill().unwrap();
        self.end()
    }

    /// What it said until its end, which must come.
    pub(crate) fn end(mut self) -> Output {
        let begun = Instant::now();
        while self.process.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < PATIENCE, "the driver hung up and lives on");
            std::thread::sleep(Duration::from_millis(2));
        }
        self.process.wait_with_output().unwrap()
    }
}

/// Makes one call, `plugin CALL BODY`, to a driver of its own, as `Run::with_fault` runs a command.
/// The status is the driver's where it died, else success or failure as it answered.
pub(crate) fn with_fault(
    run: &Run<'_>,
    words: &[&str],
    fault: Option<&str>,
    trace: &Path,
) -> (Output, Vec<String>) {
    let [_, call, body] = words else { panic!("{words:?}") };
    let mut driver = Driver::start(run, fault, trace);
    let output = match driver.ask(call, body) {
        None => driver.end(),
        Some(answer) => {
            let is_done = answer.contains(r#""Err":"""#);
            let status = ExitStatus::from_raw(if is_done { 0 } else { 1 << 8 });
            Output { status, stdout: answer.into_bytes(), ..driver.kill() }
        }
    };
    let points = fs::read_to_string(trace).unwrap_or_default();
    (output, points.lines().map(str::to_owned).collect())
}

/// Checksums are taken when the driver has time, which is not what is asked here.
pub(crate) const CALM: &[&str] = &["config", "checksums", "off"];

fn check(before: &'static [&'static [&'static str]], call: &'static str, body: &'static str, points: Points) {
    let words: &[&str] = vec!["plugin", call, body].leak();
    let runs =
        sweep(&Case { before, words, containers: Containers::new(), points, deep: false, ready: None });
    println!("{call} {body}: {runs} faults");
}

#[test]
fn a_volume_that_an_engine_asks_for_is_whole_or_not_there() {
    check(&[CALM], "Create", r#"{"Name":"fresh"}"#, Points::Steps);
}

#[test]
fn a_volume_that_is_made_from_another_is_whole_or_not_there() {
    check(
        &[CALM],
        "Create",
        r#"{"Name":"fresh","Opts":{"from":"db:HEAD~1","branch":"tests"}}"#,
        Points::Deaths,
    );
}

#[test]
fn a_mount_is_on_record_or_refused() {
    check(&[CALM], "Mount", r#"{"Name":"db","ID":"0123"}"#, Points::Steps);
}

#[test]
fn an_unmount_is_on_record_or_refused() {
    check(
        &[CALM, &["plugin", "Mount", r#"{"Name":"db","ID":"0123"}"#]],
        "Unmount",
        r#"{"Name":"db","ID":"0123"}"#,
        Points::Steps,
    );
}

#[test]
fn a_volume_that_an_engine_removes_is_there_or_in_trash() {
    check(&[CALM], "Remove", r#"{"Name":"db"}"#, Points::Steps);
}
