//! Named states of remotes: for a driver's volume, for `ensure`; what a machine does that cannot
//! use one; what `doctor` says of remotes.

use serde_json::json;

use super::forge::Forge;
use super::{Team, upkeep};
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
        team.here.write("db", "state", message);
        let mut command = team.here.command(["commit", "-C", "db", "-m", message]);
        assert!(command.env("DVOL_TEST_ARCHITECTURE", "vax").output().unwrap().status.success());
        team.here.ok(words);
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

/// What `doctor` finds of remotes, with the true time: health and words.
fn doctor(pool: &Pool) -> Vec<(String, String)> {
    let mut command = pool.command(["doctor", "--format", "json"]);
    let output = command.env_remove("DVOL_TEST_TIME").output().unwrap();
    let checks = json_lines(&String::from_utf8(output.stdout).unwrap());
    let remotes = checks.iter().filter(|one| one["subject"] == "remote");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    remotes.map(|one| (text(&one["health"]), text(&one["found"]))).collect()
}

#[test]
fn doctor_says_whether_each_remote_can_be_used() {
    let team = Team::with_clone();
    let only = || {
        let [one] = <[_; 1]>::try_from(doctor(&team.there)).unwrap();
        one
    };
    let (health, found) = only();
    assert!(health == "good" && found.starts_with("origin: 1 volume at "), "{found}");
    let left = std::fs::read_dir(team.repository().join("dvol/announce")).unwrap().count();
    assert_eq!(left, 0, "what it wrote is gone");
    std::fs::write(team.password(), "another\n").unwrap();
    let (health, found) = only();
    assert!(health == "bad" && found.contains("the password is wrong"), "{found}");
    std::fs::remove_file(team.password()).unwrap();
    let (health, found) = only();
    assert!(health == "poor" && found.contains("cannot read the password file"), "{found}");
    std::fs::remove_dir_all(team.repository()).unwrap();
    std::fs::write(team.password(), "a password\n").unwrap();
    let (health, found) = only();
    assert!(health == "bad" && found.contains("there is none"), "{found}");
}

#[test]
fn doctor_tells_what_is_odd_about_a_remote() {
    let team = Team::with_clone();
    let forge = Forge::of(&team);
    forge.change_commits(&|_, commit| commit["bytes"] = (1_u64 << 40).into());
    forge.put("locks", b"{}");
    upkeep::age(&team, "locks", upkeep::DAY);
    let odd = doctor(&team.there);
    let says = |words: &str| odd.iter().any(|(health, found)| health == "poor" && found.contains(words));
    assert!(odd.len() == 3 && odd[0].0 == "good", "{odd:?}");
    assert!(says("1 lock or announcement of dead processes") && says("GiB of memory"), "{odd:?}");
    // The tests' own clock has stopped.
    let checks = team.there.run(["doctor"]).out;
    assert!(checks.contains("its clock is") && checks.contains("s ahead of this machine's"), "{checks}");
}

#[test]
fn a_push_that_would_take_much_memory_says_so_before_anything_is_sent() {
    let team = Team::with_clone();
    // A file that is one hole, of 200 GB, takes no space and counts.
    let hole = std::fs::File::create(team.here.file("db", "hole")).unwrap();
    hole.set_len(200_000_000_000).unwrap();
    team.here.commit("large");
    let said = team.here.run(["push", "-n"]);
    assert!(said.code == 0 && said.err.contains("GiB of memory"), "{said:?}");
    assert!(said.err.contains("hint: push volumes of over 50 GB"), "{said:?}");
    let new = team.here.dir().join("new");
    team.here.ok(["remote", "add", "new", new.to_str().unwrap(), "--password-file", &team.password()]);
    let said = team.here.run(["push", "-n", "new", "master"]);
    assert!(said.code == 0 && !said.err.contains("of memory"), "larger pieces: {said:?}");
}
