//! The driver, asked as an engine asks it, while it dies or fails.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use crate::engine::Containers;
use crate::scene::Run;
use crate::sweep::{Case, Points, sweep};

/// How long a driver may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes one call, `plugin CALL BODY`, to a driver of its own, as `Run::with_fault` runs a command. The status is the
/// driver's where it died, else success or failure as it answered.
pub(crate) fn with_fault(
    run: &Run<'_>,
    words: &[&str],
    fault: Option<&str>,
    trace: &Path,
) -> (Output, Vec<String>) {
    let [_, call, body] = words else { panic!("{words:?}") };
    let socket = run.pool.with_extension("sock");
    let _ = fs::remove_file(trace);
    let mut driver = run.command(&["plugin", "--socket", socket.to_str().unwrap()]);
    driver.env("DVOL_FAULT_TRACE", trace).stdout(Stdio::null()).stderr(Stdio::piped());
    if let Some(fault) = fault {
        driver.env("DVOL_FAULT", fault);
    }
    let mut driver = driver.spawn().unwrap();
    let answer = ask(&mut driver, &socket, call, body);
    if answer.is_some() {
        driver.kill().unwrap();
    }
    let mut output = ended(driver);
    if let Some(answer) = answer {
        let is_done = answer.contains(r#""Err":"""#);
        output.status = ExitStatus::from_raw(if is_done { 0 } else { 1 << 8 });
        output.stdout = answer.into_bytes();
    }
    let points = fs::read_to_string(trace).unwrap_or_default();
    (output, points.lines().map(str::to_owned).collect())
}

/// The answer; none when the driver died first.
fn ask(driver: &mut Child, socket: &Path, call: &str, body: &str) -> Option<String> {
    let begun = Instant::now();
    let mut stream = loop {
        match UnixStream::connect(socket) {
            Ok(stream) => break stream,
            Err(error) => {
                assert!(begun.elapsed() < PATIENCE, "the driver does not serve: {error}");
                if driver.try_wait().unwrap().is_some() {
                    return None;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    };
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

/// What it said until its end, which must come.
fn ended(mut driver: Child) -> Output {
    let begun = Instant::now();
    while driver.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE, "the driver hung up and lives on");
        std::thread::sleep(Duration::from_millis(2));
    }
    driver.wait_with_output().unwrap()
}

/// Checksums are taken when the driver has time, which is not what is asked here.
const CALM: &[&str] = &["config", "checksums", "off"];

fn check(before: &'static [&'static [&'static str]], call: &'static str, body: &'static str, points: Points) {
    let words: &[&str] = vec!["plugin", call, body].leak();
    let runs = sweep(&Case { before, words, containers: Containers::new(), points, deep: false });
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
