//! Commits whose records are here and whose data is in a remote.

use super::Team;
use crate::harness::json_lines;

#[test]
fn data_that_is_elsewhere_is_said_to_be_and_comes_when_it_is_named() {
    let team = Team::with_clone();
    let pool = &team.there;
    let log = pool.ok(["log", "--oneline", "--decorate"]);
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].contains("(HEAD -> master, origin/master)"), "{log}");
    assert!(lines[1].contains("(at origin)"), "{log}");
    let entries = json_lines(&pool.ok(["log", "--format", "json"]));
    assert_eq!(entries[1]["at"][0], "origin");
    let id = pool.ids("db")[1].clone();
    let hint = format!("dvol fetch origin {} -C db", &id[..8]);
    for words in [
        &["reset", "--hard", "HEAD~1"][..],
        &["export", "db:HEAD~1", "-"],
        &["diff", "HEAD~1"],
        &["clone", "db:HEAD~1", "copy"],
        &["show", "HEAD~1:state"],
        &["branch", "old", "HEAD~1"],
    ] {
        let said = pool.fails(1, words, "is only at origin");
        assert!(said.contains(&hint), "{words:?}: {said}");
    }
    assert_eq!(pool.ok(["fsck"]), "1 volume: clean\n");
    let said = pool.ok(["fetch", "origin", "HEAD~1"]);
    assert!(said.contains(&format!("Commit {}: ", &id[..8])), "{said}");
    pool.ok(["reset", "--hard", "HEAD~1"]);
    assert_eq!(pool.read("db", "state"), "one");
    assert_eq!(pool.ids("db").len(), 1);
    // What the remote has is not dropped.
    assert_eq!(pool.ok(["rev-parse", "origin/master"]).trim(), team.here.ids("db")[0]);
    pool.ok(["reset", "--hard", "@{u}"]);
    assert_eq!(pool.read("db", "state"), "two");
    pool.ok(["undo"]);
    pool.ok(["undo"]);
    pool.ok(["undo"]);
    // The undo of the fetch left the data in trash, which is nearer than the remote.
    pool.ok(["reset", "--hard", "origin/master~1"]);
    assert_eq!(pool.read("db", "state"), "one");
    assert_eq!(pool.ok(["fsck"]), "1 volume: clean\n");
}

#[test]
fn a_clone_of_a_part_pushes_to_another_remote_and_loses_no_record() {
    let team = Team::with_clone();
    let second = team.there.dir().join("second");
    let words = ["remote", "add", "second", second.to_str().unwrap(), "--password-file", &team.password()];
    team.there.ok(words);
    team.there.commit("three");
    team.there.ok(["push", "-y", "second", "master"]);
    let third = crate::harness::Pool::elsewhere(7);
    let password = team.password();
    let from = format!("{}/db", second.display());
    third.ok(["clone", &from, "--password-file", &password]);
    assert_eq!(third.ids("db"), team.there.ids("db"));
    assert_eq!(third.read("db", "state"), "three");
    let oldest = format!("{}~2", "origin/master");
    third.fails(1, ["fetch", "origin", &oldest, "-C", "db"], "has no origin/master~2");
    // Who has the data completes the second remote.
    team.here.ok(["remote", "add", "second", second.to_str().unwrap(), "--password-file", &password]);
    team.here.ok(["fetch", "origin"]);
    team.here.ok(["push", "second", "master:older"]);
    third.ok(["fetch", "origin", &oldest, "-C", "db"]);
    assert_eq!(third.ok(["show", &format!("{oldest}:state"), "-C", "db"]), "one");
}

#[test]
fn a_remote_that_is_forgotten_takes_what_only_it_led_to_along() {
    let team = Team::with_clone();
    team.here.commit("three");
    team.here.ok(["push"]);
    team.there.ok(["fetch"]);
    assert_eq!(team.there.ok(["log", "--all", "--oneline"]).lines().count(), 3);
    team.there.ok(["remote", "rm", "origin"]);
    assert_eq!(team.there.ok(["log", "--all", "--oneline"]).lines().count(), 2);
    team.there.fails(1, ["reset", "--hard", "HEAD~1"], "a remote that this pool does not know any more");
    assert_eq!(team.there.ok(["fsck"]), "1 volume: clean\n");
}
