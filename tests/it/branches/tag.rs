//! Tags name commits, and hold them.

use crate::harness::{Pool, json_lines};

#[test]
fn a_tag_names_a_commit_and_is_a_revision() {
    let pool = Pool::with_commits(&["one", "two"]);
    assert!(pool.ok(["tag", "first", "HEAD~1"]).starts_with("Tagged "));
    pool.ok(["tag", "-m", "the last of May", "second"]);
    assert_eq!(pool.ok(["tag"]), "first\nsecond\n");
    assert_eq!(pool.ok(["tag", "-l", "f*"]), "first\n");
    let tags = json_lines(&pool.ok(["tag", "--format", "json"]));
    assert_eq!(tags[0]["subject"], "one");
    assert_eq!(tags[1]["message"], "the last of May");
    pool.ok(["reset", "--hard", "first"]);
    assert_eq!(pool.read("db", "state"), "one");
    pool.ok(["reset", "--hard", "second~0"]);
    assert_eq!(pool.read("db", "state"), "two");
}

#[test]
fn a_tag_holds_what_a_reset_leaves_and_a_deleted_branch_had() {
    let pool = Pool::with_commits(&["one", "two", "three"]);
    pool.ok(["tag", "keep", "HEAD~1"]);
    let said = pool.ok(["reset", "--hard", "HEAD~2"]);
    assert!(said.contains("Dropped 1 commit "), "{said}");
    pool.ok(["checkout", "-b", "side", "keep"]);
    pool.ok(["checkout", "master"]);
    // Its only commit is the tag's: nothing would be lost.
    pool.ok(["branch", "-d", "side"]);
    pool.ok(["reset", "--hard", "keep"]);
    assert_eq!(pool.read("db", "state"), "two");
}

#[test]
fn a_name_is_a_branchs_or_a_tags_and_a_tag_moves_only_by_force() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.fails(1, ["tag", "master"], "volume db has a branch of that name");
    pool.ok(["tag", "v1"]);
    pool.fails(1, ["checkout", "-b", "v1"], "volume db has a tag of that name");
    pool.fails(1, ["tag", "v1", "HEAD~1"], "move the tag: dvol tag -f v1");
    assert!(pool.ok(["tag", "-f", "v1", "HEAD~1"]).starts_with("Updated tag 'v1'"));
    pool.fails(2, ["tag", "HEAD"], "names a revision");
    pool.ok(["tag", "-d", "v1"]);
    pool.fails(1, ["tag", "-d", "v1"], "does not exist");
    pool.ok(["rm", "-f", "db"]);
    assert_eq!(pool.ok(["fsck"]), "0 volumes: clean\n");
}
