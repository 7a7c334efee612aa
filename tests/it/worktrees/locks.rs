//! Operations on worktrees of one volume side by side.

use std::fs;
use std::thread;

use crate::harness::{Pool, hold};

#[test]
fn what_changes_one_branch_waits_for_no_other_worktree() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["worktree", "add", "feat", "-b", "side"]);
    // Another process works on the volume's own branch. It has both locks that this takes.
    let shared = fs::File::open(pool.root().join(".dvol/locks/volume/db")).unwrap();
    shared.lock_shared().unwrap();
    let _busy = hold(&pool, "worktree/db");
    pool.write("feat", "state", "three");
    pool.ok(["commit", "-m", "three", "-C", "feat", "--lock-timeout", "1"]);
    pool.ok(["reset", "--hard", "HEAD~1", "-C", "feat", "--lock-timeout", "1"]);
    pool.ok(["tag", "v1", "-C", "feat", "--lock-timeout", "1"]);
    pool.write("feat", "state", "stashed");
    pool.ok(["stash", "-C", "feat", "--lock-timeout", "1"]);
    let said = pool.fails(3, ["commit", "-m", "four", "-C", "db", "--lock-timeout", "1"], "volume db");
    assert!(said.contains("waited 1s for the lock on volume db"), "{said}");
}

#[test]
fn what_changes_other_branches_waits_for_all_worktrees() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["worktree", "add", "feat", "-b", "side"]);
    let shared = fs::File::open(pool.root().join(".dvol/locks/volume/db")).unwrap();
    shared.lock_shared().unwrap();
    pool.fails(3, ["branch", "new", "db", "--lock-timeout", "1"], "volume db");
    pool.fails(3, ["checkout", "-b", "new", "feat", "--lock-timeout", "1"], "volume db");
    pool.ok(["reset", "--hard", "HEAD", "feat", "--lock-timeout", "1"]);
    drop(shared);
    pool.ok(["branch", "new", "db"]);
}

#[test]
fn many_worktrees_work_at_once_and_nothing_is_lost() {
    let pool = Pool::with_commits(&["one", "two"]);
    let names: Vec<String> = (0..4).map(|n| format!("w{n}")).collect();
    for name in &names {
        pool.ok(["worktree", "add", name, "-b", &format!("branch-{name}")]);
    }
    thread::scope(|scope| {
        for name in &names {
            let pool = &pool;
            scope.spawn(move || {
                for round in 0..4 {
                    pool.write(name, "state", &format!("{name} {round}"));
                    pool.ok(["commit", "-m", &format!("{name} {round}"), "-C", name]);
                    pool.write(name, "state", "thrown away");
                    pool.ok(["stash", "-C", name]);
                    let stashes = pool.ok(["stash", "list", "-C", name]);
                    assert!(!stashes.is_empty());
                    pool.ok(["reset", "--hard", "HEAD~1", "-C", name]);
                    pool.ok(["undo", name]);
                    pool.ok(["reset", "--hard", "-C", name]);
                }
            });
        }
    });
    for name in &names {
        assert_eq!(pool.ids(name).len(), 6, "{name}");
        assert_eq!(pool.read(name, "state"), format!("{name} 3"));
    }
    pool.ok(["fsck", "--deep"]);
}
