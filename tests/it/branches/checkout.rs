//! Branches and checkout.

use std::fs;
use std::path::Path;

use crate::harness::Pool;

#[test]
fn each_branch_has_a_working_tree_of_its_own() {
    let pool = Pool::with_commits(&["one"]);
    let said = pool.ok(["checkout", "-b", "exp"]);
    assert!(said.contains("Switched to a new branch 'exp'"), "{said}");
    pool.write("db", "state", "changed");
    pool.ok(["commit", "-m", "On exp"]);
    pool.ok(["checkout", "master"]);
    assert_eq!(pool.read("db", "state"), "one");
    assert_eq!(pool.ids("db").len(), 1);
    pool.ok(["checkout", "exp"]);
    assert_eq!(pool.read("db", "state"), "changed");
    let point = fs::read_link(pool.root().join("db/running_point")).unwrap();
    assert_eq!(point, Path::new("branches/exp"));
}

#[test]
fn uncommitted_changes_refuse_a_checkout_and_stay_with_force() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["checkout", "-b", "exp"]);
    pool.write("db", "state", "uncommitted");
    pool.fails(1, ["checkout", "master"], "uncommitted changes");
    assert_eq!(pool.read("db", "state"), "uncommitted");
    pool.ok(["checkout", "-f", "master"]);
    assert_eq!(pool.read("db", "state"), "one");
    pool.ok(["checkout", "exp"]);
    assert_eq!(pool.read("db", "state"), "uncommitted");
}

#[test]
fn a_new_branch_takes_the_commit_not_the_changes() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "state", "uncommitted");
    pool.ok(["checkout", "-b", "exp"]);
    assert_eq!(pool.read("db", "state"), "one");
    pool.ok(["checkout", "master"]);
    assert_eq!(pool.read("db", "state"), "uncommitted");
}

#[test]
fn checkout_refuses_what_is_not_there_or_there_already() {
    let pool = Pool::with_commits(&["one"]);
    pool.fails(1, ["checkout", "nosuch"], "branch 'nosuch' does not exist");
    pool.fails(1, ["checkout", "-b", "master"], "already exists");
    pool.fails(1, ["checkout", "-b", "x", "nosuch", "db"], "names no commit");
    pool.fails(2, ["checkout", "-b", "../x"], "not a valid branch name");
    pool.fails(2, ["checkout", "-b", "HEAD"], "names a revision");
    pool.ok(["init", "empty"]);
    pool.fails(1, ["checkout", "-b", "x", "HEAD", "empty"], "has no commit yet");
    assert_eq!(pool.ok(["branch", "db"]), "* master\n");
}

#[test]
fn a_branch_that_alone_holds_commits_wants_a_capital_d() {
    let pool = Pool::with_commits(&["one"]);
    pool.fails(1, ["branch", "-d", "master"], "it is the current branch");
    pool.ok(["checkout", "-b", "exp"]);
    pool.ok(["commit", "-m", "Only here"]);
    pool.ok(["checkout", "master"]);
    pool.fails(1, ["branch", "-d", "exp"], "would become unreachable");
    pool.ok(["branch", "-D", "exp"]);
    assert_eq!(pool.ok(["branch"]), "* master\n");
    assert!(!pool.root().join("db/branches/exp").exists());
    pool.ok(["fsck"]);
}
