//! How containers end before their working tree goes: what is thrown away need not be written out.

use crate::harness::{Pool, Said};
use support::fake_engine::{Container, Containers, Ended, FOREIGN, FakeEngine, Status};

/// A container that writes to the volume alone, and one that writes elsewhere as well.
fn scene() -> (Pool, FakeEngine) {
    let (pool, engine) = (Pool::with_commits(&["one", "two"]), FakeEngine::new());
    pool.ok(["init", "other"]);
    pool.ok(["switch", "db"]);
    let container = |volume| Container { volume, status: Status::Running, auto_remove: false };
    let both: &'static str = format!("db {FOREIGN}").leak();
    let containers = [("alone".to_owned(), container("db")), ("both".to_owned(), container(both))];
    engine.set(&Containers::from(containers));
    (pool, engine)
}

/// Runs dvol and returns how the two containers ended.
#[track_caller]
fn ends(pool: &Pool, engine: &FakeEngine, words: &[&str]) -> (Ended, Ended) {
    Said::from(pool.command_with(&engine.socket(), words).output().unwrap()).ok();
    match engine.ended().as_slice() {
        [(alone, first), (both, second)] if alone == "alone" && both == "both" => (*first, *second),
        other => panic!("{words:?}: {other:?}"),
    }
}

const KILLED: (Ended, Ended) = (Ended::Killed, Ended::Stopped);
const STOPPED: (Ended, Ended) = (Ended::Stopped, Ended::Stopped);

#[test]
fn a_container_is_killed_if_all_that_it_writes_is_thrown_away() {
    let (pool, engine) = scene();
    let write = |text: &str| std::fs::write(pool.root().join("db/running_point/new"), text).unwrap();
    write("x");
    assert_eq!(ends(&pool, &engine, &["reset", "--hard", "HEAD"]), KILLED);
    assert_eq!(ends(&pool, &engine, &["undo"]), KILLED, "an undo of a reset");
    assert_eq!(ends(&pool, &engine, &["--quiesce", "stop", "reset", "--hard", "HEAD^"]), KILLED);
    // What a commit or a branch keeps is written out.
    assert_eq!(ends(&pool, &engine, &["commit", "-m", "three"]), STOPPED);
    assert_eq!(ends(&pool, &engine, &["checkout", "-b", "side"]), STOPPED);
    assert_eq!(ends(&pool, &engine, &["checkout", "-f", "master"]), STOPPED);
    assert_eq!(ends(&pool, &engine, &["undo"]), STOPPED, "an undo of a checkout");
    let said = Said::from(pool.command_with(&engine.socket(), ["-v", "reset", "--hard"]).output().unwrap());
    assert!(said.err.contains("note: killed and started: alone"), "{said:?}");
    assert!(said.err.contains("note: stopped and started: both"), "{said:?}");
}

/// The disk may take long for what was copied while the container ran.
#[test]
fn what_was_copied_early_is_written_out_before_a_container_is_held() {
    let (pool, engine) = scene();
    std::fs::write(pool.root().join("db/running_point/state"), "mine").unwrap();
    let trace = pool.dir().join("trace");
    let mut reset = pool.command_with(&engine.socket(), ["reset", "--hard", "HEAD"]);
    Said::from(reset.env("DVOL_FAULT_TRACE", &trace).output().unwrap()).ok();
    let steps = support::steps(&trace);
    let held = steps.iter().position(|step| step == "container.stop").expect("one is held");
    // Of what other processes have written, and of the copies.
    assert_eq!(steps[..held].iter().filter(|step| *step == "tree.sync").count(), 2, "{steps:?}");
}

#[test]
fn the_setting_says_how_containers_end_before_a_reset() {
    let (pool, engine) = scene();
    pool.ok(["config", "containers.reset", "stop"]);
    assert_eq!(ends(&pool, &engine, &["reset", "--hard", "HEAD"]), STOPPED);
    pool.ok(["config", "-C", "db", "containers.reset", "kill"]);
    let both = (Ended::Killed, Ended::Killed);
    assert_eq!(ends(&pool, &engine, &["reset", "--hard", "HEAD"]), both);
    assert_eq!(ends(&pool, &engine, &["checkout", "-b", "side"]), both);
    assert_eq!(ends(&pool, &engine, &["commit", "-m", "three"]), STOPPED, "a commit never kills");
    pool.fails(2, ["config", "containers.reset", "killl"], "use auto, stop or kill");
}

#[test]
fn a_rollback_kills_only_where_the_tree_that_is_written_to_goes() {
    let (pool, engine) = scene();
    let run = |script: &str| {
        std::fs::write(pool.root().join("db/running_point/new"), script).unwrap();
        let words = ["run", "--rollback", "db", "--", "sh", "-c", script];
        Said::from(pool.command_with(&engine.socket(), words).output().unwrap()).ok();
        engine
            .ended()
            .into_iter()
            .filter(|(name, _)| name == "alone")
            .map(|(_, ended)| ended)
            .collect::<Vec<_>>()
    };
    assert_eq!(run("true"), [Ended::Stopped, Ended::Killed], "the snapshot, the rollback");
    let dvol = support::dvol().display();
    let elsewhere = format!("DVOL_TEST_IDS=77000 {dvol} --disable-docker-integration checkout -f -b away db");
    assert_eq!(run(&elsewhere), [Ended::Stopped, Ended::Stopped], "the command went to another branch");
}
