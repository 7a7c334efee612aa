//! Worktrees that commit and reset in a loop, all at once, and are killed now and then.
//!
//! `DVOL_WORKTREE_SECONDS=60` goes on for so long in each of eight worktrees; `DVOL_TEST_SEED`
//! gives an earlier choice of commands again.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::random::{Random, amount, seed};

use crate::harness::Pool;

/// How many rounds each worktree plays at least.
const ROUNDS: u64 = 12;
/// How many worktrees there are.
const WORKTREES: u64 = 8;
/// After how many milliseconds a command is killed at most.
const KILLED_WITHIN: usize = 60;

static DONE: AtomicUsize = AtomicUsize::new(0);
static KILLED: AtomicUsize = AtomicUsize::new(0);

/// One worktree, and what it must hold.
struct Worktree<'p> {
    pool: &'p Pool,
    name: String,
    random: Random,
    /// The subjects of the commits of its branch, the newest first.
    log: Vec<String>,
    /// What was done, for the message of a failure.
    trail: Vec<String>,
}

impl Worktree<'_> {
    /// Runs dvol on the worktree, and kills it now and then. Returns whether it came to its end.
    fn run(&mut self, words: &[&str]) -> bool {
        let mut command = self.pool.command(words);
        let mut child =
            command.args(["-C", &self.name]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        if self.random.one_in(4) {
            let until = Instant::now() + Duration::from_millis(self.random.below(KILLED_WITHIN) as u64);
            while Instant::now() < until && child.try_wait().unwrap().is_none() {
                thread::sleep(Duration::from_millis(1));
            }
            let _ = child.kill();
        }
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        self.trail.push(format!("{words:?}: {}", output.status));
        match output.status.code() {
            Some(code) => assert_eq!(code, 0, "{} {words:?}: {said}", self.name),
            None => drop(KILLED.fetch_add(1, Ordering::Relaxed)),
        }
        DONE.fetch_add(1, Ordering::Relaxed);
        output.status.success()
    }

    fn seen(&self) -> Vec<String> {
        let log = self.pool.ok(["log", "--format", "{subject}", "-C", &self.name]);
        log.lines().map(str::to_owned).collect()
    }

    /// Takes `wanted` for the log; a command that was killed may have left the one before.
    fn moved_to(&mut self, wanted: &[String], is_done: bool) {
        let seen = self.seen();
        assert!(seen == *wanted || !is_done && seen == self.log, "{}: {seen:?}, not {wanted:?}", self.name);
        self.log = seen;
    }

    fn play(&mut self, round: u64) {
        let message = format!("{} {round}", self.name);
        self.pool.write(&self.name, "state", &message);
        match self.random.below(6) {
            0 | 1 => {
                let done = self.run(&["commit", "-m", &message]);
                let wanted = [vec![message], self.log.clone()].concat();
                self.moved_to(&wanted, done);
            }
            2 if self.log.len() > 2 => {
                let done = self.run(&["reset", "--hard", "HEAD~1"]);
                let wanted = self.log[1..].to_vec();
                self.moved_to(&wanted, done);
            }
            _ => {
                let done = self.run(&["reset", "--hard"]);
                let wanted = self.log.clone();
                self.moved_to(&wanted, done);
                if done {
                    let seen = self.pool.read(&self.name, "state");
                    assert_eq!(seen, self.log[0], "{:?}", self.trail);
                }
            }
        }
    }
}

#[test]
fn eight_worktrees_in_a_loop_with_kills_lose_nothing() {
    let (seconds, seed) = (amount("DVOL_WORKTREE_SECONDS", 0) as u64, seed());
    println!("{WORKTREES} worktrees for at least {seconds} s, DVOL_TEST_SEED={seed}");
    let pool = Pool::with_commits(&["one", "two"]);
    for number in 0..20 {
        pool.write("db", &format!("file-{number}"), &"x".repeat(10_000));
    }
    pool.write("db", "state", "three");
    pool.ok(["commit", "-m", "three"]);
    pool.write("db", "state", "uncommitted");
    let names: Vec<String> = (0..WORKTREES).map(|n| format!("w{n}")).collect();
    for name in &names {
        pool.ok(["worktree", "add", name, "-b", &format!("branch-{name}")]);
    }
    let end = Instant::now() + Duration::from_secs(seconds);
    let logs = thread::scope(|scope| {
        let begin = |(n, name): (u64, &String)| {
            let random = Random::new(seed.wrapping_mul(31).wrapping_add(n));
            let log = ["three", "two", "one"].map(str::to_owned).to_vec();
            let mut worktree = Worktree { pool: &pool, name: name.clone(), random, log, trail: Vec::new() };
            scope.spawn(move || {
                let rounds = (0..).take_while(|round| *round < ROUNDS || Instant::now() < end);
                rounds.for_each(|round| worktree.play(round));
                worktree.log
            })
        };
        let threads: Vec<_> = (0..).zip(&names).map(begin).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    // What the last kills left is recovered first.
    assert!(matches!(pool.run(["fsck"]).code, 0 | 1));
    pool.ok(["fsck", "--deep"]);
    assert!(pool.staging().is_empty());
    for (name, log) in names.iter().zip(logs) {
        assert_eq!(pool.ok(["log", "--format", "{subject}", "-C", name]).lines().collect::<Vec<_>>(), log);
        pool.ok(["reset", "--hard", "-C", name]);
        assert_eq!(pool.read(name, "state"), log[0]);
    }
    assert_eq!(pool.read("db", "state"), "uncommitted", "the volume's own branch is not touched");
    let (done, killed) = (DONE.load(Ordering::Relaxed), KILLED.load(Ordering::Relaxed));
    println!("{done} commands, {killed} killed, nothing lost");
}
