//! Forgetting the data of old commits, by name, by rule and after each commit.

use std::fs;

use support::LoopImage;

use crate::harness::{Pool, commit_trees, json, json_lines};

fn subjects(pool: &Pool) -> String {
    pool.ok(["log", "--format", "{subject}", "db"]).replace('\n', " ")
}

/// The subjects of the commits that keep their data, newest first.
fn with_data(pool: &Pool) -> String {
    let log = json_lines(&pool.ok(["log", "--format", "json", "db"]));
    let kept = log.iter().filter(|commit| commit["forgotten"] != true);
    kept.map(|commit| format!("{} ", commit["message"].as_str().unwrap().trim())).collect()
}

#[test]
fn a_forgotten_commit_stays_in_the_log_and_comes_back_while_trash_has_it() {
    let pool = Pool::with_commits(&["one", "two", "three"]);
    let ids = pool.ids("db");
    let dry = pool.ok(["forget", "-n", "HEAD~1", "db"]);
    assert!(dry.contains("Would forget 1 commit of volume db") && dry.contains(" two\n"), "{dry}");
    assert_eq!(with_data(&pool), "three two one ");
    let said = pool.run(["forget", "HEAD~1", "db"]);
    assert!(said.err.contains("dvol undo db") && said.err.contains("dvol gc --all db"), "{said:?}");
    assert_eq!((subjects(&pool), with_data(&pool)), ("three two one ".into(), "three one ".into()));
    assert_eq!(commit_trees(&pool, "db"), 2);
    assert!(pool.ok(["log", "--decorate", "--oneline", "db"]).contains("(forgotten) two"));
    pool.ok(["fsck"]);
    pool.ok(["fsck", "--deep"]);
    pool.ok(["du", "db"]);
    // Trash has it, so it can be read, and a reset brings it back.
    assert!(pool.ok(["diff", &ids[1], "HEAD"]).contains("-two"));
    assert!(pool.ok(["log", "--stat", "db"]).contains("state | 2 +-"));
    pool.ok(["clone", &format!("db:{}", ids[1]), "copy"]);
    assert_eq!(pool.read("copy", "state"), "two");
    pool.ok(["reset", "--hard", "HEAD~1", "db"]);
    assert_eq!((pool.read("db", "state"), with_data(&pool)), ("two".into(), "two one ".into()));
    pool.ok(["fsck"]);
    for _ in 0..2 {
        pool.ok(["undo", "db"]);
    }
    assert_eq!((pool.read("db", "state"), with_data(&pool)), ("three".into(), "three two one ".into()));
    pool.ok(["redo", "db"]);
    assert_eq!(with_data(&pool), "three one ");
    pool.ok(["fsck"]);
}

#[test]
fn what_trash_has_lost_is_said_and_the_log_goes_on() {
    let pool = Pool::with_commits(&["one", "two", "three"]);
    let id = pool.ids("db").swap_remove(1);
    pool.ok(["forget", "HEAD~1", "db"]);
    pool.ok(["gc", "--all", "-f"]);
    for words in [
        &["reset", "--hard", "HEAD~1", "db"][..],
        &["tag", "-C", "db", "old", "HEAD~1"],
        &["clone", "db:HEAD~1", "copy"],
        &["diff", "HEAD~1", "HEAD"],
        &["export", "db:HEAD~1", "old.tar"],
    ] {
        let said = pool.fails(1, words, &format!("the data of {} is gone", &id[..8]));
        assert!(said.contains("(forget: "), "{said}");
    }
    pool.fails(1, ["undo", "db"], "deleted from trash for good");
    assert_eq!(subjects(&pool), "three two one ");
    assert_eq!(pool.ok(["rev-parse", "HEAD~1"]).trim(), id);
    assert_eq!(pool.ok(["log", "--format", "{subject}", "HEAD~1"]), "two\none\n");
    pool.ok(["log", "--stat"]);
    pool.ok(["show", "HEAD~1"]);
    pool.ok(["show"]);
    pool.ok(["fsck", "--deep"]);
    // What needs it is refused before anything changes.
    let number = json_lines(&pool.ok(["reflog", "--format", "json", "db"]))[1]["operation"].to_string();
    pool.fails(1, ["undo", "--operation", &number, "db"], "which would not be there");
    pool.ok(["rename", "db", "shop"]);
    pool.ok(["rm", "-f", "shop"]);
    pool.ok(["undo", "shop"]);
    pool.ok(["fsck"]);
}

#[test]
fn heads_and_tagged_commits_keep_their_data() {
    let pool = Pool::with_commits(&["one", "two", "three", "four"]);
    pool.ok(["branch", "-C", "db", "dev", "HEAD~1"]);
    pool.ok(["tag", "-C", "db", "v1", "HEAD~2"]);
    pool.fails(1, ["forget", "HEAD"], "it is the head of branch master");
    pool.fails(1, ["forget", "HEAD~3", "dev"], "it is the head of branch dev");
    pool.fails(1, ["forget", "v1"], "tag v1 names it");
    pool.fails(2, ["forget"], "name the commits to forget");
    assert_eq!(with_data(&pool), "four three two one ");
    let done = json(&pool.ok(["forget", "--keep-tag", "w*", "--format", "json"]));
    assert_eq!((&done["kept"], &done["commits"][0]["subject"]), (&3.into(), &"one".into()));
    assert!(done["bytes"].as_u64().unwrap() > 0);
    assert_eq!(with_data(&pool), "four three two ");
    assert!(pool.ok(["forget", "--keep-last", "1", "db"]).contains("Forgot nothing of volume db\nKept 3"));
    pool.ok(["fsck"]);
}

#[test]
fn rules_keep_the_newest_of_each_hour_and_what_is_young() {
    let pool = Pool::with_volume();
    for (n, date) in ["2024-01-01 09:00", "2024-01-01 21:00", "2024-01-02 10:10", "2024-01-02 10:50"]
        .into_iter()
        .enumerate()
    {
        pool.ok(["commit", "-C", "db", "-m", &n.to_string(), "--date", date]);
    }
    for (rules, kept) in [
        (&["--keep-hourly", "3"][..], "3 1 0 "),
        (&["--keep-daily", "9"], "3 1 "),
        (&["--keep-within", "1h"], "3 2 "),
        (&["--keep-last", "2", "--keep-yearly", "1"], "3 2 "),
    ] {
        pool.ok([&["forget", "-C", "db"][..], rules].concat());
        assert_eq!(with_data(&pool), kept, "{rules:?}");
        pool.ok(["undo", "db"]);
        assert_eq!(with_data(&pool), "3 2 1 0 ");
    }
    pool.fails(2, ["forget", "--keep-last", "0", "db"], "0");
    pool.fails(2, ["forget", "--keep-within", "soon", "db"], "is not a duration");
    pool.fails(2, ["config", "commits.keep", "last=much"], "last=20,daily=7");
}

#[test]
fn commits_keep_applies_after_each_commit_and_an_undo_brings_both_back() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["tag", "-C", "db", "first", "HEAD~1"]);
    pool.ok(["config", "-C", "db", "commits.keep", "last=2"]);
    pool.commit("three");
    assert_eq!(with_data(&pool), "three two one ");
    pool.commit("four");
    assert_eq!((subjects(&pool), with_data(&pool)), ("four three two one ".into(), "four three one ".into()));
    pool.ok(["undo", "db"]);
    assert_eq!((subjects(&pool), with_data(&pool)), ("three two one ".into(), "three two one ".into()));
    pool.ok(["redo", "db"]);
    assert_eq!(with_data(&pool), "four three one ");
    pool.ok(["fsck"]);
    // Where trash has lost what a commit forgot, the commit can be undone all the same.
    pool.ok(["gc", "--all", "-f"]);
    pool.ok(["undo", "db"]);
    assert_eq!((subjects(&pool), with_data(&pool)), ("three two one ".into(), "three one ".into()));
    pool.ok(["redo", "db"]);
    pool.ok(["fsck"]);
}

#[test]
fn a_pool_stays_small_through_commits_without_end_by_two_settings_alone() {
    // `DVOL_COMMITS=1000` makes so many.
    let commits: usize = std::env::var("DVOL_COMMITS").map_or(60, |text| text.parse().unwrap());
    let Some(small) = LoopImage::new("ext4", &["-q", "-F"], 64) else { return };
    let pool = Pool::inside(&small.path());
    pool.ok(["init", "db"]);
    pool.ok(["config", "commits.keep", "last=5"]);
    pool.ok(["config", "trash.max-size", "4M"]);
    let mut largest = 0;
    for n in 0..commits {
        let byte = u8::try_from(n % 251).unwrap();
        fs::write(pool.file("db", "data"), vec![byte; 2 << 20]).unwrap();
        pool.ok(["commit", "-m", &n.to_string()]);
        largest = largest.max(dvol::sys::tree::measure_tree(&pool.root()).unwrap().blocks);
    }
    println!("{commits} commits of 2.0 MiB: at most {} KiB in the pool", largest / 1024);
    // One working tree, five commits, and trash; the metadata grows by a record for each commit.
    assert!(largest < 24 << 20, "{largest}");
    assert_eq!(pool.ok(["log", "--format", "{subject}"]).lines().count(), commits);
    assert_eq!(commit_trees(&pool, "db"), 5);
    pool.ok(["reset", "--hard", "HEAD~4"]);
    pool.ok(["fsck"]);
}
