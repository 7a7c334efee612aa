//! A process that dies at any step of a push, a fetch, a pull, a clone or a `gc`.

use super::{Team, upkeep};
use crate::harness::{Pool, json_lines};

/// How many steps later each run is killed than the one before: each opens the repository, which
/// takes long on purpose. `DVOL_SWEEP=all` tries every step.
pub(super) fn stride() -> usize {
    if std::env::var_os("DVOL_SWEEP").is_some_and(|value| value == "all") { 1 } else { 5 }
}

/// Runs a verb again and again, and kills each run some steps later than the one before, until one
/// gets through. Returns the step at which the last one was killed.
fn kill_at_each_step(pool: &Pool, words: &[&str], mut after: impl FnMut(usize)) -> usize {
    for step in (1..2000).step_by(stride()) {
        let mut command = pool.command(words);
        let output = command.env("DVOL_FAULT", format!("{step}:kill")).output().unwrap();
        if output.status.code().is_some() {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return step - 1;
        }
        after(step);
    }
    panic!("{words:?} passes more than 2000 steps");
}

pub(super) fn head_at(pool: &Pool) -> Option<String> {
    let refs = json_lines(&pool.ok(["ls-remote", "--format", "json"]));
    assert!(refs.len() < 2, "{refs:?}");
    refs.first().map(|one| one["commit"].as_str().unwrap().to_owned())
}

#[test]
fn a_push_that_dies_at_any_step_is_finished_by_the_next() {
    let team = Team::with_clone();
    let before = head_at(&team.there);
    team.here.commit("three");
    let id = team.here.ids("db")[0].clone();
    let killed = kill_at_each_step(&team.here, &["push"], |step| {
        // For a minute the next one would wait for what a dead one announced, and die meanwhile.
        upkeep::let_pass(&team);
        if stride() == 1 || step % (3 * stride()) == 1 {
            let now = head_at(&team.there);
            assert!(now == before || now.as_ref() == Some(&id), "{step}: {now:?}");
        }
    });
    assert!(killed > 8, "{killed}");
    assert_eq!(head_at(&team.there), Some(id));
    team.there.ok(["pull"]);
    assert_eq!(team.there.read("db", "state"), "three");
    for pool in [&team.here, &team.there] {
        assert_eq!(pool.ok(["fsck"]), "1 volume: clean\n");
    }
}

/// Runs a verb again and again, each with an error so many steps later than the one before, until
/// none comes up. What fails says why and leaves a pool that is whole.
fn fail_at_each_step(pool: &Pool, words: &[&str], stride: usize, mut after: impl FnMut(usize)) {
    let mut failed = 0;
    for step in (1..2000).step_by(stride) {
        let trace = pool.dir().join("trace");
        let mut command = pool.command(words);
        command.env("DVOL_FAULT", format!("{step}:EIO")).env("DVOL_FAULT_TRACE", &trace);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("panicked"), "{step}: {said}");
        let steps = std::fs::read_to_string(&trace).map_or(0, |text| text.lines().count());
        let _ = std::fs::remove_file(&trace);
        match output.status.code() {
            Some(0) if steps < step => {
                assert!(failed > 5, "{failed} of {step} steps failed");
                return;
            }
            // Some errors only cost time, as those of a cache do.
            Some(0) => {}
            Some(code) => {
                assert!([1, 3].contains(&code) && said.contains("error: "), "{step}: {code} {said}");
                failed += 1;
            }
            None => panic!("{step}: {said}"),
        }
        after(step);
    }
    panic!("{words:?} passes more than 2000 steps");
}

#[test]
fn an_error_at_any_step_is_told_and_the_next_run_gets_through() {
    let team = Team::with_clone();
    team.here.commit("three");
    let id = team.here.ids("db")[0].clone();
    // What could not be deleted would hold the next one up.
    fail_at_each_step(&team.here, &["push"], 1, |_| upkeep::let_pass(&team));
    assert_eq!(head_at(&team.there), Some(id.clone()));
    fail_at_each_step(&team.there, &["fetch"], 1, |_| ());
    assert_eq!(team.there.ok(["rev-parse", "origin/master", "-C", "db"]), format!("{id}\n"));
    fail_at_each_step(&team.there, &["pull"], 1, |step| {
        let state = team.there.read("db", "state");
        assert!(state == "two" || state == "three", "{step}: {state}");
    });
    assert_eq!(team.there.read("db", "state"), "three");
    fail_at_each_step(&team.there, &["clone", &team.volume("db"), "again"], stride(), |step| {
        if team.there.ok(["list", "--format", "json"]).contains("\"again\"") {
            assert_eq!(team.there.read("again", "state"), "three", "{step}");
            team.there.ok(["rm", "-f", "again"]);
        }
    });
    upkeep::let_pass(&team);
    fail_at_each_step(&team.here, &["remote", "gc", "origin"], 1, |_| upkeep::let_pass(&team));
    assert_eq!(team.here.ok(["remote", "fsck", "--deep", "origin"]), "1 volume: clean\n");
    assert_eq!(team.here.ok(["fsck"]), "1 volume: clean\n");
    assert_eq!(team.there.ok(["fsck"]), "2 volumes: clean\n");
}

#[test]
fn a_gc_that_dies_at_any_step_takes_nothing_that_is_needed() {
    let team = Team::with_clone();
    team.here.write("db", "large", &"given up ".repeat(50_000));
    team.here.commit("three");
    team.here.ok(["push"]);
    team.here.ok(["reset", "--hard", "HEAD~1"]);
    team.here.commit("other");
    team.here.ok(["push", "--force"]);
    upkeep::age(&team, "snapshots", 40 * upkeep::DAY);
    kill_at_each_step(&team.here, &["remote", "gc", "origin"], |_| {
        upkeep::let_pass(&team);
    });
    assert_eq!(team.here.ok(["remote", "fsck", "--deep", "origin"]), "1 volume: clean\n");
    assert_eq!(head_at(&team.there), Some(team.here.ids("db")[0].clone()));
    team.there.ok(["clone", &team.volume("db"), "again"]);
    assert_eq!(team.there.read("again", "state"), "other");
}

#[test]
fn a_clone_or_a_pull_that_dies_at_any_step_is_there_or_not() {
    let team = Team::new();
    team.here.ok(["push", "-y", "-u", "origin", "master"]);
    let from = team.volume("db");
    for step in (1..).step_by(stride()) {
        let mut command = team.there.command(["clone", &from]);
        let output = command.env("DVOL_FAULT", format!("{step}:kill")).output().unwrap();
        if output.status.code().is_some() {
            assert!(step > 8 && output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            break;
        }
        assert!(!team.there.run(["fsck"]).out.contains("error"), "{step}");
        if team.there.ok(["list", "--format", "json"]).contains("\"db\"") {
            assert_eq!(team.there.read("db", "state"), "two", "{step}");
            team.there.ok(["rm", "-f", "db"]);
        }
    }
    team.there.ok(["switch", "db"]);
    team.here.commit("three");
    team.here.ok(["push"]);
    kill_fetches(&team);
    team.here.commit("four");
    team.here.ok(["push"]);
    kill_at_each_step(&team.there, &["pull"], |step| {
        let state = team.there.read("db", "state");
        assert!(state == "two" || state == "four", "{step}: {state}");
    });
    assert_eq!(team.there.read("db", "state"), "four");
    assert_eq!(team.there.ok(["fsck"]), "1 volume: clean\n");
}

/// Kills fetches of records, then of the data of the commit that came in.
fn kill_fetches(team: &Team) {
    let id = team.here.ids("db")[0].clone();
    for words in [&["fetch"][..], &["fetch", "origin", "origin/master"]] {
        kill_at_each_step(&team.there, words, |step| {
            assert!(!team.there.run(["fsck"]).out.contains("error"), "{words:?}: {step}");
            assert_eq!(team.there.read("db", "state"), "two", "{words:?}: {step}");
        });
        assert_eq!(team.there.ok(["rev-parse", "origin/master", "-C", "db"]), format!("{id}\n"));
    }
    assert_eq!(team.there.ok(["show", "origin/master:state", "-C", "db"]), "three");
}
