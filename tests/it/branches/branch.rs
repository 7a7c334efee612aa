//! Making, renaming, listing and deleting branches, and the ways between them.

use crate::harness::{Pool, json_lines, snapshot};

#[test]
fn a_branch_is_made_without_a_switch() {
    let pool = Pool::with_commits(&["one", "two"]);
    assert_eq!(pool.ok(["branch", "old", "HEAD~1"]), "Created branch db/old at 00000201\n");
    assert_eq!(pool.ok(["branch", "new"]), "Created branch db/new at 00000301\n");
    assert_eq!(pool.ok(["branch", "--show-current"]), "master\n");
    snapshot("branch", &pool.ok(["branch"]));
    snapshot("branch_heads", &pool.ok(["branch", "-v"]));
    let branches = json_lines(&pool.ok(["branch", "--format", "json"]));
    assert_eq!(branches[2]["subject"], "one");
    pool.ok(["checkout", "old"]);
    assert_eq!(pool.read("db", "state"), "one");
    pool.fails(1, ["branch", "new"], "already exists");
    pool.fails(1, ["branch", "newer", "nosuch"], "neither a commit");
}

#[test]
fn one_word_is_the_volume_of_that_name_or_else_a_branch() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["init", "other"]);
    assert_eq!(pool.ok(["branch", "db"]), "* master\n");
    pool.ok(["branch", "side", "db"]);
    pool.ok(["branch", "-C", "db", "other"]);
    assert_eq!(pool.ok(["branch", "db"]), "* master\n  other\n  side\n");
    // The current volume has no commit to start from.
    pool.fails(1, ["branch", "side"], "no commit yet");
}

#[test]
fn a_branch_gets_another_name_and_the_current_one_stays_mounted() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "uncommitted", "kept");
    assert_eq!(pool.ok(["branch", "-m", "main"]), "Renamed branch db/master to main\n");
    assert_eq!(pool.read("db", "uncommitted"), "kept");
    assert_eq!(pool.ok(["branch", "--show-current"]), "main\n");
    pool.ok(["branch", "side"]);
    pool.ok(["branch", "-m", "side", "feature/x", "db"]);
    assert_eq!(pool.ok(["branch"]), "  feature/x\n* main\n");
    pool.fails(1, ["branch", "-m", "main", "feature/x"], "already exists");
    pool.fails(1, ["branch", "-m", "nosuch", "y"], "does not exist");
    pool.ok(["fsck"]);
}

#[test]
fn checkout_dash_goes_back_and_forth() {
    let pool = Pool::with_commits(&["one"]);
    pool.fails(1, ["checkout", "-"], "volume db has no previous branch");
    pool.fails(1, ["checkout", "@{-2}"], "has no branch from 2 checkouts ago");
    pool.ok(["checkout", "-b", "side"]);
    assert_eq!(pool.ok(["checkout", "-"]), "Switched to branch 'master'\n");
    assert_eq!(pool.ok(["checkout", "-"]), "Switched to branch 'side'\n");
    assert_eq!(pool.ok(["checkout", "@{-1}", "db"]), "Switched to branch 'master'\n");
}

#[test]
fn checkout_b_capital_makes_a_branch_anew() {
    let pool = Pool::with_commits(&["one", "two"]);
    assert_eq!(pool.ok(["checkout", "-B", "side", "HEAD~1"]), "Switched to a new branch 'side'\n");
    pool.commit("three");
    pool.ok(["checkout", "master"]);
    let said = pool.ok(["checkout", "-B", "side"]);
    assert_eq!(said, "Dropped 1 commit that nothing else holds\nSwitched to and reset branch 'side'\n");
    assert_eq!(pool.read("db", "state"), "two");
    pool.write("db", "state", "not committed");
    pool.ok(["checkout", "-f", "master"]);
    pool.fails(1, ["checkout", "-B", "side", "HEAD~1"], "discard the changes with -f");
    pool.ok(["checkout", "-f", "-B", "side", "HEAD~1"]);
    assert_eq!(pool.read("db", "state"), "one");
    // The current one too.
    pool.ok(["checkout", "-B", "side", "master"]);
    assert_eq!(pool.read("db", "state"), "two");
    pool.ok(["fsck"]);
}

#[test]
fn what_is_no_branch_is_explained() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["tag", "v1"]);
    pool.fails(1, ["checkout", "v1"], "dvol checkout -b NAME v1");
    pool.ok(["branch", "side"]);
    pool.fails(1, ["switch", "side"], "'side' is a branch of volume db; switch to it: dvol checkout side");
}
