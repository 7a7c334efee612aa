//! Signals that reach a command: a hang-up, an interrupt while it waits, a limit for files.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::harness::{Pool, Said};

/// A point in the middle of the copy of [`pool`].
const MIDDLE: &str = "250:stop";

/// Makes a pool with enough files that a commit passes [`MIDDLE`].
fn pool() -> Pool {
    let pool = Pool::with_commits(&["one"]);
    for file in 0..500 {
        pool.write("db", &file.to_string(), "x");
    }
    pool
}

/// What of a shell starts a program that a hang-up does not reach, and one that it ends. A shell
/// cannot undo that its own parent ignored it.
const IGNORED: &str = "trap '' HUP; exec";
const HEARD: &str = "exec env --default-signal=HUP";

/// Runs dvol behind a line of shell, which ends in `exec`.
fn behind(pool: &Pool, line: &str, words: &[&str]) -> Command {
    let mut command = pool.command_of("sh");
    command.arg("-c").arg(format!("{line} \"$0\" \"$@\"")).arg(support::dvol());
    command.arg("--disable-docker-integration").args(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn await_stop(child: &Child) -> Pid {
    let pid = Pid::from_child(child);
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped(), "{status:?}");
    pid
}

#[test]
fn a_hang_up_that_was_ignored_at_the_start_stays_ignored() {
    for (line, code) in [(IGNORED, 0), (HEARD, 130)] {
        let pool = pool();
        let child = behind(&pool, line, &["commit", "-m", "two"]).env("DVOL_FAULT", MIDDLE).spawn().unwrap();
        let pid = await_stop(&child);
        kill_process(pid, Signal::HUP).unwrap();
        kill_process(pid, Signal::CONT).unwrap();
        let said = Said::from(child.wait_with_output().unwrap());
        assert_eq!(said.code, code, "{line}: {said:?}");
    }
    let pool = Pool::with_commits(&["one"]);
    let words = ["run", "--rollback", "--", "sh", "-c", "kill -HUP $PPID; sleep 1; echo done"];
    let said = Said::from(behind(&pool, IGNORED, &words).output().unwrap());
    assert_eq!((said.code, said.out.as_str()), (0, "done\n"), "{said:?}");
}

#[test]
fn a_limit_for_files_is_an_error() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "big", &"0123456789abcdef".repeat(4 << 20));
    let said = Said::from(behind(&pool, "ulimit -f 20480; exec", &["commit", "-m", "two"]).output().unwrap());
    said.fails(1, "File too large");
    assert_eq!(pool.ok(["log", "--format", "%s"]), "one\n");
    assert_eq!(std::fs::read_dir(pool.root().join(".dvol/staging")).unwrap().count(), 0);
    pool.ok(["fsck"]);
}

#[test]
fn ctrl_c_ends_the_wait_for_another_command() {
    let pool = pool();
    let mut first = pool.command(["commit", "-m", "two"]);
    let first = first.env("DVOL_FAULT", MIDDLE).stdout(Stdio::null()).spawn().unwrap();
    let pid = await_stop(&first);
    let mut second = pool.command(["commit", "-m", "three", "--lock-timeout", "600"]);
    let mut second = second.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(second.stderr.take().unwrap()).lines();
    assert!(said.next().unwrap().unwrap().starts_with("waiting: for volume db"));
    kill_process(Pid::from_child(&second), Signal::INT).unwrap();
    assert_eq!(second.wait().unwrap().code(), Some(130));
    kill_process(pid, Signal::CONT).unwrap();
    assert!(first.wait_with_output().unwrap().status.success());
    assert_eq!(pool.ok(["log", "--format", "%s"]), "two\none\n");
}
