//! Commands that read beside commands that write: they read again, and never fail.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::steps;

use crate::harness::{Pool, stand_still};

/// How long commands read beside each other.
const TIME: Duration = Duration::from_secs(12);

#[test]
fn an_export_reads_again_when_its_commit_moves_before_it_is_opened() {
    let pool = Pool::with_commits(&["one", "two"]);
    let trace = pool.dir().join("trace");
    let output = pool.command(["export", "db", "-"]).env("DVOL_FAULT_TRACE", &trace).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let point = steps(&trace).iter().position(|name| name.contains("source.open")).unwrap() + 1;
    // It stands still where it knows the place of the commit.
    let child = stand_still(&mut pool.command(["export", "db", "-"]), point).unwrap();
    pool.ok(["reset", "--hard", "HEAD~1"]);
    kill_process(Pid::from_child(&child), Signal::CONT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::write(pool.dir().join("archive"), output.stdout).unwrap();
    pool.ok(["import", "archive", "copy"]);
    assert_eq!(pool.read("copy", "state"), "one");
}

#[test]
fn reading_beside_commits_undos_and_resets_never_fails() {
    let pool = Pool::with_volume();
    for n in 0..30 {
        pool.write("db", &format!("file{n}"), &format!("{n}").repeat(20_000));
    }
    for n in 0..3 {
        pool.write("db", "file0", &format!("changed {n}"));
        pool.ok(["commit", "-m", &format!("{n}")]);
    }
    let is_over = AtomicBool::new(false);
    let writes = || {
        while !is_over.load(Ordering::Relaxed) {
            for words in [
                &["commit", "-m", "x"][..],
                &["undo"],
                &["reset", "--hard", "HEAD~1"],
                &["undo"],
                &["tag", "-f", "t"],
                &["gc", "--all", "-f"],
            ] {
                pool.run(words);
            }
        }
    };
    let reads = || {
        let (until, mut count) = (Instant::now() + TIME, 0);
        while Instant::now() < until {
            for words in [
                &["status"][..],
                &["diff"],
                &["diff", "HEAD~1", "HEAD"],
                &["show"],
                &["log", "--stat"],
                &["du"],
                &["inspect", "db"],
                &["export", "db", "-"],
                &["gc", "-n"],
                &["fsck"],
            ] {
                // An archive is no text.
                let output = pool.command(words).output().unwrap();
                let found =
                    if words[0] == "fsck" { String::from_utf8_lossy(&output.stdout) } else { "".into() };
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{words:?}: {:?} {found}{said}", output.status);
                count += 1;
            }
        }
        count
    };
    thread::scope(|scope| {
        scope.spawn(writes);
        let readers = [scope.spawn(reads), scope.spawn(reads)];
        let counts = readers.map(thread::ScopedJoinHandle::join);
        is_over.store(true, Ordering::Relaxed);
        assert!(counts.map(|count| count.unwrap()).iter().sum::<i32>() > 10);
    });
    pool.ok(["fsck"]);
    assert!(fs::read_dir(pool.root().join("db/branches/master")).unwrap().count() >= 30);
}
