//! `volume.max-size`: what takes more is not committed, and becomes no volume.

use std::fs;

use crate::harness::{Pool, json_lines};

/// A pool whose volume `db` has a commit, and then a working tree of some 200 KiB; its limit is
/// 100.
fn too_large() -> Pool {
    let pool = Pool::with_commits(&["small"]);
    pool.ok(["config", "-C", "db", "volume.max-size", "100kb"]);
    pool.write("db", "large", &"x".repeat(200 << 10));
    pool
}

fn nothing_is_left(pool: &Pool) {
    assert_eq!(fs::read_dir(pool.root().join(".dvol/staging")).unwrap().count(), 0);
    pool.ok(["fsck"]);
}

#[test]
fn a_tree_over_the_limit_is_not_committed_and_the_engine_is_not_asked() {
    let pool = too_large();
    // An engine that is not there: whoever asked it would say so.
    let mut command = pool.command_with(&pool.dir().join("no.sock"), ["commit", "-m", "large"]);
    let said = crate::harness::Said::from(command.output().unwrap());
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.starts_with("error: the tree takes 2"), "{said:?}");
    assert!(said.err.contains(" KiB, volume db may take 100.0 KiB\n"), "{said:?}");
    assert!(said.err.contains("hint: ") && said.err.contains("dvol config -C db volume.max-size SIZE"));
    nothing_is_left(&pool);
    assert_eq!(pool.ok(["log", "--format", "%s"]), "small\n");
    assert_eq!(pool.read("db", "large").len(), 200 << 10);

    // Only the tree of a new commit counts: other words and all ways back are there.
    pool.ok(["commit", "--amend", "-m", "still small"]);
    pool.ok(["config", "-C", "db", "volume.max-size", "1G"]);
    pool.ok(["commit", "-m", "large"]);
    pool.ok(["config", "-C", "db", "volume.max-size", "100K"]);
    pool.ok(["reset", "--hard", "HEAD^"]);
    pool.ok(["reset", "--hard", "HEAD@{1}"]);
    pool.fails(1, ["commit", "-m", "again"], "may take 100.0 KiB");
    // None is no limit.
    pool.ok(["config", "-C", "db", "volume.max-size", ""]);
    pool.ok(["commit", "-m", "again"]);
}

#[test]
fn a_project_is_committed_as_a_whole_or_not_at_all() {
    let pool = Pool::empty();
    for volume in ["shop_cache", "shop_db"] {
        pool.ok(["init", volume]);
        fs::write(pool.root().join(volume).join("running_point/state"), vec![1; 50 << 10]).unwrap();
    }
    // The last one; the first has no limit of its own and keeps that of the pool.
    pool.ok(["config", "volume.max-size", "1T"]);
    pool.ok(["config", "-C", "shop_db", "volume.max-size", "10K"]);
    pool.fails(1, ["commit", "--project", "shop", "-m", "one"], "volume shop_db may take 10.0 KiB");
    for volume in ["shop_cache", "shop_db"] {
        assert_eq!(pool.ok(["log", "-C", volume]), "");
    }
    nothing_is_left(&pool);
}

#[test]
fn what_is_too_large_becomes_no_volume() {
    let pool = Pool::with_volume();
    pool.write("db", "large", &"x".repeat(200 << 10));
    pool.ok(["commit", "-m", "large"]);
    pool.ok(["export", "db", "db.tar"]);
    // The limit of the volume it comes from is not that of the new one, the pool's is.
    pool.ok(["config", "-C", "db", "volume.max-size", "1K"]);
    pool.ok(["clone", "db", "copy"]);
    pool.ok(["config", "volume.max-size", "100K"]);
    for words in [&["clone", "db", "other"][..], &["import", "db.tar", "other"]] {
        pool.fails(1, words, "volume other may take 100.0 KiB");
        assert!(!pool.root().join("other").exists());
        nothing_is_left(&pool);
    }
    pool.ok(["config", "volume.max-size", "300K"]);
    pool.ok(["clone", "db", "other"]);
    pool.ok(["import", "db.tar", "another"]);
}

#[test]
fn status_and_inspect_tell_the_limit_and_what_is_used_of_it() {
    let pool = too_large();
    let status = pool.ok(["status"]);
    assert!(status.contains(" KiB of 100.0 KiB: too much to commit\n"), "{status}");
    pool.ok(["config", "-C", "db", "volume.max-size", "1M"]);
    let status = pool.ok(["status"]);
    assert!(status.contains(" KiB of 1.0 MiB\n"), "{status}");
    let told = |verb: &str| {
        let told = json_lines(&pool.ok([verb, "db", "--format", "json"])).remove(0);
        (told["max_size"].clone(), told["allocated"].clone())
    };
    let du = json_lines(&pool.ok(["du", "db", "--format", "json"]));
    let tree = du.iter().find(|line| line["kind"] == "branch").unwrap();
    for verb in ["status", "inspect"] {
        assert_eq!(told(verb), (serde_json::json!(1 << 20), tree["allocated"].clone()), "{verb}");
    }
    pool.ok(["config", "-C", "db", "--unset", "volume.max-size"]);
    for verb in ["status", "inspect"] {
        assert_eq!(told(verb), (serde_json::Value::Null, serde_json::Value::Null), "{verb}");
    }
    assert!(!pool.ok(["status"]).contains("Uses "));
}

#[test]
fn a_limit_goes_and_comes_back_with_its_volume() {
    let pool = too_large();
    let limit = |volume: &str| pool.ok(["config", "-C", volume, "volume.max-size"]);
    pool.ok(["rename", "db", "shop"]);
    assert_eq!(limit("shop"), "100kb\n");
    pool.ok(["rm", "-f", "shop"]);
    pool.ok(["init", "shop"]);
    assert_eq!(pool.fails(1, ["config", "-C", "shop", "volume.max-size"], ""), "");
    pool.ok(["rm", "-f", "shop"]);
    pool.ok(["undo", "shop"]);
    pool.ok(["undo", "shop"]);
    for size in ["10X", "1.5G", "much"] {
        pool.fails(2, ["config", "-C", "shop", "volume.max-size", size], "such as 20G");
    }
}
