//! The git hook keeps a volume's branch with the code's, and never stands in git's way.

use std::process::{Command, Output};

use crate::harness::Pool;

/// git in the work tree `code`, with the dvol under test in the path.
fn git(pool: &Pool, words: &[&str]) -> Output {
    let binary = support::dvol();
    let folder = binary.parent().unwrap().display().to_string();
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Ada", "-c", "user.email=a@example.org"]).args(words);
    command.env("HOME", pool.dir()).env("PATH", format!("{folder}:{}", std::env::var("PATH").unwrap()));
    let output = command.current_dir(pool.dir().join("code")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

fn repository(pool: &Pool) {
    std::fs::create_dir(pool.dir().join("code")).unwrap();
    git(pool, &["init", "-q", "-b", "master"]);
    git(pool, &["commit", "-q", "--allow-empty", "-m", "first"]);
}

fn dvol(pool: &Pool, words: &[&str]) -> Output {
    pool.command(words).current_dir(pool.dir().join("code")).output().unwrap()
}

#[test]
fn the_volume_follows_the_code() {
    let pool = Pool::with_commits(&["one"]);
    repository(&pool);
    assert!(dvol(&pool, &["hook", "install", "db"]).status.success());
    git(&pool, &["checkout", "-q", "-b", "feature/x"]);
    assert_eq!(pool.ok(["branch", "--show-current"]), "feature/x\n");
    pool.write("db", "state", "not committed");
    git(&pool, &["checkout", "-q", "master"]);
    assert_eq!(
        (pool.ok(["branch", "--show-current"]), pool.read("db", "state")),
        ("master\n".into(), "one".into())
    );
    git(&pool, &["checkout", "-q", "feature/x"]);
    assert_eq!(pool.read("db", "state"), "not committed");
    // Neither a detached HEAD nor a setting that says so.
    git(&pool, &["checkout", "-q", "--detach"]);
    assert_eq!(pool.ok(["branch", "--show-current"]), "feature/x\n");
    pool.ok(["config", "hook.enabled", "off"]);
    git(&pool, &["checkout", "-q", "master"]);
    assert_eq!(pool.ok(["branch", "--show-current"]), "feature/x\n");
    pool.ok(["config", "hook.enabled", "on"]);
    // The volume is gone: git goes on.
    pool.ok(["rm", "-f", "db"]);
    let said = git(&pool, &["checkout", "-q", "feature/x"]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("git is not affected"), "{said:?}");
    assert!(dvol(&pool, &["hook", "uninstall"]).status.success());
    assert!(!pool.dir().join("code/.git/hooks/post-checkout").exists());
    assert!(!dvol(&pool, &["hook", "uninstall"]).status.success());
}

#[test]
fn the_volume_follows_the_work_tree_of_its_hook_and_no_other() {
    let pool = Pool::with_commits(&["one"]);
    repository(&pool);
    assert!(dvol(&pool, &["hook", "install", "db"]).status.success());
    git(&pool, &["checkout", "-q", "-b", "feature"]);
    git(&pool, &["worktree", "add", "-q", "../it's linked", "-b", "other"]);
    assert_eq!(pool.ok(["branch", "--show-current"]), "feature\n");
    git(&pool, &["-C", "../it's linked", "checkout", "-q", "-b", "third"]);
    assert_eq!(pool.ok(["branch", "--show-current"]), "feature\n");
    git(&pool, &["checkout", "-q", "master"]);
    assert_eq!(pool.ok(["branch", "--show-current"]), "master\n");
    // Installed in the linked one, it follows that one.
    let at = pool.dir().join("it's linked");
    let said = pool.command(["hook", "install", "db"]).current_dir(&at).output().unwrap();
    assert!(said.status.success(), "{said:?}");
    git(&pool, &["-C", "../it's linked", "checkout", "-q", "other"]);
    assert_eq!(pool.ok(["branch", "--show-current"]), "other\n");
    git(&pool, &["checkout", "-q", "feature"]);
    assert_eq!(pool.ok(["branch", "--show-current"]), "other\n");
}

#[test]
fn a_hook_of_somebody_elses_is_left_alone() {
    let pool = Pool::with_commits(&["one"]);
    repository(&pool);
    let path = pool.dir().join("code/.git/hooks/post-checkout");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "#!/bin/sh\n").unwrap();
    let said = dvol(&pool, &["hook", "install"]);
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stderr).contains("add this line to it"), "{said:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "#!/bin/sh\n");
    pool.fails(1, ["hook", "install"], "not in a git repository");
}
