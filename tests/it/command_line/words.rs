//! The words that users know, to the letter.

use crate::harness::plain::{Pool, json};

#[test]
fn init_says_what_it_made_and_refuses_a_second_time() {
    let pool = Pool::new();
    assert_eq!(pool.run(&["init", "foo"]).ok(), "Created volume foo\nCreated branch foo/master\n");
    pool.run(&["init", "foo"]).fails(1, "volume foo already exists");
}

#[test]
fn list_marks_the_current_volume() {
    let pool = Pool::new();
    pool.run(&["init", "foo"]).ok();
    pool.run(&["init", "quux"]).ok();
    let expected = "  VOLUME   BRANCH   CONTAINERS\n  foo      master   \n* quux     master   \n";
    assert_eq!(pool.run(&["list"]).ok(), expected);
    assert_eq!(pool.run(&["ls"]).ok(), expected);
    pool.run(&["switch", "foo"]).ok();
    assert!(pool.run(&["ls"]).ok().contains("* foo"));
}

#[test]
fn a_pool_that_is_not_there_lists_as_empty_and_is_not_made_by_looking() {
    let pool = Pool::new();
    assert_eq!(pool.run(&["list"]).ok(), "  VOLUME   BRANCH   CONTAINERS\n");
    pool.run(&["log", "foo"]).fails(1, "Volume 'foo' does not exist");
    pool.run(&["fsck"]).ok();
    assert!(!pool.path().exists());
}

#[test]
fn log_reads_like_gits() {
    let pool = Pool::with_commit();
    pool.run(&["commit", "-m", "Two", "-m", "More of it"]).ok();
    let output = pool.command().env("TZ", "UTC").args(["log"]).output().unwrap();
    let log = String::from_utf8(output.stdout).unwrap();
    let ids = pool.ids("db");
    let mut lines = log.lines();
    assert_eq!(lines.next().unwrap(), format!("commit {}", ids[0]));
    assert_eq!(lines.next().unwrap(), "Author: Ada <ada@example.org>");
    assert!(lines.next().unwrap().starts_with("Date:   "));
    assert_eq!(lines.next().unwrap(), "");
    assert_eq!(lines.next().unwrap(), "    Two");
    assert_eq!(lines.next().unwrap(), "");
    assert_eq!(lines.next().unwrap(), "    More of it");
    assert_eq!(lines.next().unwrap(), "");
    assert_eq!(lines.next().unwrap(), format!("commit {}", ids[1]));
    assert_eq!(pool.run(&["log", "-n", "1"]).ok().matches("commit ").count(), 1);
}

#[test]
fn commit_prints_the_id_last() {
    let pool = Pool::with_commit();
    let out = pool.run(&["commit", "-m", "Two"]).ok();
    assert_eq!(out.lines().last().unwrap(), pool.ids("db")[0]);
}

#[test]
fn status_says_clean_or_what_changed() {
    let pool = Pool::with_commit();
    assert_eq!(pool.run(&["status"]).ok(), "On branch master\nnothing to commit, working tree clean\n");
    pool.write("db", "data", "two");
    pool.write("db", "other", "");
    let status = pool.run(&["status"]).ok();
    assert!(status.starts_with("On branch master\n"), "{status}");
    assert!(status.contains("modified:") && status.contains("new:"), "{status}");
}

#[test]
fn branch_marks_the_current_one() {
    let pool = Pool::with_commit();
    pool.run(&["checkout", "-b", "exp/one"]).ok();
    assert_eq!(pool.run(&["branch"]).ok(), "* exp/one\n  master\n");
    assert_eq!(pool.run(&["branch", "db"]).ok(), "* exp/one\n  master\n");
    assert!(pool.path().join("db/branches/exp%2Fone").is_dir());
}

#[test]
fn the_words_for_what_is_missing() {
    let pool = Pool::new();
    pool.run(&["rm", "-f", "foo"]).fails(1, "Volume 'foo' does not exist, cannot remove it");
    pool.run(&["init", "foo"]).ok();
    pool.run(&["commit"]).fails(2, "You must provide a commit message");
    pool.run(&["commit", "-m", "  "]).fails(2, "You must provide a commit message");
    pool.run(&["rm", "foo"]).fails(1, "-f");
    pool.run(&["rm", "-f", "foo"]).ok();
    pool.run(&["status"]).fails(1, "no volume is chosen");
}

#[test]
fn the_volume_may_be_named_last_or_by_a_flag() {
    let pool = Pool::with_commit();
    pool.run(&["init", "other"]).ok();
    pool.run(&["status"]).ok();
    for args in [
        &["log", "db"][..],
        &["log", "-C", "db"],
        &["-C", "db", "log", "HEAD"],
        &["log", "HEAD", "db"],
        &["reset", "--hard", "HEAD", "db"],
        &["reset", "--hard", "db"],
        &["checkout", "master", "db"],
        &["checkout", "-b", "b1", "HEAD", "db"],
        &["checkout", "-b", "b2", "db"],
        &["branch", "-d", "b1", "db"],
        &["commit", "-m", "x", "db"],
        &["status", "db"],
    ] {
        pool.run(args).ok();
    }
    pool.run(&["log", "HEAD"]).fails(1, "no commit yet");
    pool.run(&["status", "-C", "other", "db"]).fails(2, "name one");
}

#[test]
fn json_has_one_object_a_line_with_these_fields() {
    let pool = Pool::with_commit();
    let fields = |args: &[&str]| {
        let out = pool.run(&[args, &["--format", "json"]].concat()).ok();
        let first = json(out.lines().next().unwrap());
        first.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let expect = |args: &[&str], names: &[&str]| {
        let found = fields(args);
        for name in names {
            assert!(found.iter().any(|field| field == name), "{args:?} lacks {name}: {found:?}");
        }
    };
    expect(&["list"], &["volume", "branch", "head", "current", "containers"]);
    expect(&["log"], &["volume", "id", "parent", "message", "author", "date", "branches", "head"]);
    expect(&["status"], &["volume", "branch", "head", "clean", "changes"]);
    expect(&["branch"], &["volume", "branch", "head", "current"]);
    expect(&["config"], &["key", "value", "set", "volume"]);
    std::fs::create_dir(pool.path().join("db/commits/stranger")).unwrap();
    let fsck = pool.run(&["fsck", "db", "--format", "json"]);
    assert_eq!(fsck.code, Some(4));
    let finding = json(fsck.out.lines().next().unwrap());
    for name in ["severity", "volume", "subject", "what", "remedy"] {
        assert!(finding.get(name).is_some(), "fsck lacks {name}: {finding}");
    }
}
