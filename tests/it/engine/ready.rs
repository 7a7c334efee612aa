//! Waiting until containers are ready: dvol runs their health check itself, as the engine of these
//! tests never does.

use serde_json::Value;

use crate::harness::{Driver, Pool, Said, json_lines};
use support::eventually;
use support::fake_engine::{
    CHECK, Container, Containers, FakeEngine, NEEDS, READY_AFTER, SHORT_LIVED, START, Status, WITHOUT_PROGRAM,
};

/// A pool with one commit, and an engine with a running container of each name.
fn scene(names: &[&str]) -> (Pool, FakeEngine) {
    let (pool, engine) = (Pool::with_commits(&["one"]), FakeEngine::new());
    let container = Container { volume: "db", status: Status::Running, auto_remove: false };
    engine.set(&names.iter().map(|name| ((*name).to_owned(), container.clone())).collect::<Containers>());
    (pool, engine)
}

fn run(pool: &Pool, engine: &FakeEngine, words: &[&str]) -> Said {
    Said::from(pool.command_with(&engine.socket(), words).output().unwrap())
}

fn json(said: Said) -> Value {
    json_lines(&said.ok()).swap_remove(0)
}

#[test]
fn a_health_check_is_run_until_it_succeeds_whatever_the_engines_interval() {
    let name = format!("{READY_AFTER}3");
    let (pool, engine) = scene(&[&name]);
    for words in [&["commit", "-m", "two"][..], &["reset", "--hard", "HEAD"], &["checkout", "-b", "side"]] {
        let before = engine.ran(&name, CHECK);
        let done = json(run(&pool, &engine, &[words, &["--format", "json"]].concat()));
        assert_eq!(engine.ran(&name, CHECK) - before, 4, "{words:?}");
        assert!(done["ready_ms"].as_u64().is_some_and(|n| n >= 100), "{words:?}: {done}");
        assert_eq!(
            (&done["containers"][0], &done["problems"]),
            (&name.as_str().into(), &Value::Array(vec![]))
        );
    }
    let said = run(&pool, &engine, &["-v", "reset", "--hard", "HEAD"]);
    assert!(said.err.contains("note: containers were ready after "), "{said:?}");
    assert!(said.err.contains(&format!("note: killed and started: {name}")), "{said:?}");

    let before = engine.ran(&name, CHECK);
    let done = json(run(&pool, &engine, &["--no-wait", "reset", "--hard", "HEAD", "--format", "json"]));
    assert_eq!((engine.ran(&name, CHECK), &done["ready_ms"]), (before, &Value::Null));
}

#[test]
fn a_container_that_was_frozen_is_waited_for_like_any_other() {
    let name = format!("{READY_AFTER}2");
    let (pool, engine) = scene(&[&name]);
    let said = run(&pool, &engine, &["-v", "--pause", "commit", "-m", "two"]);
    assert!(said.err.contains(&format!("note: paused: {name}")), "{said:?}");
    assert!(!said.err.contains("started"), "{said:?}");
    assert_eq!(engine.ran(&name, CHECK), 3, "after the commit");
    // The engine calls it unhealthy until its own next check.
    run(&pool, &engine, &["--no-wait", "--pause", "commit", "-m", "three"]).ok();
    run(&pool, &engine, &["reset", "--hard", "HEAD"]).ok();
    assert_eq!(engine.ran(&name, CHECK), 6, "after the reset");
    pool.ok(["config", "-C", "db", "containers.quiesce", "pause"]);
    for run_number in 1..3 {
        let before = engine.ran(&name, CHECK);
        std::fs::write(pool.root().join("db/running_point/new"), run_number.to_string()).unwrap();
        run(&pool, &engine, &["run", "--rollback", "db", "--", "true"]).ok();
        assert_eq!(engine.ran(&name, CHECK) - before, 6, "run {run_number}");
    }
}

/// The step before the first container is let go, if a verb dies there.
fn last_step(pool: &Pool, engine: &FakeEngine, words: &[&str]) -> usize {
    let trace = pool.dir().join("trace");
    let mut command = pool.command_with(&engine.socket(), words);
    Said::from(command.env("DVOL_FAULT_TRACE", &trace).output().unwrap()).ok();
    let starts = support::steps(&trace).iter().position(|step| step == "container.start");
    starts.expect("it starts a container")
}

#[test]
fn what_compose_starts_after_a_healthy_container_waits_for_it_when_a_dead_operation_is_finished() {
    let db = format!("{READY_AFTER}3");
    let web = format!("{NEEDS}{db}");
    let (pool, engine) = scene(&[&web, &db]);
    let words = ["reset", "--hard", "HEAD"];
    let step = last_step(&pool, &engine, &words);
    let in_order = |who: &str| {
        let history: Vec<_> = engine.history().into_iter().map(|(name, done)| (name == web, done)).collect();
        let check = || (false, CHECK.to_owned());
        let start = |is_web: bool| (is_web, START.to_owned());
        let wanted = [start(false), check(), check(), check(), check(), start(true)];
        assert_eq!(history, wanted, "{who}");
    };
    // The next command on the volume finishes it, and so does the driver.
    for who in ["a command", "the driver"] {
        let (pool, engine) = (&pool, &engine);
        engine.set(&engine.now());
        let mut command = pool.command_with(&engine.socket(), words);
        let killed = command.env("DVOL_FAULT", format!("{}:kill", step + 1)).output().unwrap();
        assert_eq!(killed.status.code(), None, "{who}");
        assert!(engine.now().values().all(|container| container.status == Status::Stopped), "{who}");
        if who == "the driver" {
            let _driver = Driver::start_with(pool, &engine.socket());
            eventually("the driver starts both", || {
                engine.now().values().all(|container| container.status == Status::Running)
            });
        } else {
            run(pool, engine, &["fsck"]);
        }
        in_order(who);
    }
}

#[test]
fn where_a_check_cannot_be_run_the_engines_word_counts() {
    let (pool, engine) = scene(&[WITHOUT_PROGRAM]);
    let done = json(run(&pool, &engine, &["commit", "-m", "two", "--format", "json"]));
    assert_eq!(engine.ran(WITHOUT_PROGRAM, CHECK), 1);
    assert!(done["ready_ms"].is_number(), "{done}");
}

#[test]
fn a_container_without_a_health_check_is_ready_when_the_command_of_the_setting_says_so() {
    let (pool, engine) = scene(&["plain"]);
    let done = json(run(&pool, &engine, &["commit", "-m", "two", "--format", "json"]));
    assert_eq!(done["ready_ms"], Value::Null);
    pool.ok(["config", "-C", "db", "containers.ready", "answers"]);
    let done = json(run(&pool, &engine, &["commit", "-m", "three", "--format", "json"]));
    assert_eq!(engine.ran("plain", "answers"), 1);
    assert!(done["ready_ms"].is_number(), "{done}");
    // It never succeeds: the operation is done all the same.
    pool.ok(["config", "-C", "db", "containers.ready", "fails"]);
    pool.ok(["config", "containers.wait", "1"]);
    let said = run(&pool, &engine, &["commit", "-m", "four"]);
    assert!(engine.ran("plain", "fails") > 1);
    said.fails(4, "the commit of volume db is done, but container plain is not ready yet");
}

#[test]
fn what_is_done_is_told_though_a_container_is_not_up() {
    let (pool, engine) = scene(&[SHORT_LIVED]);
    let running = || {
        let container = Container { volume: "db", status: Status::Running, auto_remove: false };
        engine.set(&Containers::from([(SHORT_LIVED.to_owned(), container)]));
    };
    let problem = format!("container {SHORT_LIVED} has ended");
    let said = run(&pool, &engine, &["commit", "-m", "two"]);
    assert_eq!(said.out, pool.ok(["log", "-1", "--format", "{id}"]), "the id");
    said.fails(4, &format!("error: the commit of volume db is done, but {problem}"));
    for words in [
        &["commit", "-m", "three"][..],
        &["reset", "--hard", "HEAD^"],
        &["undo", "db"],
        &["checkout", "-b", "side"],
    ] {
        running();
        let said = run(&pool, &engine, &[words, &["--format", "json"]].concat());
        let done = json_lines(&said.out).swap_remove(0);
        assert_eq!(done["problems"], serde_json::json!([problem]), "{words:?}");
        said.fails(4, " is done, but ");
    }
    // The command of a run does not run beside a container that is down.
    running();
    std::fs::write(pool.root().join("db/running_point/new"), "new").unwrap();
    let said = run(&pool, &engine, &["run", "--rollback", "db", "--", "echo", "it ran"]);
    assert_eq!(said.out, "");
    said.fails(1, "error: the command did not run: ");
    assert_eq!(pool.ok(["tag"]), "", "the snapshot's tag is left");
}
