//! Commit and reset.

use std::fs;

use crate::harness::plain::{Pool, commit_trees, json};

#[test]
fn reset_brings_back_what_was_committed() {
    let pool = Pool::with_commit();
    pool.write("db", "data", "two");
    pool.write("db", "new", "");
    let said = pool.run(&["reset", "--hard", "HEAD"]).ok();
    assert!(said.contains("One"), "{said}");
    assert_eq!(pool.read("db", "data"), "one");
    assert!(!pool.file("db", "new").exists());
    assert!(pool.staging().is_empty());
}

#[test]
fn a_commit_is_independent_of_the_working_tree_and_of_other_commits() {
    let pool = Pool::with_commit();
    let first = pool.path().join("db/commits").join(&pool.ids("db")[0]).join("data");
    pool.write("db", "data", "two");
    pool.run(&["commit", "-m", "Two"]).ok();
    assert_eq!(fs::read_to_string(&first).unwrap(), "one");
    pool.run(&["reset", "--hard", "HEAD~1"]).ok();
    pool.write("db", "data", "three");
    assert_eq!(fs::read_to_string(&first).unwrap(), "one");
}

#[test]
fn reset_drops_the_newer_commits_that_nothing_else_holds() {
    let pool = Pool::with_commit();
    for text in ["two", "three"] {
        pool.write("db", "data", text);
        pool.run(&["commit", "-m", text]).ok();
    }
    pool.run(&["checkout", "-b", "keep", "HEAD~1"]).ok();
    pool.run(&["checkout", "master"]).ok();
    let done = json(&pool.run(&["reset", "--hard", "HEAD~2", "--format", "json"]).ok());
    // Branch keep still holds the second commit.
    assert_eq!(done["dropped"].as_array().unwrap().len(), 1);
    assert_eq!(commit_trees(&pool.path(), "db"), 2);
    assert_eq!(pool.ids("db").len(), 1);
    assert_eq!(pool.read("db", "data"), "one");
    pool.run(&["checkout", "keep"]).ok();
    assert_eq!(pool.read("db", "data"), "two");
    pool.run(&["fsck"]).ok();
}

#[test]
fn a_commit_without_changes_is_allowed() {
    let pool = Pool::with_commit();
    pool.run(&["commit", "-m", "Again"]).ok();
    assert_eq!(pool.ids("db").len(), 2);
}

#[test]
fn reset_wants_hard_and_a_commit() {
    let pool = Pool::with_commit();
    pool.write("db", "data", "two");
    pool.run(&["reset", "HEAD"]).fails(1, "--hard");
    pool.run(&["reset", "--hard", "HEAD^^^"]).fails(1, "goes past the root");
    pool.run(&["reset", "--hard", "nosuch"]).fails(1, "names no commit");
    pool.run(&["reset", "--hard", "HEAD^2"]).fails(1, "second parent");
    pool.run(&["reset", "--hard", "HEAD~x"]).fails(2, "is not a revision");
    assert_eq!(pool.read("db", "data"), "two");
    pool.run(&["init", "empty"]).ok();
    pool.run(&["reset", "--hard", "HEAD", "empty"]).fails(1, "has no commit yet");
}

#[test]
fn an_id_may_be_shortened_to_four_digits() {
    let pool = Pool::with_commit();
    let id = pool.ids("db").remove(0);
    pool.write("db", "data", "two");
    pool.run(&["commit", "-m", "Two"]).ok();
    pool.run(&["reset", "--hard", &id[..8]]).ok();
    assert_eq!(pool.ids("db"), std::slice::from_ref(&id));
    pool.run(&["reset", "--hard", &id[..3]]).fails(1, "names no commit");
}

#[test]
fn commits_of_many_processes_at_once_all_hold() {
    let pool = Pool::with_commit();
    let children: Vec<_> = (0..6)
        .map(|n| pool.command().args(["commit", "-m", &format!("number {n}"), "db"]).spawn().unwrap())
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(pool.ids("db").len(), 7);
    pool.run(&["fsck"]).ok();
}

#[test]
fn the_author_comes_from_flag_then_settings_then_surroundings() {
    let pool = Pool::with_commit();
    let author = |pool: &Pool| {
        let log = pool.run(&["log", "-n", "1", "--format", "json"]).ok();
        json(&log)["author"]["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(author(&pool), "Ada");
    pool.run(&["config", "user.name", "Grace"]).ok();
    pool.run(&["commit", "-m", "x"]).ok();
    assert_eq!(author(&pool), "Grace");
    pool.run(&["commit", "-m", "x", "--author", "Edsger <e@example.org>"]).ok();
    assert_eq!(author(&pool), "Edsger");
    pool.run(&["commit", "-m", "x", "--author", "<bad"]).fails(2, "--author");
}

/// Each sync of a commit waits for the disk, so none may come unnoticed: of what others have written, of the intent, of the
/// tree in its place, of the second copy, and of the metadata that makes it hold.
#[test]
fn a_commit_syncs_five_times() {
    let pool = Pool::with_commit();
    let trace = pool.path().join("../trace");
    let commit = ["commit", "-m", "Two"];
    assert!(pool.command().env("DVOL_FAULT_TRACE", &trace).args(commit).status().unwrap().success());
    let points = fs::read_to_string(&trace).unwrap();
    let syncs: Vec<&str> = points.lines().filter(|point| point.ends_with(".sync")).collect();
    assert_eq!(syncs, ["tree.sync", "redb.sync", "tree.sync", "records.sync", "redb.sync"]);
}

/// Of what others have written, of the intent, of what is staged and the steps, of the tree, of the second copy, and of the
/// metadata that makes it hold. A reset that exchanges entries leaves nothing to be moved or written after that.
#[test]
fn a_reset_of_what_is_known_syncs_six_times() {
    let pool = Pool::with_commit();
    std::thread::sleep(std::time::Duration::from_millis(60));
    pool.run(&["reset", "--hard", "HEAD"]).ok();
    pool.write("db", "data", "two");
    let trace = pool.path().join("../trace");
    let reset = ["reset", "--hard", "HEAD"];
    assert!(pool.command().env("DVOL_FAULT_TRACE", &trace).args(reset).status().unwrap().success());
    let points = fs::read_to_string(&trace).unwrap();
    let syncs: Vec<&str> = points.lines().filter(|point| point.ends_with(".sync")).collect();
    assert_eq!(syncs, ["tree.sync", "redb.sync", "tree.sync", "tree.sync", "records.sync", "redb.sync"]);
}

/// The working tree is away while entries of it change places.
#[test]
fn who_looks_in_the_middle_of_a_reset_finds_the_tree_before_or_after() {
    const FILES: usize = 300;
    let pool = Pool::new();
    pool.run(&["init", "db"]).ok();
    let write = |text: &str| (0..FILES).for_each(|n| pool.write("db", &format!("file{n}"), text));
    write("one");
    std::thread::sleep(std::time::Duration::from_millis(60));
    pool.run(&["commit", "-m", "One"]).ok();
    let mut looks = [0, 0];
    for _ in 0..8 {
        write("two");
        let mut reset = pool.command().args(["reset", "--hard", "HEAD"]).spawn().unwrap();
        while reset.try_wait().unwrap().is_none() {
            let changes = pool.run(&["status", "--short"]).ok().lines().count();
            assert!([0, FILES].contains(&changes), "{changes} changes");
            looks[usize::from(changes == 0)] += 1;
            pool.run(&["du"]).ok();
            let differs = pool.run(&["diff"]);
            assert!(differs.code == Some(0) || differs.err.contains("meanwhile"), "{}", differs.err);
        }
        assert!(reset.wait().unwrap().success());
        assert_eq!(pool.run(&["status", "--short"]).ok(), "");
    }
    assert!(looks[0] > 0, "{looks:?}");
}
