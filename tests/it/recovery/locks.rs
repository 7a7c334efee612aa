//! Waiting for others, and not having to.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::harness::Pool;

#[test]
fn readers_never_fail_while_writers_are_at_work() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["init", "other"]);
    let over = AtomicBool::new(false);
    let reads = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for words in [&["list"][..], &["log", "db"], &["status", "db"], &["reflog", "db"], &["inspect", "db"]]
        {
            let (pool, over, reads) = (&pool, &over, &reads);
            scope.spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    pool.ok(words);
                    reads.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let write = |volume: &'static str| {
            let pool = &pool;
            move || {
                for n in 0..6 {
                    pool.write(volume, "state", &n.to_string());
                    pool.ok(["commit", "-m", "x", volume]);
                    pool.ok(["reset", "--hard", "HEAD", volume]);
                }
            }
        };
        let writers: Vec<_> = ["db", "db", "other"].into_iter().map(|v| scope.spawn(write(v))).collect();
        let ended: Vec<_> = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::SeqCst);
        assert!(ended.iter().all(Result::is_ok));
    });
    assert!(reads.into_inner() >= 10);
    pool.ok(["fsck"]);
}

#[test]
fn a_holder_that_is_killed_frees_the_lock_for_whoever_waits() {
    let pool = Pool::with_commits(&["one"]);
    let lock = pool.root().join(".dvol/locks/volume/db");
    // Without --close, the sleeper would hold it on; it ends with its parent.
    let sleeper = ["setpriv", "--pdeathsig", "KILL", "sleep", "600"];
    let mut holder = Command::new("flock").arg("--close").arg(&lock).args(sleeper).spawn().unwrap();
    let taken = || !Command::new("flock").arg("-n").arg(&lock).arg("true").status().unwrap().success();
    while !taken() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut waiting = pool.command(["commit", "-m", "x"]);
    let mut waiting = waiting.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut told = BufReader::new(waiting.stderr.take().unwrap());
    let mut word = String::new();
    told.read_line(&mut word).unwrap();
    assert!(word.contains("waiting") && word.contains("volume db"), "{word}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(waiting.wait().unwrap().success());
}
