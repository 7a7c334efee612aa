//! Adding, listing and removing worktrees, and the one place where a branch is checked out.

use crate::harness::{Driver, Pool, json, json_lines};

#[test]
fn a_worktree_shows_a_branch_beside_the_volume() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["branch", "old", "HEAD~1"]);
    assert_eq!(
        pool.ok(["worktree", "add", "older", "old"]),
        "Added worktree older on branch db/old at 00000201\n"
    );
    assert_eq!((pool.read("older", "state"), pool.read("db", "state")), ("one".into(), "two".into()));
    let said = pool.ok(["worktree", "add", "feat", "-b", "feature/x", "HEAD~1"]);
    assert_eq!(said, "Added worktree feat on new branch db/feature/x at 00000201\n");
    // Without a branch, that of its own name, which is made.
    pool.ok(["worktree", "add", "try"]);
    assert_eq!(pool.read("try", "state"), "two");
    pool.write("try", "state", "three");
    assert_eq!((pool.read("feat", "state"), pool.read("db", "state")), ("one".into(), "two".into()));
    let list = pool.ok(["list"]);
    assert!(list.lines().nth(2).unwrap().starts_with("    feat "), "{list}");
    let entries = json_lines(&pool.ok(["list", "--format", "json"]));
    assert_eq!((&entries[0]["volume"], &entries[0]["worktree_of"]), (&"db".into(), &json("null")));
    assert_eq!((&entries[1]["volume"], &entries[1]["worktree_of"]), (&"feat".into(), &"db".into()));
    let entries = json_lines(&pool.ok(["worktree", "list", "--format", "json"]));
    let of =
        |n: usize| ["worktree", "volume", "branch"].map(|key| entries[n][key].as_str().unwrap().to_owned());
    assert_eq!(of(0), ["db", "db", "master"]);
    assert_eq!(of(1), ["feat", "db", "feature/x"]);
    pool.ok(["fsck"]);
}

#[test]
fn a_branch_is_checked_out_in_one_place_and_refusals_say_where() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["worktree", "add", "feat", "-b", "side"]);
    let in_feat = "branch side of volume db is checked out in worktree feat";
    let in_db = "branch master of volume db is checked out in the volume itself";
    pool.fails(1, ["checkout", "side"], in_feat);
    pool.fails(1, ["checkout", "-B", "side", "HEAD~1"], in_feat);
    pool.fails(1, ["branch", "-D", "side"], in_feat);
    pool.fails(1, ["worktree", "add", "other", "side"], in_feat);
    pool.fails(1, ["worktree", "add", "other", "master"], in_db);
    pool.fails(1, ["checkout", "master", "feat"], in_db);
    pool.fails(1, ["branch", "-D", "master", "-C", "feat"], in_db);
    pool.fails(1, ["branch", "-D", "side", "-C", "feat"], "it is the current branch");
    pool.fails(1, ["worktree", "add", "db", "side"], "volume db already exists");
    pool.fails(1, ["init", "feat"], "volume feat already exists");
    pool.fails(1, ["clone", "db", "feat"], "volume feat already exists");
    pool.fails(1, ["worktree", "add", "other", "nosuch"], "branch 'nosuch' does not exist");
    pool.fails(1, ["rm", "-f", "db"], "cannot delete volume db: it has the worktree feat");
    pool.fails(1, ["worktree", "remove", "db"], "db is a volume, not a worktree");
    pool.fails(1, ["worktree", "remove", "nosuch"], "worktree 'nosuch' does not exist");
    assert!(pool.ok(["branch"]).contains("+ side"));
    assert!(pool.ok(["branch", "feat"]).contains("* side"));
    // Another branch frees the first one.
    pool.ok(["checkout", "-b", "third", "feat"]);
    pool.ok(["checkout", "side", "db"]);
    pool.fails(1, ["undo", "feat"], "branch side of volume db is checked out in the volume itself");
    pool.ok(["fsck"]);
}

#[test]
fn removing_a_worktree_leaves_its_branch_with_commits_and_changes() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["worktree", "add", "feat"]);
    pool.write("feat", "state", "two");
    let id = pool.ok(["commit", "-m", "two", "-C", "feat"]);
    pool.write("feat", "state", "uncommitted");
    assert_eq!(pool.ok(["worktree", "remove", "feat"]), "Removed worktree feat; branch db/feat stays\n");
    pool.fails(1, ["status", "feat"], "does not exist");
    assert!(!pool.root().join("feat").exists());
    assert_eq!(pool.ok(["rev-parse", "feat", "-C", "db"]), id);
    assert!(pool.ok(["undo", "feat"]).contains("worktree: removing feat"));
    assert_eq!(pool.read("feat", "state"), "uncommitted");
    pool.ok(["rm", "-f", "feat"]);
    pool.ok(["checkout", "feat", "db"]);
    assert_eq!(pool.read("db", "state"), "uncommitted");
    pool.fails(1, ["undo", "feat"], "branch feat of volume db is checked out in the volume itself");
    pool.ok(["fsck"]);
}

#[test]
fn adding_a_worktree_can_be_undone_and_redone() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["worktree", "add", "feat"]);
    pool.ok(["undo", "feat"]);
    assert_eq!(pool.ok(["branch", "db"]), "* master\n");
    assert!(!pool.root().join("feat").exists());
    pool.ok(["redo", "feat"]);
    assert_eq!(pool.read("feat", "state"), "one");
    // Its branch has moved on, so the worktree is removed instead.
    pool.write("feat", "state", "two");
    pool.ok(["commit", "-m", "two", "-C", "feat"]);
    pool.ok(["undo", "feat"]);
    assert_eq!(pool.ok(["log", "--oneline", "-C", "feat"]).lines().count(), 1);
    pool.ok(["fsck"]);
}

#[test]
fn a_volume_and_a_worktree_get_other_names() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["worktree", "add", "feat"]);
    pool.ok(["config", "status.ignore", "*.log", "-C", "feat"]);
    pool.ok(["rename", "feat", "feature"]);
    assert_eq!(pool.ok(["config", "status.ignore", "-C", "feature"]), "*.log\n");
    pool.ok(["rename", "db", "shop"]);
    assert_eq!(pool.read("feature", "state"), "one");
    pool.write("feature", "state", "two");
    pool.ok(["commit", "-m", "two", "-C", "feature"]);
    let entries = json_lines(&pool.ok(["worktree", "list", "shop", "--format", "json"]));
    assert_eq!((&entries[1]["worktree"], &entries[1]["volume"]), (&"feature".into(), &"shop".into()));
    pool.ok(["fsck"]);
    pool.ok(["undo", "shop"]);
    assert_eq!(pool.read("feature", "state"), "two");
    pool.ok(["branch", "-m", "feat", "renamed", "db"]);
    assert_eq!(pool.ok(["branch", "--show-current", "feature"]), "renamed\n");
    assert_eq!(pool.read("feature", "state"), "two");
    pool.ok(["undo", "db"]);
    assert_eq!(pool.ok(["branch", "--show-current", "feature"]), "feat\n");
    pool.ok(["fsck"]);
}

#[test]
fn an_expired_worktree_is_pruned() {
    let pool = Pool::with_commits(&["one"]);
    pool.fails(2, ["worktree", "add", "feat", "--expires", "soon"], "7d");
    pool.ok(["worktree", "add", "feat", "--expires", "5m"]);
    pool.ok(["worktree", "add", "lasting", "--expires", "7d"]);
    pool.ok(["worktree", "add", "eternal"]);
    assert_eq!(pool.ok(["worktree", "prune"]), "");
    (0..4).for_each(|_| drop(pool.ok(["status", "db"])));
    assert_eq!(pool.ok(["worktree", "prune", "-n"]), "Would remove worktree feat\n");
    assert_eq!(pool.ok(["worktree", "prune"]), "Removed worktree feat; branch db/feat stays\n");
    assert_eq!(json_lines(&pool.ok(["worktree", "list", "--format", "json"])).len(), 3);
    pool.ok(["fsck"]);
}

#[test]
fn a_protected_worktree_and_branch_stay() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["worktree", "add", "feat", "-b", "side", "--expires", "0m"]);
    // A branch is protected from anywhere, and with it the worktree's resets.
    pool.ok(["protect", "db:side"]);
    pool.fails(1, ["reset", "--hard", "HEAD~1", "feat"], "protected");
    pool.ok(["unprotect", "side", "-C", "feat"]);
    pool.ok(["reset", "--hard", "HEAD", "feat"]);
    assert_eq!(pool.ok(["protect", "feat"]), "Worktree feat is protected now\n");
    let said = pool.fails(1, ["reset", "--hard", "HEAD", "feat"], "cannot reset branch side of volume");
    assert!(said.contains(": worktree feat is protected"), "{said}");
    assert!(said.contains("dvol unprotect feat"), "{said}");
    for words in [&["worktree", "remove", "feat"][..], &["rm", "feat"]] {
        pool.fails(1, words, "cannot remove worktree feat: worktree feat is protected");
    }
    let driver = Driver::start(&pool);
    let said = driver.call("VolumeDriver.Remove", &serde_json::json!({"Name": "feat"})).to_string();
    assert!(said.contains("worktree feat is protected"), "{said}");
    drop(driver);
    // So are the commits of its branch, from everywhere, but no others.
    for volume in ["feat", "db"] {
        pool.fails(1, ["forget", "-C", volume, "HEAD~1"], "worktree feat is protected");
        let done = json(&pool.ok(["forget", "--keep-last", "1", "-C", volume, "--format", "json"]));
        assert_eq!(done["commits"], json("[]"), "{done}");
        let shown = json(&pool.ok(["inspect", volume, "--format", "json"]));
        assert_eq!(shown["protected"], json(r#"["feat"]"#));
    }
    assert_eq!(pool.ok(["worktree", "prune"]), "Kept expired worktree feat: it is protected\n");
    assert_eq!(pool.ok(["protect"]), "worktree feat\n");
    let list = json_lines(&pool.ok(["protect", "--format", "json"]));
    assert_eq!(list, [json(r#"{"volume": "feat", "kind": "worktree", "name": null}"#)]);
    pool.ok(["reset", "--hard", "HEAD", "db"]);
    pool.ok(["worktree", "remove", "--force", "feat"]);
    pool.ok(["fsck"]);
}
