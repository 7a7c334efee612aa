//! Every verb takes a worktree where it takes a volume, and acts on its branch.

use std::fs;

use crate::harness::{Pool, json, json_lines};

/// Makes `db` with two commits, and the worktree `feat` of it on the branch `side`.
fn with_worktree() -> Pool {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["worktree", "add", "feat", "-b", "side"]);
    pool
}

#[test]
fn commit_reset_status_and_log_act_on_its_branch() {
    let pool = with_worktree();
    pool.write("feat", "state", "three");
    assert!(pool.ok(["status", "feat"]).contains("state"));
    assert!(pool.ok(["diff", "-C", "feat"]).contains("three"));
    assert!(!pool.ok(["status", "db"]).contains("state"));
    pool.ok(["commit", "-m", "three", "-C", "feat"]);
    assert_eq!((pool.ids("feat").len(), pool.ids("db").len()), (3, 2));
    pool.ok(["commit", "--amend", "-m", "third", "-C", "feat"]);
    pool.ok(["tag", "v3", "-C", "feat"]);
    assert_eq!(pool.ok(["rev-parse", "v3", "-C", "db"]), pool.ok(["rev-parse", "HEAD", "-C", "feat"]));
    pool.ok(["reset", "--hard", "HEAD~2", "-C", "feat"]);
    assert_eq!((pool.read("feat", "state"), pool.read("db", "state")), ("one".into(), "two".into()));
    pool.ok(["reset", "--hard", "ORIG_HEAD", "feat"]);
    assert_eq!(pool.read("feat", "state"), "three");
    // The volume takes the work over, by branch or by worktree.
    pool.ok(["reset", "--hard", "side", "db"]);
    assert_eq!(pool.read("db", "state"), "three");
    pool.ok(["undo", "db"]);
    pool.ok(["reset", "--hard", "feat:HEAD", "db"]);
    assert_eq!(pool.read("db", "state"), "three");
    pool.ok(["fsck"]);
}

#[test]
fn each_worktree_has_its_own_log_of_operations() {
    let pool = with_worktree();
    pool.write("feat", "state", "three");
    pool.ok(["commit", "-m", "three", "-C", "feat"]);
    pool.commit("four");
    assert!(pool.ok(["reflog", "feat"]).contains("three"));
    assert!(!pool.ok(["reflog", "db"]).contains("three"));
    assert!(pool.ok(["undo", "feat"]).contains("three"));
    assert_eq!(pool.ids("db").len(), 3);
    assert!(pool.ok(["redo", "feat"]).contains("three"));
    pool.ok(["reset", "--hard", "HEAD~1", "feat"]);
    let dropped = pool.ok(["rev-parse", "HEAD@{1}", "-C", "feat"]);
    pool.ok(["worktree", "remove", "feat"]);
    // What a worktree dropped comes back, also when the worktree is gone.
    pool.ok(["branch", "back", dropped.trim(), "db"]);
    assert_eq!(pool.ok(["show", "back:state", "-C", "db"]), "three");
    pool.ok(["fsck"]);
}

#[test]
fn stash_restore_run_and_ensure_leave_the_volume_alone() {
    let pool = with_worktree();
    pool.write("feat", "state", "changed");
    pool.ok(["stash", "-C", "feat"]);
    assert_eq!(pool.read("feat", "state"), "two");
    pool.ok(["stash", "pop", "-C", "feat"]);
    assert_eq!(pool.read("feat", "state"), "changed");
    pool.ok(["restore", "state", "-C", "feat"]);
    assert_eq!(pool.read("feat", "state"), "two");
    let file = pool.file("feat", "state");
    let write = format!("echo run > {}", file.display());
    pool.ok(["run", "--rollback", "-C", "feat", "--", "sh", "-c", &write]);
    assert_eq!(pool.read("feat", "state"), "two");
    pool.ok(["ensure", "seeded", "-C", "feat", "--", "sh", "-c", &write]);
    assert_eq!((pool.read("feat", "state"), pool.read("db", "state")), ("run\n".into(), "two".into()));
    pool.ok(["ensure", "seeded", "-C", "db", "--", "false"]);
    assert_eq!(pool.read("db", "state"), "run\n");
    pool.ok(["fsck"]);
}

#[test]
fn what_reads_knows_it() {
    let pool = with_worktree();
    pool.write("feat", "state", "three");
    pool.ok(["commit", "-m", "three", "-C", "feat"]);
    assert!(pool.ok(["log", "--oneline", "--decorate", "feat"]).contains("HEAD -> side"));
    assert!(pool.ok(["show", "feat:HEAD"]).contains("three"));
    assert_eq!(pool.ok(["show", "HEAD:state", "-C", "feat"]), "three");
    assert!(pool.ok(["ls-tree", "HEAD", "-C", "feat"]).contains("state"));
    let inspected = json(&pool.ok(["inspect", "feat", "--format", "json"]));
    assert_eq!((&inspected["worktree_of"], &inspected["branch"]), (&"db".into(), &"side".into()));
    let inspected = json(&pool.ok(["inspect", "db", "--format", "json"]));
    assert_eq!(inspected["worktrees"], json(r#"{"feat":"side"}"#));
    pool.ok(["du", "feat"]);
    let all = json_lines(&pool.ok(["du", "--all", "--format", "json"]));
    assert_eq!(all.iter().filter(|one| one["volume"] == "feat").count(), 0);
    let archive = pool.dir().join("feat.tar");
    pool.ok(["export", "feat", archive.to_str().unwrap()]);
    pool.ok(["import", archive.to_str().unwrap(), "copy"]);
    assert_eq!(pool.read("copy", "state"), "three");
    pool.ok(["clone", "feat", "cloned"]);
    assert_eq!(pool.read("cloned", "state"), "three");
    pool.ok(["config", "containers.quiesce", "none", "-C", "db"]);
    assert_eq!(pool.ok(["config", "containers.quiesce", "-C", "feat"]), "none\n");
    pool.ok(["config", "containers.quiesce", "pause", "-C", "feat"]);
    assert_eq!(pool.ok(["config", "containers.quiesce", "-C", "db"]), "none\n");
    pool.ok(["switch", "feat"]);
    assert_eq!(pool.ok(["branch", "--show-current"]), "side\n");
    pool.ok(["gc", "feat"]);
    pool.ok(["forget", "--keep-last", "1", "-C", "feat"]);
    let metadata = pool.ok(["export", "--metadata"]);
    assert!(metadata.contains(r#""worktree_of":"db""#), "{metadata}");
    pool.ok(["fsck", "--deep"]);
    pool.ok(["fsck", "feat"]);
}

#[test]
fn fsck_makes_its_directory_again_and_forgets_one_without_a_branch() {
    let pool = with_worktree();
    fs::remove_dir_all(pool.root().join("feat")).unwrap();
    pool.fails(4, ["fsck"], "");
    pool.run(["fsck", "--repair"]);
    assert_eq!(pool.read("feat", "state"), "two");
    pool.ok(["fsck"]);
}
