//! Several processes at once against a model in memory.
//!
//! A scenario is a row of rounds. In each, files are written, then up to three commands run at the
//! same time, on one volume or several, and some of them are killed at some step. Afterwards a
//! recovery runs, and the pool must be what the commands give in *some* order, each whole or, if it
//! was killed, perhaps not at all; a command that was not killed must have ended as it does in that
//! order.
//!
//! `DVOL_MODEL_KILLS=1000` goes on until so many were killed; `DVOL_TEST_SEED` gives an earlier run
//! again. A scenario that fails is made as short as it goes and printed.

mod command;
mod observed;
mod reference;
mod scenario;

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use quickcheck::{Gen, QuickCheck, TestResult, Testable};

use command::{Command, Killed};
use reference::{Pool, told_apart};
use scenario::{OnWorktrees, Round, Scenario};

use support::random::{amount, seed};
use support::remains;
use support::scene::{Run, remove, told, workshop};

/// How many words a scenario has at most.
const SIZE: usize = 12;

/// How many commands ran, and how many of them were killed.
struct Counts {
    commands: AtomicUsize,
    kills: AtomicUsize,
}

static ON_VOLUMES: Counts = Counts { commands: AtomicUsize::new(0), kills: AtomicUsize::new(0) };
static ON_WORKTREES: Counts = Counts { commands: AtomicUsize::new(0), kills: AtomicUsize::new(0) };

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Done,
    Refused,
    Killed,
}

/// Plays a scenario; says what went wrong.
fn play(scenario: &Scenario, counts: &Counts) -> Result<(), String> {
    let workshop = workshop();
    let pool = workshop.path().join("pool");
    let archive = workshop.path().join("archive.tar");
    let run = |ids| Run { pool: &pool, engine: None, ids };
    // What import takes.
    run(1).must(&["init", "source"]);
    std::fs::write(pool.join("source/running_point/data"), "0").unwrap();
    run(2).must(&["commit", "-m", "m0", "source"]);
    run(3).must(&["export", "source", archive.to_str().unwrap()]);
    remove(&pool);
    // Several states that look the same are kept apart: they differ in what an undo would do.
    let mut candidates = vec![Pool::default()];
    let mut number = 0;
    for (n, round) in scenario.0.iter().enumerate() {
        let about = |what: String| format!("round {}: {round:?}: {what}", n + 1);
        for (volume, value) in &round.writes {
            let name = command::volume(*volume);
            if candidates[0].write(name, *value) {
                std::fs::write(pool.join(name).join("running_point/data"), value.to_string()).unwrap();
                candidates[1..].iter_mut().for_each(|candidate| {
                    candidate.write(name, *value);
                });
            }
        }
        let first = number;
        let ended = run_round(round, (&pool, &archive), first, counts).map_err(about)?;
        number += round.commands.len();
        recover(&pool).map_err(about)?;
        let seen = observed::observe(&pool).map_err(about)?;
        let mut possible = Vec::new();
        for candidate in &candidates {
            candidate.in_any_order(&round.commands, &ended, first, &mut possible);
        }
        let all: Vec<String> = possible.iter().map(Pool::text).collect();
        candidates = possible.into_iter().filter(|pool| pool.text() == seen).collect();
        told_apart(&mut candidates);
        if candidates.is_empty() {
            let mut all = all;
            all.sort();
            all.dedup();
            return Err(about(format!("ended {ended:?}\nis\n{seen}\nbut may be\n{}", all.join("\nor\n"))));
        }
    }
    remove(&pool);
    Ok(())
}

fn run_round(
    round: &Round,
    (pool, archive): (&Path, &Path),
    first: usize,
    counts: &Counts,
) -> Result<Vec<Ended>, String> {
    let start = |(n, command): (usize, &Command)| -> Child {
        let number = first + n + 1;
        let ids = 1000 * u32::try_from(number).unwrap();
        let words = command.words(number, archive);
        let mut line =
            Run { pool, engine: None, ids }.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
        // Times decide what is unchanged, so these are real.
        line.env_remove("DVOL_TEST_TIME").stdout(Stdio::piped()).stderr(Stdio::piped());
        match command.killed {
            Killed::No => &mut line,
            Killed::Step(at) => line.env("DVOL_FAULT", format!("{at}:kill")),
            Killed::Inside(at) => line.env("DVOL_FAULT", format!("{at}:kill:redb")),
        };
        line.spawn().unwrap()
    };
    let children: Vec<Child> = round.commands.iter().enumerate().map(start).collect();
    let reader = Run { pool, engine: None, ids: 0 }.run(&["list", "--format", "json"]);
    let mut ended = Vec::new();
    let mut wrong = None;
    for (child, command) in children.into_iter().zip(&round.commands) {
        let output = child.wait_with_output().unwrap();
        counts.commands.fetch_add(1, Ordering::Relaxed);
        ended.push(match output.status.code() {
            Some(0) => Ended::Done,
            Some(1) => Ended::Refused,
            None => {
                counts.kills.fetch_add(1, Ordering::Relaxed);
                Ended::Killed
            }
            Some(_) => {
                wrong = Some(format!("{command:?}: {}", told(&output)));
                Ended::Refused
            }
        });
        let told = told(&output);
        if told.contains("panicked") || told.contains("inconsistent") {
            wrong = Some(format!("{command:?}: {told}"));
        }
    }
    // The first command of a scenario may not have made the pool yet.
    if !reader.status.success() && !told(&reader).contains("there is no pool at") {
        wrong = Some(format!("a reader failed: {}", told(&reader)));
    }
    wrong.map_or(Ok(ended), Err)
}

fn recover(pool: &Path) -> Result<(), String> {
    if !pool.exists() {
        return Ok(());
    }
    let run = Run { pool, engine: None, ids: 0 };
    let first = run.run(&["fsck"]);
    if first.status.code() == Some(1) {
        let second = run.run(&["fsck"]);
        if !second.status.success() {
            return Err(format!("second fsck {}", told(&second)));
        }
    } else if !first.status.success() {
        return Err(format!("fsck {}", told(&first)));
    }
    let left = remains(pool);
    if left == (0, 0) { Ok(()) } else { Err(format!("journal and staging have {left:?}")) }
}

fn tell(played: Result<(), String>) -> TestResult {
    match played {
        Ok(()) => TestResult::passed(),
        Err(why) => {
            println!("{why}\n");
            TestResult::error(why)
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "quickcheck passes it so")]
fn holds(scenario: Scenario) -> TestResult {
    tell(play(&scenario, &ON_VOLUMES))
}

fn holds_on_worktrees(OnWorktrees(scenario): OnWorktrees) -> TestResult {
    tell(play(&scenario, &ON_WORKTREES))
}

/// Plays scenarios until so many commands were killed.
fn play_on(counts: &Counts, property: impl Testable + Copy) {
    let seed = seed();
    let most = amount("DVOL_MODEL_KILLS", 50);
    println!("until {most} kills, DVOL_TEST_SEED={seed}");
    let mut scenarios = 0;
    while counts.kills.load(Ordering::Relaxed) < most {
        let random = Gen::from_size_and_seed(SIZE, seed.wrapping_add(scenarios));
        QuickCheck::new().rng(random).tests(1).quickcheck(property);
        scenarios += 1;
    }
    let (commands, kills) = (counts.commands.load(Ordering::Relaxed), counts.kills.load(Ordering::Relaxed));
    println!("{scenarios} scenarios, {commands} commands, {kills} killed, nothing lost");
}

#[test]
fn any_commands_at_once_and_any_kills_give_what_some_order_of_them_gives() {
    play_on(&ON_VOLUMES, holds as fn(Scenario) -> TestResult);
}

#[test]
fn any_commands_at_once_on_worktrees_and_any_kills_give_what_some_order_of_them_gives() {
    play_on(&ON_WORKTREES, holds_on_worktrees as fn(OnWorktrees) -> TestResult);
}
