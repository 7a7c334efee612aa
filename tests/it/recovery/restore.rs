//! Single paths that come back from a commit.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use support::fake_engine::{Container, Containers, FakeEngine, Status};

use crate::harness::{Pool, Said, json};

/// Two commits of a tree with directories, and other changes after them.
fn tree() -> Pool {
    let pool = Pool::with_volume();
    fs::create_dir_all(pool.file("db", "conf/deep")).unwrap();
    pool.write("db", "conf/my.cnf", "port=1");
    pool.write("db", "conf/deep/a", "one");
    pool.write("db", "kept", "one");
    pool.commit("First");
    pool.write("db", "conf/my.cnf", "port=2");
    pool.write("db", "conf/second", "only in the second");
    pool.commit("Second");
    pool.write("db", "conf/my.cnf", "broken");
    pool.write("db", "kept", "not committed");
    fs::remove_dir_all(pool.file("db", "conf/deep")).unwrap();
    pool.write("db", "conf/new", "only in the working tree");
    pool
}

fn all(pool: &Pool) -> Vec<String> {
    pool.ok(["status", "--short"]).lines().map(str::to_owned).collect()
}

#[test]
fn only_the_named_paths_come_back_and_undo_and_redo_walk_over_it() {
    let pool = tree();
    let before = all(&pool);
    assert_eq!(before, ["D conf/deep", "D conf/deep/a", "M conf/my.cnf", "A conf/new", "M kept"]);
    assert!(pool.ok(["restore", "conf/my.cnf"]).starts_with("Restored 1 path from "));
    assert_eq!(pool.read("db", "conf/my.cnf"), "port=2");
    assert_eq!(all(&pool), ["D conf/deep", "D conf/deep/a", "A conf/new", "M kept"]);
    assert!(pool.ok(["reflog"]).contains("restore: conf/my.cnf from HEAD"));
    pool.ok(["undo"]);
    assert_eq!(all(&pool), before);
    pool.ok(["redo"]);
    assert_eq!(pool.read("db", "conf/my.cnf"), "port=2");
    assert_eq!(pool.read("db", "kept"), "not committed");
    pool.ok(["fsck", "--deep"]);
    assert!(pool.staging().is_empty());
}

#[test]
fn a_directory_comes_back_whole_and_loses_what_the_commit_does_not_have() {
    let pool = tree();
    let mode = fs::Permissions::from_mode(0o700);
    fs::set_permissions(pool.file("db", "conf"), mode).unwrap();
    pool.ok(["restore", "conf"]);
    assert_eq!(all(&pool), ["M kept"]);
    pool.ok(["restore", "-s", "HEAD~1", "/conf/", "kept"]);
    assert_eq!(pool.read("db", "conf/my.cnf"), "port=1");
    assert!(!pool.file("db", "conf/second").exists());
    assert_eq!(pool.read("db", "kept"), "one");
    let json = json(&pool.ok(["restore", "conf", "kept", "--format", "json"]));
    assert_eq!((&json["volume"], &json["paths"]), (&"db".into(), &["conf", "kept"][..].into()));
    assert_eq!(all(&pool), Vec::<String>::new());
}

#[test]
fn a_path_that_only_the_working_tree_has_is_deleted_and_one_that_no_tree_has_is_refused() {
    let pool = tree();
    pool.ok(["restore", "conf/new"]);
    assert!(!pool.file("db", "conf/new").exists());
    let before = all(&pool);
    for path in ["nosuch", "conf/../kept", "kept/x"] {
        pool.fails(1, ["restore", "kept", path], "neither in commit");
    }
    pool.fails(1, ["restore", "-s", "nosuch", "kept"], "names no commit");
    pool.fails(1, ["restore", "conf/deep/a"], "is not a directory in both trees");
    pool.fails(2, ["restore"], "PATH");
    assert_eq!(all(&pool), before);
    pool.ok(["restore", "conf/deep"]);
    assert_eq!(pool.read("db", "conf/deep/a"), "one");
}

#[test]
fn what_stays_keeps_its_attributes_and_no_link_is_followed() {
    let pool = tree();
    let outside = pool.dir().join("outside");
    fs::write(&outside, "the host's").unwrap();
    fs::remove_file(pool.file("db", "kept")).unwrap();
    symlink(&outside, pool.file("db", "kept")).unwrap();
    fs::set_permissions(pool.file("db", "conf"), fs::Permissions::from_mode(0o751)).unwrap();
    pool.ok(["restore", "kept", "conf/my.cnf"]);
    assert_eq!(pool.read("db", "kept"), "one");
    assert_eq!(fs::read_to_string(outside).unwrap(), "the host's");
    assert_eq!(fs::metadata(pool.file("db", "conf")).unwrap().mode() & 0o7777, 0o751);
}

#[test]
fn checkout_of_paths_is_a_restore() {
    let pool = tree();
    pool.ok(["checkout", "--", "kept"]);
    assert_eq!(pool.read("db", "kept"), "one");
    pool.ok(["checkout", "HEAD~1", "--", "conf/my.cnf"]);
    assert_eq!(pool.read("db", "conf/my.cnf"), "port=1");
    assert_eq!(pool.ok(["branch", "--show-current"]), "master\n");
    pool.fails(2, ["checkout", "-b", "new", "--", "kept"], "cannot be used with");
    pool.fails(2, ["checkout"], "BRANCH");
}

#[test]
fn containers_are_stopped_cleanly_and_come_up_on_the_restored_tree() {
    let (pool, engine) = (tree(), FakeEngine::new());
    let container = Container { volume: "db", status: Status::Running, auto_remove: false };
    engine.set(&Containers::from([("runs".to_owned(), container)]));
    let run = |words: &[&str]| Said::from(pool.command_with(&engine.socket(), words).output().unwrap());
    let said = run(&["-v", "restore", "conf"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("note: stopped and started: runs"), "{said:?}");
    assert_eq!(pool.read("db", "conf/my.cnf"), "port=2");
}
