//! Commit and reset.

use std::fs;

use crate::harness::{Pool, commit_trees, json};

#[test]
fn reset_brings_back_what_was_committed() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "state", "two");
    pool.write("db", "new", "");
    let said = pool.ok(["reset", "--hard", "HEAD"]);
    assert!(said.contains("one"), "{said}");
    assert_eq!(pool.read("db", "state"), "one");
    assert!(!pool.file("db", "new").exists());
    assert!(pool.staging().is_empty());
}

#[test]
fn a_commit_is_independent_of_the_working_tree_and_of_other_commits() {
    let pool = Pool::with_commits(&["one"]);
    let first = pool.root().join("db/commits").join(&pool.ids("db")[0]).join("state");
    pool.write("db", "state", "two");
    pool.ok(["commit", "-m", "Two"]);
    assert_eq!(fs::read_to_string(&first).unwrap(), "one");
    pool.ok(["reset", "--hard", "HEAD~1"]);
    pool.write("db", "state", "three");
    assert_eq!(fs::read_to_string(&first).unwrap(), "one");
}

#[test]
fn reset_drops_the_newer_commits_that_nothing_else_holds() {
    let pool = Pool::with_commits(&["one"]);
    for text in ["two", "three"] {
        pool.write("db", "state", text);
        pool.ok(["commit", "-m", text]);
    }
    pool.ok(["checkout", "-b", "keep", "HEAD~1"]);
    pool.ok(["checkout", "master"]);
    let done = json(&pool.ok(["reset", "--hard", "HEAD~2", "--format", "json"]));
    // Branch keep still holds the second commit.
    assert_eq!(done["dropped"].as_array().unwrap().len(), 1);
    assert_eq!(commit_trees(&pool, "db"), 2);
    assert_eq!(pool.ids("db").len(), 1);
    assert_eq!(pool.read("db", "state"), "one");
    pool.ok(["checkout", "keep"]);
    assert_eq!(pool.read("db", "state"), "two");
    pool.ok(["fsck"]);
}

#[test]
fn a_commit_without_changes_is_allowed() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["commit", "-m", "Again"]);
    assert_eq!(pool.ids("db").len(), 2);
}

#[test]
fn reset_wants_hard_and_a_commit() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "state", "two");
    pool.fails(1, ["reset", "HEAD"], "--hard");
    pool.fails(1, ["reset", "--hard", "HEAD^^^"], "goes past the root");
    pool.fails(1, ["reset", "--hard", "nosuch"], "neither a commit");
    pool.fails(1, ["reset", "--hard", "HEAD^2"], "second parent");
    pool.fails(2, ["reset", "--hard", "HEAD~x"], "is not a revision");
    assert_eq!(pool.read("db", "state"), "two");
    pool.ok(["init", "empty"]);
    pool.fails(1, ["reset", "--hard", "HEAD", "empty"], "has no commit yet");
}

#[test]
fn an_id_may_be_shortened_to_four_digits() {
    let pool = Pool::with_commits(&["one"]);
    let id = pool.ids("db").remove(0);
    pool.write("db", "state", "two");
    pool.ok(["commit", "-m", "Two"]);
    pool.ok(["reset", "--hard", &id[..8]]);
    assert_eq!(pool.ids("db"), std::slice::from_ref(&id));
    pool.fails(1, ["reset", "--hard", &id[..3]], "neither a commit");
}

#[test]
fn commits_of_many_processes_at_once_all_hold() {
    let pool = Pool::with_commits(&["one"]);
    let children: Vec<_> = (0..6)
        .map(|n| pool.command(["commit", "-m", &format!("number {n}"), "db"]).spawn().unwrap())
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(pool.ids("db").len(), 7);
    pool.ok(["fsck"]);
}

#[test]
fn the_author_comes_from_flag_then_settings_then_surroundings() {
    let pool = Pool::with_commits(&["one"]);
    let author = |pool: &Pool| {
        let log = pool.ok(["log", "-n", "1", "--format", "json"]);
        json(&log)["author"]["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(author(&pool), "Ada");
    pool.ok(["config", "user.name", "Grace"]);
    pool.ok(["commit", "-m", "x"]);
    assert_eq!(author(&pool), "Grace");
    pool.ok(["commit", "-m", "x", "--author", "Edsger <e@example.org>"]);
    assert_eq!(author(&pool), "Edsger");
    pool.fails(2, ["commit", "-m", "x", "--author", "<bad"], "--author");
}

/// Each sync of a commit waits for the disk, so none may come unnoticed: of what others have
/// written, of the intent, of the tree in its place, of the second copy, and of the metadata that
/// makes it hold.
#[test]
fn a_commit_syncs_five_times() {
    let pool = Pool::with_commits(&["one"]);
    let trace = pool.dir().join("trace");
    let commit = ["commit", "-m", "Two"];
    assert!(pool.command(commit).env("DVOL_FAULT_TRACE", &trace).status().unwrap().success());
    let points = fs::read_to_string(&trace).unwrap();
    let syncs: Vec<&str> = points.lines().filter(|point| point.ends_with(".sync")).collect();
    assert_eq!(syncs, ["tree.sync", "redb.sync", "tree.sync", "records.sync", "redb.sync"]);
}

/// Of what others have written, of the intent, of what is staged and the steps, of the tree, of the
/// second copy, and of the metadata that makes it hold. A reset that exchanges entries leaves
/// nothing to be moved or written after that.
#[test]
fn a_reset_of_what_is_known_syncs_six_times() {
    let pool = Pool::with_commits(&["one"]);
    std::thread::sleep(std::time::Duration::from_millis(60));
    pool.ok(["reset", "--hard", "HEAD"]);
    pool.write("db", "state", "two");
    let trace = pool.dir().join("trace");
    let reset = ["reset", "--hard", "HEAD"];
    assert!(pool.command(reset).env("DVOL_FAULT_TRACE", &trace).status().unwrap().success());
    let points = fs::read_to_string(&trace).unwrap();
    let syncs: Vec<&str> = points.lines().filter(|point| point.ends_with(".sync")).collect();
    assert_eq!(syncs, ["tree.sync", "redb.sync", "tree.sync", "tree.sync", "records.sync", "redb.sync"]);
}

/// The working tree is away while entries of it change places.
#[test]
fn who_looks_in_the_middle_of_a_reset_finds_the_tree_before_or_after() {
    const FILES: usize = 300;
    let pool = Pool::empty();
    pool.ok(["init", "db"]);
    let write = |text: &str| (0..FILES).for_each(|n| pool.write("db", &format!("file{n}"), text));
    write("one");
    std::thread::sleep(std::time::Duration::from_millis(60));
    pool.ok(["commit", "-m", "One"]);
    let mut looks = [0, 0];
    for _ in 0..8 {
        write("two");
        let mut reset = pool.command(["reset", "--hard", "HEAD"]).spawn().unwrap();
        while reset.try_wait().unwrap().is_none() {
            let changes = pool.ok(["status", "--short"]).lines().count();
            assert!([0, FILES].contains(&changes), "{changes} changes");
            looks[usize::from(changes == 0)] += 1;
            pool.ok(["du"]);
            let differs = pool.run(["diff"]);
            assert!(differs.code == 0 || differs.err.contains("may mix two states"), "{}", differs.err);
        }
        assert!(reset.wait().unwrap().success());
        assert_eq!(pool.ok(["status", "--short"]), "");
    }
    assert!(looks[0] > 0, "{looks:?}");
}
