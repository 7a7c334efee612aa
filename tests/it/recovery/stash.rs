//! Changes that are put aside and come back.

use std::fs;

use support::fake_engine::{Container, Containers, FakeEngine, READY_AFTER, Status};

use crate::harness::{Pool, Said, commit_trees, json, json_lines};

/// A commit of three files, and changes of two of them and a new directory.
fn changed() -> Pool {
    let pool = Pool::with_volume();
    pool.write("db", "a", "one");
    pool.write("db", "b", "one");
    pool.commit("First");
    pool.write("db", "a", "changed");
    fs::remove_file(pool.file("db", "b")).unwrap();
    fs::create_dir(pool.file("db", "dir")).unwrap();
    pool.write("db", "dir/new", "new");
    pool
}

const CHANGES: &str = "M a\nD b\nA dir/\n";

#[test]
fn a_stash_goes_and_comes_back_exactly() {
    let pool = changed();
    let said = pool.ok(["stash", "push", "-m", "half done"]);
    assert_eq!(said, "Saved the working tree as stash@{0}: On master: half done\n");
    assert_eq!(pool.ok(["status", "--short"]), "");
    assert_eq!((pool.read("db", "a"), pool.read("db", "b")), ("one".into(), "one".into()));
    assert_eq!(pool.ok(["log", "--oneline"]).lines().count(), 1);
    assert_eq!(pool.ok(["stash", "list"]), "stash@{0}: On master: half done\n");
    assert!(pool.ok(["stash", "show"]).contains("dir/new | 1 +\n"));
    assert!(pool.ok(["stash", "show", "--patch"]).contains("+changed"));
    assert_eq!(pool.ok(["tag"]), "");
    let trees = commit_trees(&pool, "db");
    let said = pool.ok(["stash", "pop"]);
    assert_eq!(said, "Brought back and dropped stash@{0}: On master: half done\n");
    assert_eq!(pool.ok(["status", "--short"]), CHANGES);
    assert_eq!(pool.ok(["stash", "list"]), "");
    assert_eq!(commit_trees(&pool, "db"), trees - 1);
    pool.ok(["fsck", "--deep"]);
    assert!(pool.staging().is_empty());
}

#[test]
fn undo_and_redo_walk_over_stashes() {
    let pool = changed();
    pool.ok(["stash"]);
    pool.ok(["stash", "pop"]);
    pool.ok(["undo"]);
    assert_eq!(pool.ok(["status", "--short"]), "");
    assert_eq!(pool.ok(["stash", "list"]).lines().count(), 1);
    pool.ok(["undo"]);
    assert_eq!(pool.ok(["status", "--short"]), CHANGES);
    assert_eq!(pool.ok(["stash", "list"]), "");
    pool.ok(["redo"]);
    pool.ok(["redo"]);
    assert_eq!(pool.ok(["status", "--short"]), CHANGES);
    pool.fails(1, ["stash", "apply"], "has no stash@{0}");
}

#[test]
fn stashes_are_numbered_from_the_newest_and_dropped_one_by_one() {
    let pool = changed();
    assert_eq!(json(&pool.ok(["stash", "--format", "json"]))["action"], "push");
    pool.write("db", "a", "second");
    pool.ok(["stash", "-m", "second"]);
    let list = json_lines(&pool.ok(["stash", "list", "--format", "json"]));
    assert_eq!((&list[0]["number"], &list[0]["message"]), (&0.into(), &"On master: second".into()));
    assert!(list[1]["message"].as_str().unwrap().starts_with("WIP on master: "));
    pool.fails(1, ["stash", "pop", "2"], "has no stash@{2}");
    pool.fails(2, ["stash", "pop", "x"], "'x' is no stash");
    pool.ok(["stash", "pop", "stash@{1}"]);
    assert_eq!(pool.ok(["status", "--short"]), CHANGES);
    pool.ok(["stash", "drop"]);
    assert_eq!(pool.ok(["stash", "list"]), "");
    pool.ok(["undo"]);
    assert_eq!(pool.ok(["stash", "list"]), "stash@{0}: On master: second\n");
    // Neither forgets nor collections of trash take one.
    pool.ok(["forget", "--keep-last", "1"]);
    pool.ok(["gc", "--all", "-f"]);
    assert!(pool.ok(["du"]).contains("On master: second"));
    pool.ok(["reset", "--hard"]);
    pool.ok(["stash", "apply"]);
    assert_eq!((pool.read("db", "a"), pool.ok(["stash", "list"]).is_empty()), ("second".into(), false));
}

#[test]
fn nothing_to_put_aside_is_no_error_and_no_operation() {
    let pool = Pool::with_commits(&["one"]);
    let said = pool.run(["stash"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""));
    assert!(said.err.contains("no uncommitted changes"));
    assert_eq!(pool.ok(["stash", "list"]), "");
    let empty = Pool::with_volume();
    empty.fails(1, ["stash"], "has no commit yet");
}

#[test]
fn on_another_head_only_the_stash_s_own_paths_come_back_unless_they_conflict() {
    let pool = changed();
    pool.ok(["stash"]);
    pool.write("db", "c", "of the new head");
    pool.ok(["commit", "-m", "Second"]);
    pool.write("db", "d", "not committed");
    pool.ok(["stash", "apply"]);
    assert_eq!(pool.ok(["status", "--short"]), "M a\nD b\nA d\nA dir/\n");
    assert_eq!(pool.read("db", "c"), "of the new head");
    let before = pool.ok(["status", "--short"]);
    let err = pool.fails(1, ["stash", "pop"], "3 paths");
    assert!(err.contains("a, b, dir"), "{err}");
    assert_eq!(pool.ok(["status", "--short"]), before);
    pool.ok(["undo"]);
    pool.write("db", "b", "changed as well");
    let err = pool.fails(1, ["stash", "pop"], "1 path ");
    assert!(err.contains(": b"), "{err}");
    // The hint leads to where the stash fits.
    let base = pool.ids("db")[1].clone();
    assert!(err.contains(&format!("dvol checkout -b NAME {} db", &base[..8])), "{err}");
    pool.ok(["checkout", "-b", "fits", &base]);
    pool.ok(["stash", "apply"]);
    assert_eq!(pool.ok(["status", "--short"]), CHANGES);
    pool.ok(["checkout", "-f", "master"]);
    assert_eq!(pool.ok(["stash", "list"]).lines().count(), 1);
    assert!(pool.staging().is_empty());
    pool.ok(["restore", "b"]);
    pool.ok(["stash", "pop"]);
    assert_eq!(pool.ok(["status", "--short"]), "M a\nD b\nA d\nA dir/\n");
    pool.ok(["fsck", "--deep"]);
}

#[test]
fn a_running_container_is_stopped_and_what_its_start_writes_is_in_no_way_of_a_pop() {
    let (pool, engine) = (changed(), FakeEngine::new());
    let container = Container { volume: "db", status: Status::Running, auto_remove: false };
    engine.set(&Containers::from([(format!("{READY_AFTER}0"), container)]));
    engine.write_at_start(&[pool.file("db", "pid")]);
    let ok = |words: &[&str]| Said::from(pool.command_with(&engine.socket(), words).output().unwrap()).ok();
    ok(&["stash"]);
    assert_eq!(pool.read("db", "pid"), "+");
    ok(&["stash", "pop"]);
    assert_eq!(pool.ok(["status", "--short"]), "M a\nD b\nA dir/\nA pid\n");
    assert_eq!(pool.read("db", "pid"), "+", "from its start on the stash's tree");
}
