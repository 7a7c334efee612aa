//! Commits that an operation dropped: named, read and brought back for as long as trash holds them.

use crate::harness::{Pool, json_lines};

/// Commits one to four, then back to one.
fn reset_to_the_first() -> (Pool, Vec<String>) {
    let pool = Pool::with_volume();
    let ids = ["one", "two", "three", "four"].map(|message| pool.commit(message)).to_vec();
    pool.ok(["reset", "--hard", &ids[0]]);
    (pool, ids)
}

fn subjects(pool: &Pool, words: &[&str]) -> String {
    let all = [&["log", "--format", "{subject}"], words].concat();
    pool.ok(all).replace('\n', " ")
}

#[test]
fn what_a_reset_dropped_can_be_read_by_all_its_names() {
    let (pool, ids) = reset_to_the_first();
    for name in ["ORIG_HEAD", "HEAD@{1}", &ids[3], &ids[3][..10], "db:ORIG_HEAD"] {
        assert_eq!(pool.ok(["rev-parse", name]).trim(), ids[3], "{name}");
        assert_eq!(subjects(&pool, &[name]), "four three two one ", "{name}");
    }
    assert_eq!(subjects(&pool, &["ORIG_HEAD~2"]), "two one ");
    assert_eq!(subjects(&pool, &["HEAD..ORIG_HEAD"]), "four three two ");
    assert_eq!(subjects(&pool, &["--all"]), "one ");
    let decorated = pool.ok(["log", "--decorate", "--oneline", "ORIG_HEAD"]);
    assert_eq!(decorated.matches(" (dropped) ").count(), 3, "{decorated}");
    assert_eq!(json_lines(&pool.ok(["show", "ORIG_HEAD", "--format", "json"]))[0]["dropped"], true);
    assert!(!pool.ok(["log", "--decorate"]).contains("dropped"));
    assert!(pool.ok(["log", "--stat", "ORIG_HEAD"]).contains("state | 2 +-"));
    assert!(pool.ok(["diff", "HEAD", "ORIG_HEAD"]).contains("+four"));
    assert!(pool.ok(["diff", "ORIG_HEAD~1"]).contains("-three"));
    pool.ok(["clone", "db:ORIG_HEAD", "copy"]);
    assert_eq!(std::fs::read_to_string(pool.root().join("copy/running_point/state")).unwrap(), "four");
    pool.ok(["export", "db:ORIG_HEAD^", "three.tar"]);
    pool.ok(["import", "three.tar", "third"]);
    assert_eq!(std::fs::read_to_string(pool.root().join("third/running_point/state")).unwrap(), "three");
    pool.ok(["fsck"]);
}

#[test]
fn each_verb_that_takes_a_commit_brings_it_back_with_what_it_is_based_on() {
    for words in [
        &["reset", "--hard", "ORIG_HEAD"][..],
        &["branch", "back", "HEAD@{1}"],
        &["tag", "back", "ORIG_HEAD"],
        &["checkout", "-b", "back", "ORIG_HEAD"],
        &["checkout", "-B", "master", "ORIG_HEAD"],
    ] {
        let (pool, ids) = reset_to_the_first();
        pool.ok(words);
        assert_eq!(subjects(&pool, &["--all"]), "four three two one ", "{words:?}");
        assert!(!pool.ok(["log", "--all", "--decorate"]).contains("dropped"));
        pool.ok(["fsck"]);
        pool.ok(["reset", "--hard", &ids[2]]);
        assert_eq!(pool.read("db", "state"), "three", "{words:?}");
        pool.ok(["reset", "--hard", "ORIG_HEAD"]);
        pool.ok(["fsck"]);
    }
}

#[test]
fn bringing_back_can_be_undone_and_what_dropped_it_too() {
    let (pool, ids) = reset_to_the_first();
    let dropping =
        json_lines(&pool.ok(["reflog", "-n", "1", "--format", "json"]))[0]["operation"].to_string();
    pool.write("db", "state", "not committed");
    pool.ok(["reset", "--hard", "ORIG_HEAD~1"]);
    // On `three` now, `four` is dropped still; the reset that dropped it cannot simply be undone.
    assert_eq!(pool.read("db", "state"), "three");
    pool.fails(1, ["undo", "--operation", &dropping], "changed since");
    pool.ok(["undo"]);
    assert_eq!(
        (pool.read("db", "state"), subjects(&pool, &["--all"])),
        ("not committed".into(), "one ".into())
    );
    pool.ok(["redo"]);
    assert_eq!(
        (pool.read("db", "state"), subjects(&pool, &["--all"])),
        ("three".into(), "three two one ".into())
    );
    pool.ok(["undo"]);
    pool.ok(["undo", "--operation", &dropping]);
    assert_eq!(
        (pool.read("db", "state"), subjects(&pool, &[])),
        ("four".into(), "four three two one ".into())
    );
    pool.ok(["reset", "--hard", &ids[1]]);
    pool.ok(["reset", "--hard", &ids[3]]);
    assert_eq!(pool.read("db", "state"), "four");
    pool.ok(["fsck"]);
}

#[test]
fn an_amended_commit_has_its_old_words_and_its_tree() {
    let pool = Pool::with_commits(&["one", "tow"]);
    pool.ok(["commit", "--amend", "-m", "two"]);
    pool.ok(["commit", "--amend", "-m", "zwei"]);
    assert_eq!(subjects(&pool, &["HEAD@{2}"]), "tow one ");
    assert!(pool.ok(["diff", "HEAD@{2}", "HEAD"]).is_empty());
    pool.ok(["tag", "first", "HEAD@{2}"]);
    pool.ok(["fsck"]);
    pool.ok(["reset", "--hard", "HEAD^"]);
    // The tree of `two` went to `zwei`, and with that to trash.
    assert_eq!(subjects(&pool, &["HEAD@{2}"]), "two one ");
    pool.ok(["reset", "--hard", "HEAD@{2}"]);
    assert_eq!((pool.read("db", "state"), subjects(&pool, &[])), ("tow".into(), "two one ".into()));
    pool.ok(["reset", "--hard", "first"]);
    assert_eq!((pool.read("db", "state"), subjects(&pool, &[])), ("tow".into(), "tow one ".into()));
    pool.ok(["fsck"]);
}

#[test]
fn what_trash_has_lost_is_refused_and_nothing_changes() {
    let (pool, ids) = reset_to_the_first();
    pool.ok(["gc", "--all", "-f"]);
    for words in [
        &["show", "ORIG_HEAD"][..],
        &["reset", "--hard", "ORIG_HEAD"],
        &["reset", "--hard", &ids[3]],
        &["tag", "back", "HEAD@{1}"],
    ] {
        let error = pool.fails(1, words, "trash no longer holds it");
        assert!(error.contains("trash.keep"), "{error}");
    }
    assert_eq!(subjects(&pool, &["--all"]), "one ");
    pool.ok(["fsck"]);
}

#[test]
fn a_commit_that_is_there_goes_before_a_dropped_one() {
    let (pool, ids) = reset_to_the_first();
    let shared = ids[0].bytes().zip(ids[3].bytes()).take_while(|(a, b)| a == b).count();
    assert_eq!(pool.ok(["rev-parse", &ids[0][..shared.max(4)]]).trim(), ids[0]);
    pool.fails(1, ["rev-parse", "ffff"], "ffff");
}

/// Checks that each commit that the reflog prints resolves, by its id and by `HEAD@{N}`.
fn resolves_all(pool: &Pool, volume: &str) {
    let entries = json_lines(&pool.ok(["reflog", "--format", "json", volume]));
    let mut resolved = 0;
    for entry in entries.iter().filter(|entry| entry["head"].is_u64()) {
        let Some(id) = entry["after"].as_str() else { continue };
        let name = format!("HEAD@{{{}}}", entry["head"]);
        for name in [name.as_str(), id, &id[..8]] {
            assert_eq!(pool.ok(["rev-parse", "-C", volume, name]).trim(), id, "{name}: {entry}");
        }
        resolved += 1;
    }
    assert!(resolved > 2, "{entries:?}");
}

#[test]
fn what_reflog_prints_resolves_also_when_the_volume_was_deleted_and_made_again() {
    let (pool, ids) = reset_to_the_first();
    pool.ok(["undo", "db"]);
    resolves_all(&pool, "db");
    pool.ok(["rm", "-f", "db"]);
    pool.ok(["init", "db"]);
    resolves_all(&pool, "db");
    assert_eq!(pool.ok(["rev-parse", "HEAD@{1}"]).trim(), ids[3]);
    assert_eq!(subjects(&pool, &["HEAD@{1}"]), "four three two one ");
    pool.ok(["clone", "db:HEAD@{1}", "copy"]);
    assert_eq!(pool.read("copy", "state"), "four");
    // A reset brings it back with what it is based on; the rest of the deleted volume stays whole.
    pool.ok(["reset", "--hard", &ids[2]]);
    assert_eq!((pool.read("db", "state"), subjects(&pool, &[])), ("three".into(), "three two one ".into()));
    pool.ok(["fsck"]);
    pool.fails(1, ["undo", "db", "--as", "old"], "was brought back since");
    for expected in ["reset", "init", "rm"] {
        let said = pool.ok(["undo", "db"]);
        assert!(said.contains(&format!("volume db: {expected}: ")), "{said}");
    }
    assert_eq!(
        (pool.read("db", "state"), subjects(&pool, &["db"])),
        ("four".into(), "four three two one ".into())
    );
    pool.ok(["fsck"]);
}

#[test]
fn what_reflog_prints_resolves_also_after_a_rename() {
    let (pool, ids) = reset_to_the_first();
    pool.ok(["commit", "--amend", "-m", "first", "db"]);
    pool.ok(["rename", "db", "shop"]);
    resolves_all(&pool, "shop");
    pool.ok(["reset", "--hard", &ids[3], "shop"]);
    assert_eq!(pool.read("shop", "state"), "four");
    pool.ok(["fsck"]);
    // A new volume of the old name has nothing of that.
    pool.ok(["init", "db"]);
    pool.fails(1, ["show", &ids[3], "db"], &ids[3]);
}

#[test]
fn a_commit_comes_back_though_the_data_of_what_it_is_based_on_is_gone() {
    let (pool, ids) = reset_to_the_first();
    pool.ok(["reset", "--hard", &ids[2]]);
    pool.ok(["forget", &ids[1], &ids[0], "db"]);
    pool.ok(["gc", "--all", "-f"]);
    pool.ok(["commit", "-m", "more"]);
    pool.ok(["rm", "-f", "db"]);
    pool.ok(["init", "db"]);
    pool.ok(["reset", "--hard", &ids[2]]);
    assert_eq!(pool.read("db", "state"), "three");
    let log = pool.ok(["log", "--oneline", "--decorate"]);
    assert_eq!(log.matches("forgotten").count(), 2, "{log}");
    pool.ok(["fsck"]);
}
