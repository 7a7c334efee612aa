//! What stands around the verbs: completion, man pages, doctor, quiet, interrupts, broken pipes.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Pool, Said, json_lines, stand_still};

/// What the shell offers behind these words.
fn offered(pool: &Pool, words: &[&str]) -> Vec<String> {
    let mut command = Command::new(support::dvol());
    command.env_clear().env("DVOL_POOL", pool.root()).env("COMPLETE", "bash");
    command.env("_CLAP_COMPLETE_INDEX", words.len().to_string()).env("_CLAP_COMPLETE_COMP_TYPE", "9");
    command.env("_CLAP_COMPLETE_SPACE", "true").env("_CLAP_IFS", "\n");
    command.current_dir(pool.dir()).arg("--").arg("dvol").args(words);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_revisions_after_a_colon() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["branch", "bugfix"]);
    let script = pool.dir().join("completion");
    std::fs::write(&script, pool.ok(["completion", "bash"])).unwrap();
    let offered = |line: &str, words: &str, at: usize, typed: &str| {
        let own = support::dvol().parent().unwrap();
        let path = format!("{}:{}", own.display(), std::env::var("PATH").unwrap());
        let call = format!(
            "source '{}'; COMP_WORDS=({words}); COMP_CWORD={at}; COMP_LINE='{line}'; COMP_POINT={}; \
             _clap_complete_dvol dvol '{typed}' x; echo \"${{COMPREPLY[*]}}\"",
            script.display(),
            line.len()
        );
        let mut bash = std::process::Command::new("bash");
        bash.args(["--norc", "-c", &call]).env("PATH", path).env("DVOL_POOL", pool.root());
        String::from_utf8(bash.output().unwrap().stdout).unwrap().replace('\u{b}', " ").trim().to_owned()
    };
    assert_eq!(offered("dvol export db:bu", "dvol export db : bu", 4, "bu"), "bugfix");
    let all = offered("dvol export db:", "dvol export db :", 3, "");
    assert!(all.contains("HEAD") && all.contains("master") && !all.contains("db:"), "{all}");
    assert_eq!(offered("dvol checkout bu", "dvol checkout bu", 2, "bu"), "bugfix");
}

#[test]
fn a_shell_completes_volumes_branches_and_tags() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["tag", "before-migration"]);
    pool.ok(["branch", "bugfix"]);
    assert_eq!(offered(&pool, &["checkout", "bu"]), ["bugfix"]);
    assert_eq!(offered(&pool, &["switch", ""])[0], "db");
    assert_eq!(offered(&pool, &["reset", "--hard", "b"]), ["bugfix", "before-migration"]);
    assert_eq!(offered(&pool, &["tag", "-d", "bef"]), ["before-migration"]);
    assert_eq!(offered(&pool, &["ensure", "bef"]), ["before-migration"]);
    assert_eq!(offered(&pool, &["ensure", "db:b"]), ["db:before-migration"]);
    assert_eq!(offered(&pool, &["config", "user.n"]), ["user.name"]);
    assert_eq!(offered(&pool, &["config", "containers.quiesce", ""])[..3], ["stop", "pause", "none"]);
    assert_eq!(offered(&pool, &["config", "checksums", "b"]), ["background"]);
    assert_eq!(offered(&pool, &["export", "db:b"]), ["db:bugfix", "db:before-migration"]);
    assert_eq!(offered(&pool, &["diff", "db:bug"]), ["db:bugfix"]);
    assert_eq!(offered(&pool, &["-C", "d"]), ["db"]);
    assert_eq!(offered(&pool, &["comm"]), ["commit"]);
    assert_eq!(offered(&pool, &["help", "co"]), ["commit", "config", "completion", "compose", "containers"]);
    // Options of all verbs do not stand among the branches, but are there when they are typed.
    let after_checkout = offered(&pool, &["checkout", ""]);
    assert!(after_checkout.contains(&"bugfix".to_owned()) && !after_checkout.contains(&"--pool".to_owned()));
    assert_eq!(offered(&pool, &["checkout", "--po"]), ["--pool"]);
    // A pool that cannot be read completes nothing, and says nothing.
    let root = pool.root().join("nosuch").display().to_string();
    assert!(!offered(&pool, &["-p", &root, "switch", ""]).contains(&"db".to_owned()));
    for shell in ["bash", "zsh", "fish"] {
        assert!(pool.ok(["completion", shell]).contains("COMPLETE"), "{shell}");
    }
    pool.fails(2, ["completion", "dos"], "dos");
}

#[test]
fn a_shell_completes_worktrees_wherever_a_volume_may_stand() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["worktree", "add", "feat", "-b", "side"]);
    for line in [
        "-C",
        "branch new HEAD",
        "checkout side",
        "clone",
        "commit",
        "diff HEAD",
        "du",
        "ensure key",
        "export",
        "forget",
        "fsck",
        "gc",
        "hook install",
        "inspect",
        "log HEAD",
        "ls-tree",
        "protect",
        "pull -C",
        "push -C",
        "redo",
        "reflog",
        "rename",
        "reset --hard HEAD",
        "restore -C",
        "rev-parse HEAD",
        "rm",
        "run",
        "show",
        "stash -C",
        "status",
        "switch",
        "tag v1 HEAD",
        "undo",
        "unprotect",
        "worktree list",
        "worktree prune",
        "worktree remove",
    ] {
        let words: Vec<&str> = line.split(' ').chain(["fe"]).collect();
        assert_eq!(offered(&pool, &words), ["feat"], "{line}");
    }
    // A volume is no worktree, and branches are those of its volume.
    assert_eq!(offered(&pool, &["worktree", "remove", ""])[0], "feat");
    assert!(!offered(&pool, &["worktree", "remove", ""]).contains(&"db".to_owned()));
    assert_eq!(offered(&pool, &["worktree", "add", "new", "feat:"]), ["feat:master", "feat:side"]);
    assert_eq!(offered(&pool, &["checkout", "-C", "feat", "s"]), ["side"]);
}

#[test]
fn every_verb_has_a_man_page() {
    let pool = Pool::empty();
    pool.ok(["man", "share"]);
    for page in ["dvol.1", "dvol-commit.1", "dvol-log.1", "dvol-hook-install.1"] {
        let text = std::fs::read_to_string(pool.dir().join("share/man1").join(page)).unwrap();
        assert!(text.contains(".TH") && text.contains(".SH EXAMPLES"), "{page}: {text}");
        let is_whole = page == "dvol.1";
        assert_eq!(text.contains("lock\\-timeout"), is_whole, "{page}: {text}");
        assert_eq!(
            text.contains(".SH \"EXIT STATUS\"") || text.contains(".SH EXIT STATUS"),
            is_whole,
            "{page}"
        );
    }
    // Again into the same directory, as a build does.
    pool.ok(["man", "share"]);
    assert!(std::fs::read_dir(pool.dir().join("share/man1")).unwrap().count() > 25);
}

#[test]
fn doctor_looks_at_everything_and_says_what_to_do() {
    let pool = Pool::with_volume();
    let said = pool.run(["doctor"]);
    assert_eq!(said.code, 0, "{said:?}");
    for subject in ["versions", "permissions", "pool", "file system", "space", "metadata", "clock", "engine"]
    {
        assert!(said.out.contains(subject), "{subject}: {}", said.out);
    }
    let checks = json_lines(&pool.ok(["doctor", "--format", "json"]));
    assert!(checks.iter().all(|check| check["health"] == "good" || check["remedy"].is_string()));
    // An engine that is not there.
    let binary = support::dvol();
    let mut command = Command::new(binary);
    command.args(["doctor", "--socket", "/nosuch"]).env("DVOL_POOL", pool.root());
    let output = command.env("DOCKER_HOST", "unix:///nosuch.sock").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("start the engine"), "{output:?}");
}

#[test]
fn quiet_says_only_what_was_asked_for() {
    let pool = Pool::empty();
    assert_eq!(pool.ok(["init", "db", "-q"]), "");
    assert_eq!(pool.ok(["-q", "commit", "-m", "one"]), "");
    assert_eq!(pool.ok(["checkout", "-q", "-b", "side"]), "");
    assert_eq!(pool.ok(["branch", "-q"]), "  master\n* side\n");
    pool.fails(1, ["checkout", "-q", "nosuch"], "does not exist");
}

#[test]
fn ctrl_c_in_the_middle_of_a_commit_leaves_nothing() {
    let pool = Pool::with_commits(&["one"]);
    let tree = std::fs::canonicalize(pool.root().join("db/running_point")).unwrap();
    for file in 0..500 {
        std::fs::write(tree.join(file.to_string()), "x").unwrap();
    }
    // It stands still in the middle of the copy.
    let child = stand_still(&mut pool.command(["commit", "-m", "two"]), 250).unwrap();
    let pid = Pid::from_child(&child);
    let staging = pool.root().join(".dvol/staging");
    assert_eq!(std::fs::read_dir(&staging).unwrap().count(), 1);
    kill_process(pid, Signal::INT).unwrap();
    kill_process(pid, Signal::CONT).unwrap();
    let ended = Said::from(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 130, "{ended:?}");
    assert!(ended.err.contains("nothing changed"), "{ended:?}");
    assert_eq!(std::fs::read_dir(&staging).unwrap().count(), 0);
    assert_eq!(pool.ok(["log", "--format", "%s"]), "one\n");
    pool.ok(["fsck"]);
}

#[test]
fn a_reader_that_goes_away_is_a_clean_end() {
    let pool = Pool::with_commits(&["one"]);
    let mut command = pool.command(["log", "--stat"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = Said::from(child.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
}

#[test]
fn colour_is_for_terminals() {
    let pool = Pool::with_commits(&["one"]);
    for words in [&["log"][..], &["log", "--oneline", "--decorate"], &["branch"], &["show"], &["doctor"]] {
        assert!(!pool.ok(words).contains('\u{1b}'), "{words:?}");
    }
    // In a terminal of script(1), where it is installed.
    let binary = support::dvol().display().to_string();
    let shown = |extra: &str| {
        let line = format!("{extra} DVOL_PAGER=cat {binary} --disable-docker-integration log --oneline");
        let mut command = Command::new("script");
        command
            .args(["-qec", &line, "/dev/null"])
            .env("DVOL_POOL", pool.root())
            .env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR").stdin(Stdio::null()).output().ok()
    };
    if let Some(output) = shown("") {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("\u{1b}[38;5;136m") && text.contains("HEAD -> "), "{text:?}");
        let text = String::from_utf8_lossy(&shown("NO_COLOR=1").unwrap().stdout).into_owned();
        assert!(!text.contains("\u{1b}[3") && text.contains("HEAD -> master"), "{text:?}");
    }
}
