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
    assert!(String::from_utf8_lossy(&said.stderr).contains("add this line to"), "{said:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "#!/bin/sh\n");
    pool.fails(1, ["hook", "install"], "not in a git repository");
}

fn current(pool: &Pool) -> String {
    pool.ok(["branch", "-C", "db", "--show-current"]).trim().to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Commits the state `text` in the work tree, so that the commit knows the code.
fn commit(pool: &Pool, state: &str) {
    pool.write("db", "state", state);
    let said = dvol(pool, &["commit", "-C", "db", "-m", state]);
    assert!(said.status.success(), "{said:?}");
}

fn code(pool: &Pool, message: &str) {
    git(pool, &["commit", "-q", "--allow-empty", "-m", message]);
}

#[test]
fn the_branch_of_code_at_install_stands_for_the_branch_of_data() {
    let pool = Pool::with_commits(&["one"]);
    repository(&pool);
    git(&pool, &["branch", "-m", "main"]);
    let said = dvol(&pool, &["hook", "install", "db"]);
    let out = text(&said.stdout);
    assert!(out.contains("; the code's branch main stands for its branch master"), "{said:?}");
    assert_eq!(out.lines().count(), 1);
    git(&pool, &["checkout", "-q", "-b", "feature"]);
    assert_eq!(current(&pool), "feature");
    git(&pool, &["checkout", "-q", "main"]);
    assert_eq!(current(&pool), "master");
    assert_eq!(pool.ok(["branch", "-C", "db", "--list"]).lines().count(), 2);
    // A name that a shell or an option parser would take apart.
    git(&pool, &["checkout", "-q", "-b", "it's"]);
    assert_eq!(current(&pool), "master");
}

#[test]
fn an_older_branch_of_code_does_not_start_from_the_data_that_was_left() {
    let pool = Pool::with_commits(&["made outside of the code"]);
    repository(&pool);
    git(&pool, &["branch", "-m", "main"]);
    commit(&pool, "base");
    // dvol meets the code on a feature only, whose data is then migrated.
    git(&pool, &["checkout", "-q", "-b", "feature"]);
    code(&pool, "migration");
    assert!(dvol(&pool, &["hook", "install", "db"]).status.success());
    commit(&pool, "migrated");
    let said = git(&pool, &["checkout", "-q", "main"]);
    assert_eq!((current(&pool), pool.read("db", "state")), ("main".to_owned(), "base".to_owned()));
    let told = text(&said.stderr);
    assert!(told.contains("(base), as its code is older than that of master"), "{told}");
    // A branch that goes on from there takes its data along, as always.
    commit(&pool, "base, changed");
    git(&pool, &["checkout", "-q", "-b", "next"]);
    assert_eq!(pool.read("db", "state"), "base, changed");
}

#[test]
fn an_older_branch_at_the_same_code_does_not_start_from_what_a_younger_one_committed() {
    let pool = Pool::with_commits(&["base"]);
    repository(&pool);
    // One branch began long before the other.
    let log = pool.dir().join("code/.git/logs/refs/heads/master");
    let aged = std::fs::read_to_string(&log).unwrap();
    let (who, rest) = aged.split_once("> ").unwrap();
    let (_, rest) = rest.split_once(' ').unwrap();
    std::fs::write(&log, format!("{who}> 1000000000 {rest}")).unwrap();
    git(&pool, &["checkout", "-q", "-b", "feature"]);
    pool.ok(["branch", "-C", "db", "-m", "feature"]);
    assert!(dvol(&pool, &["hook", "install", "db"]).status.success());
    commit(&pool, "migrated, and the code is not committed yet");
    git(&pool, &["checkout", "-q", "master"]);
    assert_eq!((current(&pool), pool.read("db", "state")), ("master".to_owned(), "base".to_owned()));
}

#[test]
fn rebase_and_bisect_and_submodules_move_no_data() {
    let pool = Pool::with_commits(&["one"]);
    repository(&pool);
    assert!(dvol(&pool, &["hook", "install", "db"]).status.success());
    (0..4).for_each(|n| code(&pool, &format!("work {n}")));
    git(&pool, &["checkout", "-q", "-b", "feature", "HEAD~2"]);
    code(&pool, "feature");
    let operations = || pool.ok(["reflog", "db"]).lines().count();
    let before = operations();
    git(&pool, &["rebase", "-q", "master"]);
    assert_eq!(current(&pool), "feature");
    git(&pool, &["bisect", "start", "HEAD", "HEAD~4"]);
    git(&pool, &["bisect", "good"]);
    git(&pool, &["bisect", "reset"]);
    let inner = pool.dir().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let inner = inner.to_str().unwrap();
    git(&pool, &["-C", inner, "init", "-q", "-b", "trunk"]);
    git(&pool, &["-C", inner, "commit", "-q", "--allow-empty", "-m", "inner"]);
    git(&pool, &["-c", "protocol.file.allow=always", "submodule", "-q", "add", inner, "sub"]);
    git(&pool, &["-C", "sub", "checkout", "-q", "-b", "other"]);
    assert_eq!((current(&pool), operations()), ("feature".to_owned(), before));
}

#[test]
fn a_hook_that_git_no_longer_runs_is_named_and_found() {
    let pool = Pool::with_commits(&["one"]);
    repository(&pool);
    let finding = || {
        let said = text(&dvol(&pool, &["doctor"]).stdout);
        said.lines().filter(|line| line.contains("git hook") || line.contains("hook")).collect::<String>()
    };
    assert_eq!(finding(), "");
    assert!(dvol(&pool, &["hook", "install", "db"]).status.success());
    assert!(finding().contains("keeps volume db on the branch of the code"), "{}", finding());
    // husky comes: git looks elsewhere, and the settings stay husky's.
    let husky = pool.dir().join("code/.husky/_");
    std::fs::create_dir_all(&husky).unwrap();
    std::fs::write(husky.join("post-checkout"), "#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"").unwrap();
    git(&pool, &["config", "core.hooksPath", ".husky/_"]);
    let found = finding();
    assert!(found.contains("can no longer run: git looks for hooks in"), "{found}");
    assert!(found.contains(".husky/_, as core.hooksPath says"), "{found}");
    std::fs::create_dir(pool.dir().join("code/deep")).unwrap();
    let said = pool.command(["hook", "install"]).current_dir(pool.dir().join("code/deep")).output().unwrap();
    let err = text(&said.stderr);
    assert_eq!(said.status.code(), Some(1));
    assert!(err.contains("code/.husky/_/post-checkout exists already"), "{err}");
    assert!(err.contains("code/.husky/post-checkout: dvol --pool"), "{err}");
    // The line where husky wants it.
    let line = err.split_once("post-checkout: ").unwrap().1.trim();
    std::fs::write(pool.dir().join("code/.husky/post-checkout"), format!("{line}\n")).unwrap();
    let set = |mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(husky.join("post-checkout"), mode).unwrap();
    };
    // husky runs it with a shell; git runs husky's own.
    set(0o755);
    assert!(finding().contains(".husky/post-checkout keeps volume db"), "{}", finding());
    std::fs::rename(&husky, pool.dir().join("code/.husky/gone")).unwrap();
    assert!(finding().contains(".husky/post-checkout cannot run: husky made no"), "{}", finding());
    std::fs::rename(pool.dir().join("code/.husky/gone"), &husky).unwrap();
    let said = dvol(&pool, &["hook", "uninstall"]);
    assert!(said.status.success(), "{said:?}");
    assert!(text(&said.stderr).contains(".husky/post-checkout has a line of dvol's"), "{said:?}");
    assert!(!pool.dir().join("code/.git/hooks/post-checkout").exists());
    assert!(husky.join("post-checkout").exists());
    let said = git(&pool, &["config", "--get", "core.hooksPath"]);
    assert_eq!(text(&said.stdout), ".husky/_\n");
}

#[test]
fn hooks_of_other_repositories_and_dead_ones_are_told_apart() {
    let pool = Pool::with_commits(&["one"]);
    repository(&pool);
    git(&pool, &["config", "--global", "core.hooksPath", "~/hooks"]);
    let said = dvol(&pool, &["hook", "install", "db", "--format", "json"]);
    assert!(text(&said.stderr).contains(r#""error":"hooks_shared""#), "{said:?}");
    git(&pool, &["config", "--global", "--unset", "core.hooksPath"]);
    assert!(dvol(&pool, &["hook", "install", "db"]).status.success());
    let doctor = || text(&dvol(&pool, &["doctor"]).stdout);
    let path = pool.dir().join("code/.git/hooks/post-checkout");
    let set =
        |mode| std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    set(0o644);
    assert!(doctor().contains("it is not executable"), "{}", doctor());
    set(0o755);
    pool.ok(["rm", "-f", "db"]);
    assert!(doctor().contains("follows volume db, which does not exist"), "{}", doctor());
}
