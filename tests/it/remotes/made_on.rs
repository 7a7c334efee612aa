//! What a commit was made on: recorded, shown, and compared with the machine that takes it.

use super::Team;
use crate::harness::{Pool, Said, json_lines};
use support::fake_engine::{Container, Containers, FakeEngine, Status};

/// An engine with a container on `db`, whose image says this version of PostgreSQL.
fn engine(version: &str, volumes: &[&'static str]) -> FakeEngine {
    let engine = FakeEngine::new();
    let container = |volume| Container { volume, status: Status::Stopped, auto_remove: false };
    let containers = volumes.iter().map(|volume| (format!("on_{volume}"), container(*volume)));
    engine.set(&Containers::from_iter(containers));
    engine.set_database(version);
    engine
}

#[track_caller]
fn run(pool: &Pool, engine: &FakeEngine, words: &[&str]) -> Said {
    Said::from(pool.command_with(&engine.socket(), words).output().unwrap())
}

#[test]
fn a_commit_says_which_images_wrote_it_and_a_pull_warns_of_others() {
    let team = Team::new();
    let old = engine("15.4-1.pgdg120+1", &["db"]);
    let commit = |state: &str| {
        std::fs::write(team.here.root().join("db/running_point/state"), state).unwrap();
        run(&team.here, &old, &["commit", "-m", state]).ok();
    };
    commit("three");
    let shown = run(&team.here, &old, &["show"]).ok();
    let line = format!("Made:   with postgres:15 (15.4) on {}, Docker 20.10.24", std::env::consts::ARCH);
    assert!(shown.contains(&line), "{shown}");
    let made = &json_lines(&run(&team.here, &old, &["show", "--format", "json"]).out)[0]["made_on"];
    assert_eq!(made["images"][0]["version"], "15.4", "{made}");
    run(&team.here, &old, &["push", "-y", "-u", "origin", "master"]).ok();

    // No container is there yet; the engine has the image in another version.
    let new = engine("16.1", &[]);
    let said = run(&team.there, &new, &["clone", &team.volume("db")]);
    assert!(
        said.err.contains("was made with postgres:15 (15.4); this machine's engine has no such"),
        "{said:?}"
    );
    let log = team.there.ok(["log", "-1", "--format", "json", "db"]);
    assert!(log.contains("\"version\":\"15.4\""), "the record came along: {log}");

    commit("four");
    run(&team.here, &old, &["push"]).ok();
    team.there.ok(["switch", "db"]);
    let new = engine("16.1", &["db"]);
    let said = run(&team.there, &new, &["pull"]);
    assert!(
        said.err.contains("(15.4); the containers on volume db here have postgres:15 (16.1)"),
        "{said:?}"
    );
    assert!(said.code == 0 && team.there.read("db", "state") == "four", "{said:?}");

    commit("five");
    run(&team.here, &old, &["push"]).ok();
    let same = engine("15.4", &["db"]);
    let said = run(&team.there, &same, &["pull"]);
    assert!(said.code == 0 && !said.err.contains("was made with"), "{said:?}");
}

#[test]
fn the_architecture_is_that_of_the_machine_which_made_the_data() {
    let team = Team::new();
    std::fs::write(team.here.root().join("db/running_point/state"), "three").unwrap();
    let on_vax = |words: &[&str]| {
        let mut command = team.here.command(words);
        Said::from(command.env("DVOL_TEST_ARCHITECTURE", "vax").output().unwrap()).ok()
    };
    on_vax(&["commit", "-m", "three"]);
    // Pushed by another machine that works on the same pool.
    team.here.ok(["push", "-y", "-u", "origin", "master"]);
    team.there.fails(1, ["clone", &team.volume("db")], "is of a machine with vax");
    team.there.ok(["clone", "--force", &team.volume("db")]);
    // A third machine gets what this one got.
    team.there.ok(["switch", "db"]);
    team.there.ok(["push", "-y", "origin", "master:copy"]);
    let third = Pool::elsewhere(7);
    let copy = format!("{}:copy", team.volume("db"));
    third.fails(1, ["clone", &copy, "--password-file", &team.password()], "is of a machine with vax");
}
