//! The words that users know, to the letter.

use crate::harness::{Pool, json};

#[test]
fn init_says_what_it_made_and_refuses_a_second_time() {
    let pool = Pool::empty();
    assert_eq!(pool.ok(["init", "foo"]), "Created volume foo\nCreated branch foo/master\n");
    pool.fails(1, ["init", "foo"], "volume foo already exists");
}

#[test]
fn list_marks_the_current_volume() {
    let pool = Pool::empty();
    pool.ok(["init", "foo"]);
    pool.ok(["init", "quux"]);
    let expected = "  VOLUME   BRANCH   HEAD   AGE   SIZE   CONTAINERS\n  foo      master   -                   \n\
                    * quux     master   -                   \n";
    assert_eq!(pool.ok(["list"]), expected);
    assert_eq!(pool.ok(["ls"]), expected);
    pool.ok(["switch", "foo"]);
    assert!(pool.ok(["ls"]).contains("* foo"));
}

#[test]
fn a_pool_that_is_not_there_is_an_error_and_is_not_made_by_looking() {
    let pool = Pool::empty();
    for words in
        [&["list"][..], &["log", "foo"], &["fsck"], &["status"], &["du"], &["gc"], &["rm", "-f", "foo"]]
    {
        let said = pool.run(words);
        assert_eq!(said.code, 1, "{words:?}: {}", said.err);
        assert!(said.err.contains(&format!("there is no pool at {}", pool.root().display())), "{}", said.err);
        assert!(said.err.contains("dvol init NAME"), "{}", said.err);
    }
    assert!(!pool.root().exists());
}

#[test]
fn log_reads_like_gits() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["commit", "-m", "Two", "-m", "More of it"]);
    let output = pool.command(["log"]).env("TZ", "UTC").output().unwrap();
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
    assert_eq!(pool.ok(["log", "-n", "1"]).matches("commit ").count(), 1);
}

#[test]
fn commit_prints_the_id_last() {
    let pool = Pool::with_commits(&["one"]);
    let out = pool.ok(["commit", "-m", "Two"]);
    assert_eq!(out.lines().last().unwrap(), pool.ids("db")[0]);
}

#[test]
fn status_says_clean_or_what_changed() {
    let pool = Pool::with_commits(&["one"]);
    assert_eq!(pool.ok(["status"]), "On branch master of volume db\nnothing to commit, working tree clean\n");
    pool.write("db", "state", "two");
    pool.write("db", "other", "");
    let status = pool.ok(["status"]);
    assert!(status.starts_with("On branch master of volume db\n"), "{status}");
    assert!(status.contains("modified:") && status.contains("new:"), "{status}");
}

#[test]
fn branch_marks_the_current_one() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["checkout", "-b", "exp/one"]);
    assert_eq!(pool.ok(["branch"]), "* exp/one\n  master\n");
    assert_eq!(pool.ok(["branch", "db"]), "* exp/one\n  master\n");
    assert!(pool.root().join("db/branches/exp%2Fone").is_dir());
}

#[test]
fn what_is_missing_is_named_in_the_words_that_users_know() {
    let pool = Pool::empty();
    // Makes the pool, and no volume.
    pool.ok(["config", "user.name", "Ada"]);
    pool.fails(1, ["rm", "-f", "foo"], "Volume 'foo' does not exist, cannot remove it");
    pool.ok(["init", "foo"]);
    pool.fails(2, ["commit"], "You must provide a commit message");
    pool.fails(2, ["commit", "-m", "  "], "You must provide a commit message");
    pool.fails(1, ["rm", "foo"], "-f");
    pool.ok(["rm", "-f", "foo"]);
    pool.fails(1, ["status"], "no volume is chosen");
}

#[test]
fn the_volume_may_be_named_last_or_by_a_flag() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["init", "other"]);
    pool.ok(["status"]);
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
        pool.ok(args);
    }
    pool.fails(1, ["log", "HEAD"], "no commit yet");
    pool.fails(2, ["status", "-C", "other", "db"], "name one");
}

#[test]
fn json_has_one_object_a_line_with_these_fields() {
    let pool = Pool::with_commits(&["one"]);
    let fields = |args: &[&str]| {
        let out = pool.ok([args, &["--format", "json"]].concat());
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
    std::fs::create_dir(pool.root().join("db/commits/stranger")).unwrap();
    let fsck = pool.run(["fsck", "db", "--format", "json"]);
    assert_eq!(fsck.code, 4);
    let finding = json(fsck.out.lines().next().unwrap());
    for name in ["severity", "volume", "subject", "what", "remedy"] {
        assert!(finding.get(name).is_some(), "fsck lacks {name}: {finding}");
    }
}
