//! Taking operations back: the pool is what it was, and the undo can be undone.

use std::fs;
use std::path::Path;

use crate::scene::{Run, prepare, told, workshop};
use crate::state::{difference, state};

/// The state but for what is in trash.
fn outside_trash(pool: &Path) -> String {
    state(pool).lines().filter(|line| !line.starts_with(".dvol")).map(|line| format!("{line}\n")).collect()
}

fn run(pool: &Path, ids: u32) -> Run<'_> {
    Run { pool, engine: None, ids }
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
        let workshop = workshop();
        let pool = prepare(workshop.path().join("pool"));
        let before = outside_trash(&pool);
        run(&pool, 200_000).must(words);
        let after = outside_trash(&pool);
        assert!(before != after, "{words:?} changes nothing");
        for round in 0..2 {
            let volume = if words[0] == "rename" && round > 0 { "data" } else { volume };
            run(&pool, 300_000 + round * 1000).must(&["undo", volume]);
            let now = outside_trash(&pool);
            assert!(now == before, "{words:?} undone:\n{}", difference(&before, &now));
            let volume = if words[0] == "rename" { "db" } else { volume };
            run(&pool, 400_000 + round * 1000).must(&["undo", volume]);
            let now = outside_trash(&pool);
            assert!(now == after, "{words:?} redone:\n{}", difference(&after, &now));
        }
        run(&pool, 1).must(&["fsck"]);
    }
}

#[test]
fn what_is_gone_from_trash_is_refused_before_anything_changes() {
    let workshop = workshop();
    let pool = prepare(workshop.path().join("pool"));
    run(&pool, 200_000).must(&["reset", "--hard", "HEAD~1", "db"]);
    assert!(told(&run(&pool, 1).must(&["gc", "-n"])).contains("Would free nothing\nKept "));
    let dry = run(&pool, 1).must(&["gc", "--all", "-n"]);
    assert!(told(&dry).contains("Would free"), "{}", told(&dry));
    run(&pool, 1).must(&["gc", "--all"]);
    let before = state(&pool);
    let refused = run(&pool, 300_000).run(&["undo", "db"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(told(&refused).contains("deleted from trash"), "{}", told(&refused));
    assert_eq!(state(&pool), before);
    run(&pool, 1).must(&["fsck"]);
}

#[test]
fn what_was_changed_since_is_refused() {
    let workshop = workshop();
    let pool = prepare(workshop.path().join("pool"));
    run(&pool, 200_000).must(&["commit", "-m", "more", "db"]);
    let reflog = run(&pool, 1).must(&["reflog", "--format", "json", "-n", "1", "db"]);
    let number =
        serde_json::from_slice::<serde_json::Value>(&reflog.stdout).unwrap()["operation"].to_string();
    run(&pool, 210_000).must(&["commit", "-m", "still more", "db"]);
    let before = state(&pool);
    let refused = run(&pool, 300_000).run(&["undo", "--operation", &number, "db"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(told(&refused).contains("was changed since"), "{}", told(&refused));
    assert_eq!(state(&pool), before);
}

/// The number of the last operation.
fn last(pool: &Path) -> String {
    let reflog = run(pool, 1).must(&["reflog", "--format", "json", "-n", "1", "db"]);
    serde_json::from_slice::<serde_json::Value>(&reflog.stdout).unwrap()["operation"].to_string()
}

#[test]
fn what_would_leave_a_branch_or_a_tag_without_its_commit_is_refused() {
    let made_since: [&[&str]; 3] = [
        &["tag", "-C", "db", "here"],
        &["branch", "-C", "db", "more"],
        &["commit", "-m", "still more", "db"],
    ];
    for words in made_since {
        let workshop = workshop();
        let pool = prepare(workshop.path().join("pool"));
        run(&pool, 200_000).must(&["commit", "-m", "more", "db"]);
        let number = last(&pool);
        run(&pool, 210_000).must(words);
        refused(&pool, &number);
    }
    // The other way round: a branch whose commit was dropped after it was deleted.
    let workshop = workshop();
    let pool = prepare(workshop.path().join("pool"));
    run(&pool, 200_000).must(&["branch", "-d", "spare", "db"]);
    let number = last(&pool);
    run(&pool, 210_000).must(&["branch", "-D", "dev", "db"]);
    run(&pool, 220_000).must(&["reset", "--hard", "HEAD~1", "db"]);
    refused(&pool, &number);
}

fn refused(pool: &Path, number: &str) {
    let before = state(pool);
    let refused = run(pool, 300_000).run(&["undo", "--operation", number, "db"]);
    let told = told(&refused);
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("which would not be there") || told.contains("was changed since"), "{told}");
    assert_eq!(state(pool), before);
    run(pool, 1).must(&["fsck"]);
}

#[test]
fn a_reset_says_the_way_back_and_what_was_not_committed_comes_back() {
    let workshop = workshop();
    let pool = prepare(workshop.path().join("pool"));
    let reset = run(&pool, 200_000).must(&["reset", "--hard", "HEAD", "db"]);
    assert!(told(&reset).contains("dvol undo"), "{}", told(&reset));
    assert!(!pool.join("db/branches/master/new").exists());
    run(&pool, 210_000).must(&["undo", "db"]);
    assert_eq!(fs::read_to_string(pool.join("db/branches/master/new")).unwrap(), "not committed");
}

#[test]
fn trash_over_its_size_goes_oldest_first() {
    let workshop = workshop();
    let pool = prepare(workshop.path().join("pool"));
    for ids in [200_000, 210_000, 220_000] {
        fs::write(pool.join("db/branches/master/big"), vec![b'x'; 100_000]).unwrap();
        run(&pool, ids).must(&["reset", "--hard", "HEAD", "db"]);
    }
    let trash = || fs::read_dir(pool.join(".dvol/trash")).unwrap().count();
    assert_eq!(trash(), 3);
    run(&pool, 1).must(&["config", "trash.max-size", "150K"]);
    run(&pool, 1).must(&["gc"]);
    assert_eq!(trash(), 1);
    run(&pool, 300_000).must(&["undo", "db"]);
    assert!(pool.join("db/branches/master/big").exists());
}
