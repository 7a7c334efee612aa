//! Repositories that a container could have written: dvol runs none of their programs.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::is_root;

use crate::harness::{Pool, Said, json_lines};

/// A program that leaves a file behind when it runs.
struct Trap {
    program: PathBuf,
    sprung: PathBuf,
}

impl Trap {
    fn new(pool: &Pool) -> Self {
        let (program, sprung) = (pool.dir().join("trap"), pool.dir().join("sprung"));
        // It answers nothing, so git fails instead of waiting for it.
        fs::write(&program, format!("#!/bin/sh\necho \"$0 $*\" >> {}\nexit 1\n", sprung.display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Trap { program, sprung }
    }

    /// Says what has run since the last look.
    fn look(&self) -> Option<String> {
        let found = fs::read_to_string(&self.sprung).ok();
        let _ = fs::remove_file(&self.sprung);
        found
    }
}

fn git(pool: &Pool, at: &Path, words: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args([
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=a@example.org",
        "-c",
        "protocol.file.allow=always",
    ]);
    let output =
        command.args(words).env("HOME", pool.dir()).current_dir(at).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "git {words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn dvol(pool: &Pool, at: &Path, words: &[&str]) -> Said {
    pool.command(words).current_dir(at).output().unwrap().into()
}

/// Makes a repository at `at` with one commit, whose settings start `trap` wherever git starts
/// anything. One file is changed, so that git has to compare it.
fn armed(pool: &Pool, at: &Path, trap: &Trap) {
    fs::create_dir_all(at).unwrap();
    git(pool, at, &["init", "-q", "-b", "main"]);
    fs::write(at.join("file"), "one").unwrap();
    git(pool, at, &["init", "-q", "-b", "main", "sub"]);
    git(pool, &at.join("sub"), &["commit", "-q", "--allow-empty", "-m", "below"]);
    git(pool, at, &["add", "file", "sub"]);
    git(pool, at, &["commit", "-q", "-m", "first"]);
    fs::write(at.join("file"), "two").unwrap();
    let program = trap.program.to_str().unwrap();
    fs::write(at.join(".gitattributes"), "* filter=evil diff=evil\n").unwrap();
    fs::write(at.join(".git/info/attributes"), "* filter=evil diff=evil\n").unwrap();
    for hook in ["post-index-change", "reference-transaction", "post-checkout", "fsmonitor-watchman"] {
        let path = at.join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        symlink(program, path).unwrap();
    }
    for directory in [at, &at.join("sub")] {
        for key in [
            "core.fsmonitor",
            "core.pager",
            "core.sshCommand",
            "core.editor",
            "core.gitProxy",
            "core.askPass",
            "pager.status",
            "pager.config",
            "diff.external",
            "diff.evil.command",
            "diff.evil.textconv",
            "filter.evil.clean",
            "filter.evil.smudge",
            "filter.evil.process",
            "credential.helper",
            "remote.origin.uploadpack",
            "gpg.program",
        ] {
            git(pool, directory, &["config", key, program]);
        }
        git(pool, directory, &["config", "alias.status", &format!("!{program}")]);
        git(pool, directory, &["config", "filter.evil.required", "true"]);
        git(pool, directory, &["config", "remote.origin.url", &format!("ext::{program} %S")]);
        git(pool, directory, &["config", "protocol.allow", "always"]);
        // Objects that are missing would be fetched.
        git(pool, directory, &["config", "remote.origin.promisor", "true"]);
        git(pool, directory, &["config", "extensions.partialClone", "origin"]);
        git(pool, directory, &["config", "core.repositoryFormatVersion", "1"]);
    }
    fs::write(at.join("sub/.git/description"), "").unwrap();
}

/// Runs every verb that asks git, in `at`.
fn all_verbs(pool: &Pool, at: &Path) -> Vec<Said> {
    let lines: [&[&str]; 7] = [
        &["commit", "-m", "beside code"],
        &["tag", "-f", "t", "-m", "note"],
        &["run", "--rollback", "--", "true"],
        &["log", "--code", "HEAD"],
        &["log", "--code", "0123456789012345678901234567890123456789"],
        &["hook", "post-checkout", "--", "0", "0", "1"],
        &["status"],
    ];
    lines.iter().map(|words| dvol(pool, at, words)).collect()
}

#[test]
fn no_program_of_an_untrusted_repository_runs() {
    let pool = Pool::with_volume();
    let (trap, code) = (Trap::new(&pool), pool.dir().join("code"));
    armed(&pool, &code, &trap);
    let head = fs::read_to_string(code.join(".git/refs/heads/main")).unwrap();
    all_verbs(&pool, &code);
    assert_eq!(trap.look(), None);
    let log = json_lines(&pool.ok(["log", "--format", "json"]));
    assert_eq!(log[0]["code"]["commit"], head.trim(), "{log:?}");
    assert_eq!((&log[0]["code"]["branch"], &log[0]["code"]["dirty"]), (&"main".into(), &true.into()));
    // The commit's object is missing: git would fetch it.
    let object = format!("{}/{}", &head[..2], &head[2..].trim());
    let object = code.join(".git/objects").join(object);
    fs::rename(&object, pool.dir().join("away")).unwrap();
    all_verbs(&pool, &code);
    assert_eq!(trap.look(), None);
    fs::rename(pool.dir().join("away"), &object).unwrap();
    // git left to itself runs them.
    let _ = Command::new("git").arg("status").env("HOME", pool.dir()).current_dir(&code).output();
    assert!(trap.look().is_some());
}

#[test]
fn a_repository_in_a_working_tree_is_not_asked() {
    let pool = Pool::with_commits(&["one"]);
    let trap = Trap::new(&pool);
    let tree = fs::canonicalize(pool.root().join("db/running_point")).unwrap();
    armed(&pool, &tree, &trap);
    git(&pool, &tree, &["config", "user.name", "Mallory"]);
    fs::create_dir(tree.join("deep")).unwrap();
    let id = pool.ok(["commit", "-m", "two"]).trim().to_owned();
    // Links from outside, and a git file that leads in.
    let (link, linked, led) = (pool.dir().join("link"), pool.dir().join("linked"), pool.dir().join("led"));
    symlink(&tree, &link).unwrap();
    for directory in [&linked, &led] {
        fs::create_dir(directory).unwrap();
    }
    symlink(tree.join(".git"), linked.join(".git")).unwrap();
    fs::write(led.join(".git"), format!("gitdir: {}\n", tree.join(".git").display())).unwrap();
    let commit = pool.root().join("db/commits").join(id);
    // A pool that is not the one in use.
    let other = Pool::with_volume();
    let their_tree = fs::canonicalize(other.root().join("db/running_point")).unwrap();
    armed(&other, &their_tree, &trap);
    let mut commits = 2;
    for at in [&tree, &tree.join("deep"), &commit, &link, &linked, &led, &their_tree] {
        let said = all_verbs(&pool, at);
        assert_eq!(trap.look(), None, "{at:?}");
        assert_eq!(said[0].code, 0, "{said:?}");
        assert!(said[3].err.contains("git finds no commit"), "{said:?}");
        dvol(&pool, at, &["hook", "install"]).fails(1, "not in a git repository");
        commits += 1;
        let log = json_lines(&pool.ok(["log", "--format", "json"]));
        assert_eq!((log.len(), &log[0]["code"]), (commits, &serde_json::Value::Null), "{at:?}");
    }
    // Nor does it name the author.
    let mut command = pool.command(["commit", "-m", "whose"]);
    let said = command.env_remove("DVOL_AUTHOR_NAME").current_dir(&tree).output().unwrap();
    assert!(said.status.success(), "{said:?}");
    let log = pool.ok(["log", "-1"]);
    assert!(!log.contains("Mallory"), "{log}");
}

#[test]
fn a_bind_mount_of_a_working_tree_is_the_working_tree() {
    if !is_root() {
        return;
    }
    let pool = Pool::with_volume();
    let trap = Trap::new(&pool);
    let tree = fs::canonicalize(pool.root().join("db/running_point")).unwrap();
    armed(&pool, &tree, &trap);
    let outside = tempfile::tempdir().unwrap();
    let sh = |program: &str, words: &[&Path]| Command::new(program).args(words).status().unwrap().success();
    assert!(sh("mount", &[Path::new("--bind"), &tree, outside.path()]));
    let said = all_verbs(&pool, outside.path());
    let compose = dvol(&pool, outside.path(), &["commit", "--project", ".", "-m", "x"]);
    assert!(sh("umount", &[Path::new("-l"), outside.path()]));
    assert_eq!(trap.look(), None);
    assert_eq!(said[0].code, 0, "{said:?}");
    assert!(json_lines(&pool.ok(["log", "--format", "json"]))[0]["code"].is_null());
    compose.fails(2, "no compose file");
}

#[test]
fn a_compose_file_in_a_working_tree_is_not_read() {
    let pool = Pool::empty();
    pool.ok(["init", "shop_db"]);
    let tree = fs::canonicalize(pool.root().join("shop_db/running_point")).unwrap();
    fs::write(tree.join("compose.yaml"), "name: shop\n").unwrap();
    fs::write(tree.join(".env"), "COMPOSE_PROJECT_NAME=shop\n").unwrap();
    let led = pool.dir().join("led");
    fs::create_dir(&led).unwrap();
    symlink(tree.join("compose.yaml"), led.join("compose.yaml")).unwrap();
    symlink(tree.join(".env"), led.join(".env")).unwrap();
    for at in [&tree, &led] {
        dvol(&pool, at, &["commit", "--project", ".", "-m", "x"]).fails(2, "no compose file");
        dvol(&pool, at, &["log", "db"]).fails(1, "db");
    }
    // Outside, the same files count.
    fs::remove_file(led.join("compose.yaml")).unwrap();
    fs::write(led.join("compose.yaml"), "name: shop\n").unwrap();
    assert_eq!(dvol(&pool, &led, &["commit", "--project", ".", "-m", "x"]).code, 0);
}

#[test]
fn no_program_comes_from_a_working_tree() {
    let pool = Pool::with_volume();
    let trap = Trap::new(&pool);
    let tree = fs::canonicalize(pool.root().join("db/running_point")).unwrap();
    symlink(&trap.program, tree.join("git")).unwrap();
    let mut command = pool.command(["commit", "-m", "x"]);
    command.env_remove("DVOL_AUTHOR_NAME").env("PATH", ".::/usr/bin:/bin").current_dir(&tree);
    let said = Said::from(command.output().unwrap());
    assert_eq!((said.code, trap.look()), (0, None), "{said:?}");
}
