//! What the driver has on record of mounts is brought in line with what the engine says.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::eventually;
use support::fake_engine::{Container, Containers, FakeEngine, Status};

use crate::harness::{Driver, Pool, json_lines};

/// The mounts on record of the whole pool.
fn mounts(pool: &Pool) -> BTreeSet<String> {
    let records = json_lines(&pool.ok(["export", "--metadata"])).into_iter();
    let bindings = records.filter(|record| record["record"] == "binding");
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    bindings.map(|binding| format!("{} {}", word(&binding["volume"]), word(&binding["id"]))).collect()
}

/// Waits until these are the mounts on record.
#[track_caller]
fn has(pool: &Pool, wanted: &[&str]) {
    let wanted: BTreeSet<String> = wanted.iter().map(ToString::to_string).collect();
    eventually(&format!("{wanted:?} on record"), || mounts(pool) == wanted);
}

fn tell(driver: &Driver, verb: &str, volume: &str, id: &str) {
    let answer = driver.call(&format!("VolumeDriver.{verb}"), &json!({"Name": volume, "ID": id}));
    assert_eq!(answer["Err"], "", "{verb}: {answer}");
}

fn containers(list: &[(&str, &'static str, Status)]) -> Containers {
    let one = |(name, volume, status): &(&str, &'static str, Status)| {
        ((*name).to_owned(), Container { volume, status: *status, auto_remove: false })
    };
    list.iter().map(one).collect()
}

/// The id that a mount gets which the engine did not tell of, here of the container "web".
fn seen(volume: &str) -> String {
    format!("{volume} seen:{:0<64}", "776562")
}

#[test]
fn what_a_driver_missed_is_made_good_when_it_starts_and_when_its_engine_does() {
    let pool = Pool::with_volume();
    pool.ok(["init", "cache"]);
    pool.ok(["init", "files"]);
    let engine = FakeEngine::new();
    let running = |volume| ("web", volume, Status::Running);
    engine.set(&containers(&[running("db")]));
    let driver = Driver::start_with(&pool, &engine.socket());
    has(&pool, &[&seen("db")]);
    // The engine mounts again, so that nothing need be made up any more.
    tell(&driver, "Mount", "db", "d1");
    has(&pool, &["db d1"]);
    tell(&driver, "Mount", "cache", "c1");
    driver.kill();

    // It was not there when these ended, or when another began.
    engine.set(&containers(&[running("db files"), ("old", "cache", Status::Stopped)]));
    let driver = Driver::start_with(&pool, &engine.socket());
    has(&pool, &["db d1", &seen("files")]);

    // What is young may be of a container that is not listed as running yet.
    tell(&driver, "Mount", "cache", "c2");
    engine.set(&containers(&[running("db")]));
    driver.call("Plugin.Activate", &json!({}));
    has(&pool, &["db d1", "cache c2"]);
    tell(&driver, "Unmount", "cache", "c2");

    // An engine that was killed told of no end: of more mounts than containers the oldest are gone.
    driver.kill();
    let driver = Driver::start_with(&pool, &engine.socket());
    tell(&driver, "Mount", "db", "d2");
    has(&pool, &["db d2"]);
    tell(&driver, "Unmount", "db", "d2");
    driver.call("Plugin.Activate", &json!({}));
    has(&pool, &[&seen("db")]);
    // The engine will not report the end of that one, so the driver looks for it.
    engine.set(&containers(&[]));
    has(&pool, &[]);
}

#[test]
fn an_engine_that_does_not_answer_changes_nothing() {
    let pool = Pool::with_volume();
    let engine = FakeEngine::new();
    engine.set(&containers(&[("web", "db", Status::Running)]));
    let driver = Driver::start_with(&pool, &engine.socket());
    tell(&driver, "Mount", "db", "d1");
    has(&pool, &["db d1"]);
    driver.kill();
    let nowhere = pool.dir().join("engine.sock");
    let driver = Driver::start_with(&pool, &nowhere);
    eventually("the driver asks twice", || driver.log().matches("cannot reconcile mounts").count() > 1);
    has(&pool, &["db d1"]);
    // It comes up, and has no container any more.
    let late = FakeEngine::new();
    std::fs::hard_link(late.socket(), &nowhere).unwrap();
    has(&pool, &[]);
}

#[test]
fn fsck_records_the_mounts_of_containers_that_run_without_one() {
    let (pool, engine) = (Pool::with_commits(&["one"]), FakeEngine::new());
    let container = |status| Container { volume: "db", status, auto_remove: false };
    let both =
        [("runs".to_owned(), container(Status::Paused)), ("ended".to_owned(), container(Status::Stopped))];
    engine.set(&Containers::from(both));
    let fsck = |words: &[&str]| {
        let output = pool.command_with(&engine.socket(), words).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, found) = fsck(&["fsck"]);
    assert_eq!(code, 4, "{found}");
    assert!(
        found.contains("runs") && found.contains("its mount is not recorded") && !found.contains("ended"),
        "{found}"
    );
    assert_eq!(fsck(&["fsck", "--repair", "--yes"]).0, 1);
    assert_eq!(fsck(&["fsck"]).0, 0);
    let records = json_lines(&pool.ok(["export", "--metadata"]));
    let mounts = records.iter().filter(|record| record["record"] == "binding");
    assert!(mounts.map(|mount| mount["id"].as_str().unwrap()).all(|id| id.starts_with("seen:")));
    engine.set(&Containers::from([("ended".to_owned(), container(Status::Stopped))]));
    pool.ok(["fsck"]);
}
