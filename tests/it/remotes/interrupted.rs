//! Ctrl-C during a push, a fetch, a pull or a clone: it ends, leaves nothing half done, and says
//! how to go on.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use support::eventually;

use super::Team;
use super::killed::{head_at, stride};
use super::places::Pair;
use super::upkeep::{DAY, age};
use crate::harness::{Pool, Said, go_on, stand_still};

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

/// Interrupts runs of a command, each some steps later than the one before, until one ends before
/// that. Returns how many were interrupted.
fn at_each_step(mut command: impl FnMut(usize) -> Command, mut after: impl FnMut(usize, &Said)) -> usize {
    let mut interrupted = 0;
    for step in (1..2000).step_by(stride()) {
        match stand_still(&mut command(step), step) {
            Ok(child) => {
                interrupt(&child);
                let said = go_on(child);
                let is_told = said.code == 130 && said.err.contains("error: interrupted");
                // Until dvol has something to undo, the signal ends it at once.
                assert!(said.code < 1 || is_told, "{step}: {said:?}");
                interrupted += usize::from(is_told);
                after(step, &said);
            }
            Err(said) => {
                said.ok();
                return interrupted;
            }
        }
    }
    panic!("the command passes more than 2000 steps");
}

/// Returns whether nothing holds the next process up: no lock, no announcement.
fn is_free(team: &Team) -> bool {
    let count = |folder: &str| fs::read_dir(team.repository().join(folder)).map_or(0, Iterator::count);
    count("locks") + count("dvol/announce") == 0
}

/// A team whose `db` was pushed.
fn team() -> Team {
    let team = Team::new();
    team.here.ok(["push", "-y", "-u", "origin", "master"]);
    team.there.ok(["ls-remote"]);
    team
}

fn clone(team: &Team) {
    team.there.ok(["clone", &team.volume("db")]);
    team.there.ok(["switch", "db"]);
}

#[test]
fn an_interrupted_push_holds_no_one_up_and_says_whether_anything_moved() {
    let team = team();
    clone(&team);
    let mut said_nothing_moved = 0;
    let command = |step: usize| {
        team.here.commit(&format!("at {step}"));
        team.here.command(["push"])
    };
    let mut before = head_at(&team.there);
    let interrupted = at_each_step(command, |step, said| {
        assert!(is_free(&team), "{step}: {said:?}");
        let (now, mine) = (head_at(&team.there), Some(team.here.ids("db")[0].clone()));
        let expected = if said.code == 0 { &mine } else { &before };
        assert_eq!(&now, expected, "{step}: {said:?}");
        if said.err.contains("note: no branch or tag of the remote moved") {
            said_nothing_moved += 1;
            assert!(said.err.contains("hint: push again"), "{step}: {said:?}");
        }
        before = now;
    });
    assert!(interrupted > 3 && said_nothing_moved > 1, "{interrupted}, {said_nothing_moved}");
    assert_eq!(team.here.ok(["remote", "fsck", "--deep", "origin"]), "1 volume: clean\n");
    team.there.ok(["pull"]);
    assert_eq!(team.there.ids("db"), team.here.ids("db"));
}

#[test]
fn an_interrupted_clone_fetch_or_pull_changes_nothing() {
    let team = team();
    let from = team.volume("db");
    let has_volume = || team.there.ok(["list", "--format", "json"]).contains("\"db\"");
    let interrupted = at_each_step(
        |_| team.there.command(["clone", &from]),
        |step, said| {
            assert!(is_free(&team) && has_volume() == (said.code == 0), "{step}: {said:?}");
            assert_eq!(team.there.run(["fsck"]).code, 0, "{step}");
            if said.code == 0 {
                team.there.ok(["rm", "-f", "db"]);
            }
        },
    );
    assert!(interrupted > 3, "{interrupted}");
    team.there.ok(["switch", "db"]);
    team.here.commit("three");
    team.here.ok(["push"]);
    for words in [&["fetch"][..], &["pull"]] {
        let interrupted = at_each_step(
            |_| team.there.command(words),
            |step, said| {
                assert!(is_free(&team), "{step}: {said:?}");
                let state = team.there.read("db", "state");
                assert!(state == "two" || words == ["pull"] && said.code == 0, "{step}: {state} {said:?}");
                assert_eq!(team.there.ok(["fsck"]), "1 volume: clean\n", "{step}");
            },
        );
        assert!(interrupted > 0, "{words:?}");
    }
    assert_eq!(team.there.read("db", "state"), "three");
}

#[test]
fn an_interrupted_gc_goes_on_where_it_was() {
    let team = team();
    clone(&team);
    for n in 0..4 {
        team.here.commit(&format!("given up {n}"));
        team.here.ok(["push", "--force"]);
        team.here.ok(["reset", "--hard", "HEAD~1"]);
    }
    team.here.commit("three");
    team.here.ok(["push", "--force"]);
    age(&team, "snapshots", 40 * DAY);
    let gc = |_| team.here.command(["remote", "gc", "origin"]);
    let interrupted = at_each_step(gc, |step, said| assert!(is_free(&team), "{step}: {said:?}"));
    assert!(interrupted > 2, "{interrupted}");
    assert_eq!(team.here.ok(["remote", "fsck", "--deep", "origin"]), "1 volume: clean\n");
    assert_eq!(head_at(&team.there), Some(team.here.ids("db")[0].clone()));
}

/// Starts a command that a test interrupts.
fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn an_interrupt_ends_requests_to_a_store_that_does_not_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("s3:http://127.0.0.1:{}/team/catalog", listener.local_addr().unwrap().port());
    let pair = Pair::with_keys();
    pair.ok(&pair.here, &["remote", "add", "origin", &url]);
    let volume = format!("{url}/db");
    let pushes: &[&str] = &["push", "-y", "origin", "master"];
    for words in [pushes, &["fetch"], &["pull", "origin", "master"], &["clone", &volume, "new"]] {
        let child = start(&mut pair.command(&pair.here, words));
        // It is asked, and says nothing.
        let asked = listener.accept().unwrap();
        interrupt(&child);
        let said = Said::from(child.wait_with_output().unwrap());
        assert!(said.code == 130 && said.err.contains("error: interrupted"), "{words:?}: {said:?}");
        drop(asked);
    }
}

fn steps(pool: &Pool, trace: &str, name: &str) -> usize {
    let text = fs::read_to_string(pool.dir().join(trace)).unwrap_or_default();
    text.lines().filter(|line| *line == name).count()
}

/// Interrupts a command that waits for another machine: what it leaves there, it deletes before it
/// tries again, and it has done so `times` times.
fn interrupted_wait(pool: &Pool, words: &[&str], trace: &str, times: usize) -> Said {
    let mut command = pool.command(["--lock-timeout", "600"]);
    let child = start(command.args(words).env("DVOL_FAULT_TRACE", pool.dir().join(trace)));
    eventually("it waits and tries again", || steps(pool, trace, "remote.delete") >= times);
    interrupt(&child);
    Said::from(child.wait_with_output().unwrap())
}

#[test]
fn an_interrupt_ends_the_wait_for_another_pusher_and_for_a_lock() {
    let team = team();
    clone(&team);
    let push = |message: &str| {
        team.here.commit(message);
        team.here.command(["push"])
    };
    let trace = team.here.dir().join("trace");
    assert!(push("traced").env("DVOL_FAULT_TRACE", &trace).output().unwrap().status.success());
    // The last thing that a push puts is the move of the ref. It announces that a few steps before.
    let moves = support::steps(&trace).iter().rposition(|step| step == "remote.put").unwrap() + 1;
    let is_announced = || fs::read_dir(team.repository().join("dvol/announce")).unwrap().count() == 1;
    let other = (moves - 4..).find_map(|step| {
        team.there.ok(["pull"]);
        let child = stand_still(&mut push("ours"), step).expect("a push announces what it moves");
        if is_announced() {
            return Some(child);
        }
        go_on(child).ok();
        None
    });
    team.there.commit("theirs");
    let said = interrupted_wait(&team.there, &["push"], "waits", 3);
    assert!(said.code == 130 && said.err.contains("error: interrupted"), "{said:?}");
    go_on(other.unwrap()).ok();
    assert!(is_free(&team));

    // Another machine has it alone.
    let gc = (1..).find_map(|step| {
        let gc = stand_still(&mut team.here.command(["remote", "gc", "origin"]), step).expect("a gc locks");
        let is_locked = fs::read_dir(team.repository().join("locks")).map_or(0, Iterator::count) > 0;
        if is_locked {
            return Some(gc);
        }
        go_on(gc).ok();
        None
    });
    let said = interrupted_wait(&team.there, &["push", "--force"], "locked", 2);
    assert!(said.code == 130 && said.err.contains("no branch or tag of the remote moved"), "{said:?}");
    go_on(gc.unwrap()).ok();
}
