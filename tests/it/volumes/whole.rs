//! Verbs on whole volumes: inspect, rename, clone.

use crate::harness::{Pool, json_lines};

#[test]
fn inspect_tells_all_of_a_volume_as_json() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["tag", "v1", "HEAD~1"]);
    pool.ok(["config", "-C", "db", "user.name", "Db"]);
    let all: serde_json::Value = serde_json::from_str(&pool.ok(["inspect"])).unwrap();
    let db = &all[0];
    assert_eq!(db["volume"], "db");
    assert_eq!(db["created"], "2024-05-01T10:01:00Z");
    assert_eq!(db["commits"], 2);
    assert_eq!(db["tags"]["v1"], "00000201000000000000000000000000");
    assert_eq!(db["branches"]["master"], db["head"]);
    assert_eq!(db["settings"]["user.name"], "Db");
    assert_eq!(db["mountpoint"].as_str().unwrap(), pool.root().join("db/running_point").to_str().unwrap());
    let line = json_lines(&pool.ok(["describe", "db", "--format", "json"]));
    assert_eq!(line[0], *db);
    pool.fails(1, ["inspect", "nosuch"], "nosuch");
}

#[test]
fn rename_takes_all_along() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["tag", "v1", "HEAD~1"]);
    pool.ok(["branch", "side"]);
    pool.ok(["config", "-C", "db", "user.name", "Db"]);
    pool.ok(["init", "taken"]);
    pool.ok(["switch", "db"]);
    pool.fails(1, ["rename", "db", "taken"], "already exists");
    assert_eq!(pool.ok(["rename", "db", "shop"]), "Renamed volume db to shop\n");
    pool.fails(1, ["log", "-C", "db"], "does not exist");
    // It was the current one and is.
    assert_eq!(pool.ok(["log", "--format", "%s"]), "two\none\n");
    assert_eq!(pool.ok(["tag"]), "v1\n");
    assert_eq!(pool.ok(["branch", "shop"]), "* master\n  side\n");
    assert_eq!(pool.ok(["config", "-C", "shop", "user.name"]), "Db\n");
    // The second copy knows the new name of everything, also of what was done before.
    let records = || {
        let exported = pool.ok(["export", "--metadata", "-"]);
        // The first line tells when it was exported.
        exported.lines().skip(1).map(str::to_owned).chain([pool.ok(["reflog", "shop"])]).collect::<Vec<_>>()
    };
    let before = records();
    std::fs::remove_file(pool.root().join(".dvol/metadata.redb")).unwrap();
    pool.fails(1, ["fsck", "--repair"], "");
    assert_eq!(records(), before);
    pool.ok(["undo", "shop"]);
    assert_eq!(pool.ok(["log", "--format", "%s"]), "two\none\n");
    assert_eq!(pool.ok(["config", "-C", "db", "user.name"]), "Db\n");
    pool.ok(["redo", "db"]);
    pool.ok(["reset", "--hard", "v1"]);
    let state = std::fs::read_to_string(pool.root().join("shop/running_point/state")).unwrap();
    assert_eq!(state, "one");
    pool.ok(["fsck"]);
}

#[test]
fn clone_makes_a_volume_of_one_commit() {
    let pool = Pool::with_commits(&["one", "two"]);
    assert_eq!(pool.ok(["clone", "db:HEAD~1", "copy"]), "Created volume copy from db:00000201\n");
    assert_eq!(std::fs::read_to_string(pool.root().join("copy/running_point/state")).unwrap(), "one");
    let log = json_lines(&pool.ok(["log", "copy", "--format", "json"]));
    assert_eq!(
        (log.len(), &log[0]["message"], &log[0]["parent"]),
        (1, &"one".into(), &serde_json::Value::Null)
    );
    assert!(pool.ok(["status", "copy"]).contains("clean"));
    // The current volume stays.
    assert_eq!(pool.ok(["log", "--format", "%s"]), "two\none\n");
    pool.fails(1, ["clone", "db", "copy"], "already exists");
    pool.fails(1, ["clone", "db:nosuch", "other"], "names no commit");
    pool.fails(1, ["clone", "dv", "other"], "did you mean 'db'?");
    assert!(!pool.root().join("other").exists());
    pool.ok(["fsck"]);
}
