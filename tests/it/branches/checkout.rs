//! Branches and checkout.

use std::fs;
use std::path::Path;

use crate::harness::plain::Pool;

#[test]
fn each_branch_has_a_working_tree_of_its_own() {
    let pool = Pool::with_commit();
    let said = pool.run(&["checkout", "-b", "exp"]).ok();
    assert!(said.contains("Switched to a new branch 'exp'"), "{said}");
    pool.write("db", "data", "changed");
    pool.run(&["commit", "-m", "On exp"]).ok();
    pool.run(&["checkout", "master"]).ok();
    assert_eq!(pool.read("db", "data"), "one");
    assert_eq!(pool.ids("db").len(), 1);
    pool.run(&["checkout", "exp"]).ok();
    assert_eq!(pool.read("db", "data"), "changed");
    let point = fs::read_link(pool.path().join("db/running_point")).unwrap();
    assert_eq!(point, Path::new("branches/exp"));
}

#[test]
fn uncommitted_changes_refuse_a_checkout_and_stay_with_force() {
    let pool = Pool::with_commit();
    pool.run(&["checkout", "-b", "exp"]).ok();
    pool.write("db", "data", "uncommitted");
    pool.run(&["checkout", "master"]).fails(1, "uncommitted changes");
    assert_eq!(pool.read("db", "data"), "uncommitted");
    pool.run(&["checkout", "-f", "master"]).ok();
    assert_eq!(pool.read("db", "data"), "one");
    pool.run(&["checkout", "exp"]).ok();
    assert_eq!(pool.read("db", "data"), "uncommitted");
}

#[test]
fn a_new_branch_takes_the_commit_not_the_changes() {
    let pool = Pool::with_commit();
    pool.write("db", "data", "uncommitted");
    pool.run(&["checkout", "-b", "exp"]).ok();
    assert_eq!(pool.read("db", "data"), "one");
    pool.run(&["checkout", "master"]).ok();
    assert_eq!(pool.read("db", "data"), "uncommitted");
}

#[test]
fn checkout_refuses_what_is_not_there_or_there_already() {
    let pool = Pool::with_commit();
    pool.run(&["checkout", "nosuch"]).fails(1, "branch 'nosuch' does not exist");
    pool.run(&["checkout", "-b", "master"]).fails(1, "already exists");
    pool.run(&["checkout", "-b", "x", "nosuch", "db"]).fails(1, "names no commit");
    pool.run(&["checkout", "-b", "../x"]).fails(2, "not a valid branch name");
    pool.run(&["checkout", "-b", "HEAD"]).fails(2, "names a revision");
    pool.run(&["init", "empty"]).ok();
    pool.run(&["checkout", "-b", "x", "HEAD", "empty"]).fails(1, "has no commit yet");
    assert_eq!(pool.run(&["branch", "db"]).ok(), "* master\n");
}

#[test]
fn a_branch_that_alone_holds_commits_wants_a_capital_d() {
    let pool = Pool::with_commit();
    pool.run(&["branch", "-d", "master"]).fails(1, "it is the current branch");
    pool.run(&["checkout", "-b", "exp"]).ok();
    pool.run(&["commit", "-m", "Only here"]).ok();
    pool.run(&["checkout", "master"]).ok();
    pool.run(&["branch", "-d", "exp"]).fails(1, "nothing else holds");
    pool.run(&["branch", "-D", "exp"]).ok();
    assert_eq!(pool.run(&["branch"]).ok(), "* master\n");
    assert!(!pool.path().join("db/branches/exp").exists());
    pool.run(&["fsck"]).ok();
}
