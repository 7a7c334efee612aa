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
fn every_verb_can_be_taken_back_and_done_again() {
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
        for _ in 0..2 {
            pool.ok(["undo", volume]);
            let now = outside_trash(&pool);
            assert!(now == before, "{words:?} undone:\n{}", difference(&before, &now));
            let volume = if words[0] == "rename" { "db" } else { volume };
            pool.ok(["redo", volume]);
            let now = outside_trash(&pool);
            assert!(now == after, "{words:?} redone:\n{}", difference(&after, &now));
        }
        pool.ok(["fsck"]);
    }
}

#[test]
fn undo_walks_back_over_all_operations_and_redo_forward_again() {
    let pool = Pool::with_commits(&["one", "two"]);
    let mut states = vec![outside_trash(&pool)];
    for words in [
        &["tag", "-C", "db", "here"][..],
        &["checkout", "-b", "dev", "-C", "db"],
        &["commit", "-m", "three", "db"],
        &["reset", "--hard", "HEAD~2", "db"],
        &["branch", "-C", "db", "-d", "master"],
    ] {
        pool.ok(words);
        states.push(outside_trash(&pool));
    }
    for round in 0..2 {
        for state in states.iter().rev().skip(1) {
            pool.ok(["undo", "db"]);
            let now = outside_trash(&pool);
            assert!(now == *state, "round {round}:\n{}", difference(state, &now));
        }
        for state in states.iter().skip(1) {
            pool.ok(["redo", "db"]);
            let now = outside_trash(&pool);
            assert!(now == *state, "round {round}:\n{}", difference(state, &now));
        }
    }
    pool.fails(1, ["redo", "db"], "nothing to redo in volume db");
    pool.ok(["fsck"]);
}

#[test]
fn each_step_says_what_it_did_and_what_is_next() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["tag", "-C", "db", "here"]);
    let said = pool.ok(["undo", "db"]);
    assert!(said.starts_with("Undid operation 4 of volume db: tag: here"), "{said}");
    assert!(said.contains("; next undo: commit: two (operation 3)\n"), "{said}");
    let said = pool.ok(["undo", "db"]);
    assert!(said.contains("commit: two; next undo: commit: one (operation 2)\n"), "{said}");
    assert!(said.contains(" one (branch master)\n"), "{said}");
    let said = pool.ok(["redo", "db"]);
    assert!(said.starts_with("Redid operation 3 of volume db: commit: two; next redo: tag: here"), "{said}");
    let said = pool.ok(["redo", "db"]);
    assert!(said.contains("; nothing else to redo\n"), "{said}");
    for _ in 0..3 {
        pool.ok(["undo", "db"]);
    }
    let said = pool.ok(["undo", "db"]);
    assert!(said.contains("init: db; nothing else to undo\n"), "{said}");
    pool.fails(1, ["undo", "db"], "nothing to undo in volume db");
    for _ in 0..4 {
        pool.ok(["redo", "db"]);
    }
    assert_eq!((pool.read("db", "state").as_str(), pool.ok(["tag", "-C", "db"])), ("two", "here\n".into()));
}

#[test]
fn a_new_operation_after_an_undo_leaves_nothing_to_redo() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["undo", "db"]);
    pool.ok(["tag", "-C", "db", "here"]);
    let said = pool.fails(1, ["redo", "db"], "nothing to redo in volume db: operation 5 (tag: here");
    assert!(said.contains("came after the last undo") && said.contains("dvol reflog"), "{said}");
    // By its number the undo can be undone all the same, and that is an operation of its own.
    pool.ok(["undo", "db"]);
    pool.fails(1, ["undo", "--operation", "5", "db"], "is undone already");
    pool.ok(["undo", "--operation", "4", "db"]);
    assert_eq!(pool.ok(["log", "--format", "{subject}", "db"]), "two\none\n");
}

#[test]
fn a_name_that_was_deleted_and_made_again_has_one_history() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.write("db", "state", "not committed");
    pool.ok(["rm", "-f", "db"]);
    pool.ok(["init", "db"]);
    pool.write("db", "state", "of the new one");
    let said = pool.ok(["undo", "db"]);
    assert!(said.contains("init: db; next undo: rm: db"), "{said}");
    assert!(!pool.root().join("db").exists());
    pool.ok(["undo", "db"]);
    assert_eq!(pool.read("db", "state"), "not committed");
    pool.ok(["undo", "db"]);
    assert_eq!(pool.ok(["log", "--format", "{subject}", "db"]), "one\n");
    for _ in 0..3 {
        pool.ok(["redo", "db"]);
    }
    assert_eq!(pool.read("db", "state"), "of the new one");
    pool.fails(1, ["redo", "db"], "nothing to redo");
    pool.ok(["fsck"]);
}

#[test]
fn a_volume_that_gets_the_name_of_a_deleted_one_leaves_that_one_its_history() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["init", "other"]);
    pool.ok(["rm", "-f", "db"]);
    pool.ok(["rename", "other", "db"]);
    pool.ok(["undo", "db"]);
    assert!(pool.root().join("other").exists());
    let said = pool.ok(["undo", "db"]);
    assert!(said.contains("rm: db; next undo: commit: one"), "{said}");
    assert_eq!(pool.read("db", "state"), "one");
    pool.ok(["undo", "other"]);
    assert_eq!(pool.ok(["list", "--format", "json"]).lines().count(), 1);
    pool.ok(["fsck"]);
}

#[test]
fn a_deleted_volume_is_listed_and_comes_back_under_another_name() {
    let pool = Pool::with_commits(&["one", "two"]);
    let head = pool.ids("db").swap_remove(0);
    pool.ok(["tag", "-C", "db", "here"]);
    pool.ok(["config", "-C", "db", "containers.quiesce", "pause"]);
    pool.ok(["rm", "-f", "db"]);
    let listed = pool.run(["list", "--deleted"]);
    assert!(listed.err.contains("dvol undo db\n"), "{}", listed.err);
    let missing = pool.fails(1, ["status", "db"], "does not exist");
    assert!(missing.contains("bring the deleted volume back: dvol undo db"), "{missing}");
    pool.ok(["init", "db"]);
    let listed = pool.run(["list", "--deleted"]);
    assert!(listed.err.contains("dvol undo db --as NEW --operation 5"), "{}", listed.err);
    assert!(listed.out.contains(&head[..8]) && listed.out.contains("KiB"), "{}", listed.out);
    let one = json(&pool.ok(["list", "--deleted", "--format", "json"]));
    assert_eq!((&one["volume"], &one["operation"], &one["taken"]), (&"db".into(), &5.into(), &true.into()));
    assert_eq!(one["head"].as_str(), Some(head.as_str()));
    assert!(one["bytes"].as_u64().unwrap() > 0);

    pool.fails(1, ["undo", "db", "--as", "db"], "volume db already exists");
    pool.fails(1, ["undo", "nothing", "--as", "old"], "trash has no deleted volume nothing");
    let said = pool.ok(["undo", "db", "--as", "old"]);
    assert!(said.starts_with("Brought back volume db as old: operation 5, rm: db\n"), "{said}");
    assert_eq!(pool.read("old", "state"), "two");
    assert_eq!(pool.ids("old")[0], head);
    assert_eq!(pool.ok(["tag", "-C", "old"]), "here\n");
    assert_eq!(pool.ok(["config", "-C", "old", "containers.quiesce"]), "pause\n");
    assert_eq!(pool.ok(["log", "db"]), "");
    assert_eq!(pool.ok(["list", "--deleted", "--format", "json"]), "");
    pool.ok(["fsck"]);
    // That can be undone, and done again.
    pool.ok(["undo", "old"]);
    assert!(!pool.root().join("old").exists());
    pool.ok(["redo", "old"]);
    assert_eq!(pool.read("old", "state"), "two");
    pool.ok(["fsck"]);
}

#[test]
fn what_is_gone_from_trash_is_refused_before_anything_changes() {
    let pool = Pool::prepared();
    pool.ok(["reset", "--hard", "HEAD~1", "db"]);
    assert!(pool.ok(["gc", "-n"]).contains("Would free nothing\nKept "));
    let dry = pool.ok(["gc", "--all", "-f", "-n"]);
    assert!(dry.contains("Would free"), "{dry}");
    pool.ok(["gc", "--all", "-f"]);
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
