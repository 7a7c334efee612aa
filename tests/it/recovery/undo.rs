//! Taking operations back: the pool is what it was, and the undo can be undone.

use std::fs;

use support::{difference, state};

use crate::harness::{Pool, json};

/// The state but for what is in trash.
fn outside_trash(pool: &Pool) -> String {
    state(&pool.root())
        .lines()
        .filter(|line| !line.starts_with(".dvol"))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn every_verb_can_be_taken_back_and_the_taking_back_too() {
    let verbs: [(&[&str], &str); 12] = [
        (&["init", "fresh"], "fresh"),
        (&["commit", "-m", "more", "db"], "db"),
        (&["commit", "--amend", "-m", "better", "db"], "db"),
        (&["reset", "--hard", "HEAD~1", "db"], "db"),
        (&["checkout", "-f", "dev", "db"], "db"),
        (&["checkout", "-b", "fresh", "db"], "db"),
        (&["checkout", "-f", "-B", "dev", "HEAD~1", "db"], "db"),
        (&["branch", "-d", "spare", "db"], "db"),
        (&["branch", "-D", "dev", "db"], "db"),
        (&["tag", "-C", "db", "here"], "db"),
        (&["rename", "db", "data"], "data"),
        (&["rm", "-f", "db"], "db"),
    ];
    for (words, volume) in verbs {
        let pool = Pool::prepared();
        let before = outside_trash(&pool);
        pool.ok(words);
        let after = outside_trash(&pool);
        assert!(before != after, "{words:?} changes nothing");
        for round in 0..2 {
            let volume = if words[0] == "rename" && round > 0 { "data" } else { volume };
            pool.ok(["undo", volume]);
            let now = outside_trash(&pool);
            assert!(now == before, "{words:?} undone:\n{}", difference(&before, &now));
            let volume = if words[0] == "rename" { "db" } else { volume };
            pool.ok(["undo", volume]);
            let now = outside_trash(&pool);
            assert!(now == after, "{words:?} redone:\n{}", difference(&after, &now));
        }
        pool.ok(["fsck"]);
    }
}

#[test]
fn what_is_gone_from_trash_is_refused_before_anything_changes() {
    let pool = Pool::prepared();
    pool.ok(["reset", "--hard", "HEAD~1", "db"]);
    assert!(pool.ok(["gc", "-n"]).contains("Would free nothing\nKept "));
    let dry = pool.ok(["gc", "--all", "-n"]);
    assert!(dry.contains("Would free"), "{dry}");
    pool.ok(["gc", "--all"]);
    let before = state(&pool.root());
    pool.fails(1, ["undo", "db"], "deleted from trash");
    assert_eq!(state(&pool.root()), before);
    pool.ok(["fsck"]);
}

#[test]
fn what_was_changed_since_is_refused() {
    let pool = Pool::prepared();
    pool.ok(["commit", "-m", "more", "db"]);
    let number = last(&pool);
    pool.ok(["commit", "-m", "still more", "db"]);
    let before = state(&pool.root());
    pool.fails(1, ["undo", "--operation", &number, "db"], "was changed since");
    assert_eq!(state(&pool.root()), before);
}

/// The number of the last operation.
fn last(pool: &Pool) -> String {
    json(&pool.ok(["reflog", "--format", "json", "-n", "1", "db"]))["operation"].to_string()
}

#[test]
fn what_would_leave_a_branch_or_a_tag_without_its_commit_is_refused() {
    let made_since: [&[&str]; 3] = [
        &["tag", "-C", "db", "here"],
        &["branch", "-C", "db", "more"],
        &["commit", "-m", "still more", "db"],
    ];
    for words in made_since {
        let pool = Pool::prepared();
        pool.ok(["commit", "-m", "more", "db"]);
        let number = last(&pool);
        pool.ok(words);
        refused(&pool, &number);
    }
    // The other way round: a branch whose commit was dropped after it was deleted.
    let pool = Pool::prepared();
    pool.ok(["branch", "-d", "spare", "db"]);
    let number = last(&pool);
    pool.ok(["branch", "-D", "dev", "db"]);
    pool.ok(["reset", "--hard", "HEAD~1", "db"]);
    refused(&pool, &number);
}

fn refused(pool: &Pool, number: &str) {
    let before = state(&pool.root());
    let told = pool.fails(1, ["undo", "--operation", number, "db"], "");
    assert!(told.contains("which would not be there") || told.contains("was changed since"), "{told}");
    assert_eq!(state(&pool.root()), before);
    pool.ok(["fsck"]);
}

#[test]
fn a_reset_says_the_way_back_and_what_was_not_committed_comes_back() {
    let pool = Pool::prepared();
    let reset = pool.run(["reset", "--hard", "HEAD", "db"]).err;
    assert!(reset.contains("dvol undo"), "{reset}");
    assert!(!pool.root().join("db/branches/master/new").exists());
    pool.ok(["undo", "db"]);
    assert_eq!(fs::read_to_string(pool.root().join("db/branches/master/new")).unwrap(), "not committed");
}

#[test]
fn trash_over_its_size_goes_oldest_first() {
    let pool = Pool::prepared();
    for _ in 0..3 {
        fs::write(pool.root().join("db/branches/master/big"), vec![b'x'; 100_000]).unwrap();
        pool.ok(["reset", "--hard", "HEAD", "db"]);
    }
    let trash = || fs::read_dir(pool.root().join(".dvol/trash")).unwrap().count();
    assert_eq!(trash(), 3);
    pool.ok(["config", "trash.max-size", "150K"]);
    pool.ok(["gc"]);
    assert_eq!(trash(), 1);
    pool.ok(["undo", "db"]);
    assert!(pool.root().join("db/branches/master/big").exists());
}
