//! Commands with a time limit, and what came of them.

use std::fmt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The longest that one command line may take, in seconds: more than any wait inside it.
const LIMIT: &str = "150";

/// What a command line did.
pub struct Outcome {
    line: String,
    /// Its exit code; that of a killed program is 128 and the signal's number.
    pub code: i32,
    /// What it printed, without the newline at the end.
    pub stdout: String,
    /// What it said on standard error.
    pub stderr: String,
}

impl Outcome {
    /// Runs `line` in bash, ended after a while whatever happens.
    pub fn of(line: &str, environment: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", LIMIT, "bash", "-c", line]);
        environment(&mut command);
        let output = command.output().expect("timeout and bash are installed");
        let code = output.status.code().or(output.status.signal().map(|signal| 128 + signal));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        Outcome {
            line: line.to_owned(),
            code: code.expect("it was waited for"),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// What it printed; it must have succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self}");
        self.stdout
    }

    /// What it said on standard error; it must have been refused (exit code 1), in words.
    #[track_caller]
    pub fn refused(self) -> String {
        assert_eq!(self.code, 1, "{self}");
        assert!(!self.stderr.is_empty(), "no word about what is wrong: {self}");
        self.stderr
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { line, code, stdout, stderr } = self;
        write!(f, "\n$ {line}\n{stdout}\n{stderr}\n(exit code {code})")
    }
}

/// Waits until `condition` holds, two minutes at most: a machine may be slow. `what` says what
/// never came.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < until, "after two minutes still not: {what}");
        sleep(Duration::from_millis(50));
    }
}
