//! Named states of remotes: for a driver's volume, for `ensure`; what a machine does that cannot
//! use one; what `doctor` says of remotes.

use serde_json::json;

use super::Team;
use crate::harness::{Driver, Pool, json_lines};

/// A team whose `db` is pushed with the tag `small` on its first commit.
fn with_tag() -> Team {
    let team = Team::new();
    team.here.ok(["tag", "-m", "one row", "small", "HEAD~1"]);
    team.here.ok(["push", "-y", "--follow-tags", "-u", "origin", "master"]);
    team
}

#[test]
fn an_engine_makes_a_volume_of_one_in_a_remote() {
    let team = with_tag();
    let pool = &team.there;
    let driver = Driver::start(pool);
    let create = |name: &str, options: serde_json::Value| {
        let answer = driver.call("VolumeDriver.Create", &json!({"Name": name, "Opts": options}));
        answer["Err"].as_str().unwrap().to_owned()
    };
    assert_eq!(create("shop", json!({"from": "origin/db:small"})), "");
    assert_eq!(create("shop", json!({"from": "origin/db:small"})), "", "engines ask again");
    assert_eq!(pool.read("shop", "state"), "one");
    assert_eq!(create("newest", json!({"from": "origin/db", "size": "1M"})), "");
    assert_eq!(pool.read("newest", "state"), "two");
    assert!(pool.ok(["config", "volume.max-size", "-C", "newest"]).contains("1M"));
    for (options, said) in [
        (json!({"from": "nosuch/db"}), "remote 'nosuch' does not exist"),
        (json!({"from": "origin/none"}), "has no volume none"),
        (json!({"from": "origin/db:none"}), "has no none of volume db"),
        (json!({"from": "origin/db", "branch": "side"}), "has the branch that it has there"),
        (json!({"from": "origin/db", "size": "1"}), "newest"),
    ] {
        let answer = create(if said == "newest" { "newest" } else { "bad" }, options);
        assert!(answer.contains(said), "{answer}");
    }
    assert_eq!(json_lines(&pool.ok(["list", "--format", "json"])).len(), 2);
    assert_eq!(pool.ok(["fsck"]), "2 volumes: clean\n");
}

#[test]
fn ensure_takes_a_state_from_a_remote_and_seeds_if_it_has_none() {
    let team = Team::with_clone();
    let ensure = |pool: &Pool, key: &str| {
        let words = ["ensure", "--remote", "origin", key, "--", "sh", "-c"];
        let seed = "echo ran >> ran; echo seeded > pool/db/running_point/state";
        pool.ok([&words[..], &[seed]].concat());
    };
    let ran =
        |pool: &Pool| std::fs::read_to_string(pool.dir().join("ran")).map_or(0, |text| text.lines().count());
    ensure(&team.here, "schema");
    assert_eq!(ran(&team.here), 1);
    team.here.ok(["push", "origin", "schema"]);
    ensure(&team.there, "schema");
    assert_eq!((ran(&team.there), team.there.read("db", "state").as_str()), (0, "seeded\n"));
    ensure(&team.there, "schema");
    ensure(&team.there, "other");
    assert_eq!(ran(&team.there), 1);
    assert_eq!(team.there.ok(["fsck", "--deep"]).lines().next(), Some("1 volume: clean"));
}

#[test]
fn a_machine_of_another_architecture_takes_a_commit_only_if_forced() {
    let team = Team::new();
    let push = |message: &str, words: &[&str]| {
        team.here.commit(message);
        let mut command = team.here.command(words);
        assert!(command.env("DVOL_TEST_ARCHITECTURE", "vax").output().unwrap().status.success());
    };
    push("three", &["push", "-y", "-u", "origin", "master"]);
    let from = team.volume("db");
    let said = team.there.fails(1, ["clone", &from], "is of a machine with vax, and this one has");
    assert!(said.contains("--force"), "{said}");
    assert_eq!(team.there.ok(["list", "--format", "json"]), "");
    team.there.ok(["clone", "--force", &from]);
    push("four", &["push"]);
    team.there.ok(["switch", "db"]);
    team.there.fails(1, ["pull"], "is of a machine with vax");
    assert_eq!(team.there.read("db", "state"), "three");
    team.there.ok(["pull", "--force"]);
    assert_eq!(team.there.read("db", "state"), "four");
}

#[test]
fn doctor_says_whether_each_remote_can_be_used() {
    let team = Team::with_clone();
    let check = |pool: &Pool| {
        let checks = json_lines(&pool.run(["doctor", "--format", "json"]).out);
        let check = checks.into_iter().find(|one| one["subject"] == "remote").unwrap();
        (check["health"].as_str().unwrap().to_owned(), check["found"].as_str().unwrap().to_owned())
    };
    let (health, found) = check(&team.there);
    assert!(health == "good" && found.starts_with("origin: 1 volume at "), "{found}");
    std::fs::write(team.password(), "another\n").unwrap();
    let (health, found) = check(&team.there);
    assert!(health == "bad" && found.contains("the password is wrong"), "{found}");
    std::fs::remove_file(team.password()).unwrap();
    let (health, found) = check(&team.there);
    assert!(health == "poor" && found.contains("cannot read the password file"), "{found}");
}
