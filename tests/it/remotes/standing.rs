//! A process that stands still in the middle of its work, at each step, while another works on the
//! same repository.

use std::process::{Child, Command};

use super::Team;
use super::killed::{head_at, stride};
use super::upkeep::{DAY, age, let_pass};
use crate::harness::{go_on, stand_still};

/// Runs a command again and again, and lets each run stand still some steps later than the one
/// before, until one ends without that. `begin` makes ready for a run, `meanwhile` lets it go on.
fn at_each_step<T>(mut begin: impl FnMut(usize) -> (Command, T), mut meanwhile: impl FnMut(usize, Child, T)) {
    for step in (1..2000).step_by(stride()) {
        let (mut command, given) = begin(step);
        match stand_still(&mut command, step) {
            Ok(child) => meanwhile(step, child, given),
            Err(said) => {
                said.ok();
                return;
            }
        }
    }
}

#[test]
fn a_gc_takes_nothing_from_a_push_that_stands_still_at_any_step() {
    let team = Team::with_clone();
    let (mut refused, mut done) = (0, 0);
    let begin = |step: usize| {
        team.here.commit(&format!("at {step}"));
        (team.here.command(["push"]), team.here.ids("db")[0].clone())
    };
    at_each_step(begin, |step, child, id| {
        // What lies there looks as if it had not been needed for long.
        age(&team, "snapshots", 40 * DAY);
        let gc = team.there.run(["--lock-timeout", "0", "remote", "gc", "origin"]);
        match gc.code {
            0 => done += 1,
            3 => refused += 1,
            _ => panic!("{step}: {gc:?}"),
        }
        let pushed = go_on(child);
        assert_eq!(pushed.code, 0, "{step}: {pushed:?}");
        assert_eq!(head_at(&team.there), Some(id), "{step}");
    });
    assert!(refused > 1 && done > 1, "{refused} refused, {done} done");
    assert_eq!(team.here.ok(["remote", "fsck", "--deep", "origin"]), "1 volume: clean\n");
    team.there.ok(["clone", &team.volume("db"), "again"]);
}

#[test]
fn a_push_loses_nothing_to_a_gc_that_stands_still_at_any_step() {
    let team = Team::with_clone();
    let (mut refused, mut done) = (0, 0);
    let begin = |step: usize| {
        // Something to delete: a commit that a forced push gave up.
        team.here.write("db", "large", &format!("given up at {step} ").repeat(5000));
        team.here.commit("given up");
        team.here.ok(["push"]);
        team.here.ok(["reset", "--hard", "HEAD~1"]);
        team.here.commit(&format!("at {step}"));
        let id = team.here.ids("db")[0].clone();
        age(&team, "snapshots", 40 * DAY);
        (team.there.command(["remote", "gc", "origin"]), id)
    };
    at_each_step(begin, |step, child, id| {
        let push = team.here.run(["--lock-timeout", "0", "push", "--force"]);
        match push.code {
            0 => done += 1,
            3 => refused += 1,
            _ => panic!("{step}: {push:?}"),
        }
        go_on(child).ok();
        team.here.ok(["push", "--force"]);
        assert_eq!(head_at(&team.there), Some(id), "{step}");
    });
    assert!(refused > 1 && done > 0, "{refused} refused, {done} done");
    assert_eq!(team.here.ok(["remote", "fsck", "--deep", "origin"]), "1 volume: clean\n");
    team.there.ok(["clone", &team.volume("db"), "again"]);
}

#[test]
fn who_waits_for_a_repository_hears_for_whom() {
    let team = Team::with_clone();
    team.here.commit("three");
    // Until one stands still while it has the lock alone.
    for step in (1..).step_by(3) {
        let mut gc = team.there.command(["remote", "gc", "origin"]);
        let child = stand_still(&mut gc, step).expect("a gc stands still with its lock");
        let said = team.here.run(["--lock-timeout", "2", "push"]);
        go_on(child).ok();
        if said.code == 3 {
            assert!(
                said.err.contains("waiting: for the repository at ") && said.err.contains("(process "),
                "{said:?}"
            );
            return;
        }
        said.ok();
        team.here.commit(&format!("at {step}"));
    }
}

/// After a minute no process waits for it any more. It may come back at any time.
#[test]
fn a_pusher_that_stands_still_for_long_loses_no_ones_commit() {
    let team = Team::with_clone();
    let mut crossed = 0;
    let begin = |step: usize| {
        team.here.commit(&format!("here {step}"));
        (team.here.command(["push"]), team.here.ids("db")[0].clone())
    };
    at_each_step(begin, |step, child, ours| {
        let_pass(&team);
        team.there.commit(&format!("there {step}"));
        let theirs = team.there.ids("db")[0].clone();
        let pushed = team.there.run(["push"]);
        let said = go_on(child);
        // Both got in: two heads, which the later one hears of.
        let heads = team.there.ok(["ls-remote", "--heads", "--format", "json"]);
        let has = |id: &str| heads.contains(id);
        match (pushed.code, said.code) {
            (0, 0) => panic!("{step}: both were told that they moved the branch: {heads}"),
            (0, _) => assert!(has(&theirs), "{step}: {heads} {said:?}"),
            (_, 0) => assert!(has(&ours), "{step}: {heads} {pushed:?}"),
            _ => panic!("{step}: {pushed:?} {said:?}"),
        }
        if has(&ours) && has(&theirs) {
            crossed += 1;
        }
        // The next round begins with one head that both have.
        let (winner, loser) = match pushed.code {
            0 => (&team.there, &team.here),
            _ => (&team.here, &team.there),
        };
        winner.ok(["push", "--force"]);
        loser.ok(["reset", "--hard", "HEAD~1"]);
        loser.ok(["pull"]);
    });
    println!("{crossed} times both got in");
    assert_eq!(team.here.ok(["remote", "fsck", "--deep", "origin"]), "1 volume: clean\n");
}
