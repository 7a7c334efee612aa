//! Where the message, the author and the date of a commit come from, and how they are changed.

use super::harness::{Pool, json};

fn head(pool: &Pool) -> serde_json::Value {
    json(&pool.ok(["log", "-1", "--format", "json"])).remove(0)
}

#[test]
fn a_message_is_read_from_a_file_or_from_standard_input() {
    let pool = Pool::with_volume();
    let said = pool.feed(["commit", "-F", "-"], b"From standard input\n\nwith a body\n");
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(head(&pool)["message"], "From standard input\n\nwith a body");
    std::fs::write(pool.dir().join("message"), "From a file\n").unwrap();
    pool.ok(["commit", "--allow-empty", "-F", "message"]);
    assert_eq!(head(&pool)["message"], "From a file");
    assert!(pool.fails(1, ["commit", "-F", "nosuch"]).contains("cannot read the message from nosuch"));
    assert!(pool.fails(2, ["commit", "-F", "-"]).contains("You must provide a commit message"));
    assert!(pool.fails(2, ["commit"]).contains("You must provide a commit message"));
    assert!(pool.fails(2, ["commit", "-F", "message", "-m", "both"]).contains("cannot be used with"));
}

#[test]
fn a_date_and_an_author_can_be_given() {
    let pool = Pool::with_volume();
    pool.ok(["commit", "-m", "x", "--date", "2020-02-29 12:00", "--author", "Eve <eve@example.org>"]);
    assert_eq!(head(&pool)["date"], "2020-02-29T12:00:00Z");
    assert_eq!(head(&pool)["author"]["name"], "Eve");
    assert!(pool.fails(2, ["commit", "-m", "x", "--date", "whenever"]).contains("is not a date"));
}

#[test]
fn amend_gives_the_newest_commit_other_words_and_keeps_its_tree() {
    let pool = Pool::with_commits(&["one", "tow"]);
    let old = head(&pool);
    pool.write("state", "not committed");
    let id = pool.ok(["commit", "--amend", "-m", "two"]);
    let new = head(&pool);
    assert_eq!((new["id"].as_str().unwrap(), &new["message"]), (id.trim(), &"two".into()));
    assert_eq!((&new["date"], &new["parent"]), (&old["date"], &old["parent"]));
    assert_ne!(new["id"], old["id"]);
    assert_eq!(pool.read("state"), "not committed");
    pool.ok(["reset", "--hard", "HEAD"]);
    assert_eq!(pool.read("state"), "tow");
    let old = old["id"].as_str().unwrap();
    assert_eq!(pool.ok(["rev-parse", "HEAD@{1}"]).trim(), old);
    assert!(pool.ok(["show", old]).contains("    tow\n"));
    pool.ok(["fsck"]);
    assert!(pool.fails(2, ["commit", "--amend"]).contains("You must provide a commit message"));
}

#[test]
fn amend_leaves_what_a_tag_holds() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["tag", "kept"]);
    pool.ok(["commit", "--amend", "-m", "deux", "--author", "Eve"]);
    assert_eq!(pool.ok(["log", "--format", "{subject} {name}"]), "deux Eve\none Ada\n");
    assert_eq!(pool.ok(["log", "kept", "--format", "{subject} {name}"]), "two Ada\none Ada\n");
    pool.ok(["reset", "--hard", "kept"]);
    assert_eq!(pool.read("state"), "two");
    pool.ok(["fsck"]);
}
