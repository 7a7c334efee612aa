//! Every refusal that the command line can be brought to, with its words and its exit code, as a
//! table in `snapshots/errors.txt`: read it as a stranger would.

use std::path::Path;
use std::process::Command;

use crate::harness::{Pool, Said, json_lines, snapshot};
use support::fake_engine::{Container, Containers, FakeEngine, Status};
use support::steps;

#[test]
fn every_error_has_its_words_and_its_exit_code() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["tag", "v1"]);
    pool.ok(["branch", "side"]);
    pool.ok(["init", "empty"]);
    pool.ok(["switch", "db"]);
    let fresh = Pool::empty();
    let mut table = String::new();
    let mut add = |pool: &Pool, words: &[&str]| {
        let said = pool.run(words);
        assert_ne!(said.code, 0, "{words:?} succeeds");
        let err = said.err.replace(&pool.root().display().to_string(), "POOL");
        table.push_str(&format!("$ dvol {}\n{err}[exit {}]\n\n", words.join(" "), said.code));
    };
    add(&fresh, &["log"]);
    add(&fresh, &["commit", "-m", "x"]);
    for words in [
        &["switch", "nosuch"][..],
        &["switch", "side"],
        &["init", "db"],
        &["init", "../etc"],
        &["init", ".hidden"],
        &["rm", "nosuch"],
        &["rm", "db"],
        &["commit"],
        &["commit", "-m", " "],
        &["commit", "-m", "x", "--author", "<a"],
        &["commit", "-m", "x", "--date", "soon"],
        &["commit", "--amend", "-m", "x", "empty"],
        &["commit", "-F", "nosuch"],
        &["checkout", "nosuch"],
        &["checkout", "mastre"],
        &["checkout", "v1"],
        &["checkout", "-b", "side"],
        &["checkout", "-b", "v1"],
        &["checkout", "-b", "HEAD"],
        &["checkout", "-b", "a..b/"],
        &["checkout", "-b", "new", "empty:HEAD"],
        &["checkout", "-b", "new", "-C", "empty"],
        &["checkout", "side", "HEAD", "db"],
        &["checkout", "-"],
        &["branch", "-d", "master"],
        &["branch", "-d", "nosuch"],
        &["branch", "-m", "side", "master"],
        &["branch", "side", "HEAD"],
        &["reset", "HEAD"],
        &["reset", "--hard", "nosuch"],
        &["reset", "--hard", "HEAD~9"],
        &["reset", "--hard", "HEAD^2"],
        &["reset", "--hard", "HEAD^x"],
        &["reset", "--hard", "0000"],
        &["reset", "--hard", "HEAD@{99}"],
        &["reset", "--hard", "empty:HEAD"],
        &["reset", "--hard", "ORIG_HEAD"],
        &["tag", "v1"],
        &["tag", "master"],
        &["tag", "-d", "v2"],
        &["tag", "bad name"],
        &["log", "a...b"],
        &["log", "--since", "soon"],
        &["log", "--grep", "("],
        &["log", "--format", "{x}"],
        &["log", "--format", "xml"],
        &["list", "--format", "{id}"],
        &["rename", "db", "empty"],
        &["rename", "nosuch", "x"],
        &["clone", "db", "empty"],
        &["clone", "empty", "x"],
        &["export", "db"],
        &["export", "empty", "-"],
        &["import", "nosuch.tar", "x"],
        &["import", "--from-docker", "nosuch"],
        &["run", "db", "--", "true"],
        &["hook", "install"],
        &["config", "user.nam"],
        &["config", "trash.keep", "soon"],
        &["config", "-C", "db", "trash.keep", "30d"],
        &["comit"],
        &["log", "--onelin"],
        &["-C", "db", "log", "HEAD", "empty"],
    ] {
        add(&pool, words);
    }
    pool.write("db", "state", "not committed");
    add(&pool, &["checkout", "side"]);
    pool.ok(["checkout", "-f", "side"]);
    pool.commit("only here");
    pool.ok(["checkout", "master", "-f"]);
    add(&pool, &["branch", "-d", "side"]);
    pool.ok(["checkout", "-f", "side"]);
    pool.write("db", "state", "not committed");
    pool.ok(["checkout", "-f", "master"]);
    add(&pool, &["checkout", "-B", "side"]);
    pool.commit("soon dropped");
    pool.ok(["reset", "--hard", "HEAD^"]);
    let dropped = pool.ok(["reflog", "db", "-n", "1", "--format", "json"]);
    pool.ok(["gc", "--all", "-f"]);
    add(&pool, &["reset", "--hard", "ORIG_HEAD"]);
    add(&pool, &["show", "HEAD@{1}"]);
    add(&pool, &["show", json_lines(&dropped)[0]["before"].as_str().unwrap()]);
    pool.commit("soon amended");
    pool.ok(["commit", "--amend", "-m", "Other words"]);
    add(&pool, &["show", "HEAD@{3}"]);
    snapshot("errors", &table);
}

/// What is not the user's doing: locks, the engine, the disk.
#[test]
fn troubles_have_their_words_and_their_exit_code() {
    let pool = Pool::with_commits(&["one", "two"]);
    let mut table = String::new();
    let mut add = |words: &[&str], command: &mut Command, secret: &Path| {
        let said = Said::from(command.output().unwrap());
        assert_ne!(said.code, 0, "{words:?} succeeds");
        let err = said.err.replace(&secret.display().to_string(), "ELSEWHERE");
        let err = err.replace(&pool.root().display().to_string(), "POOL");
        // File systems differ in how much a directory takes.
        let err = ["4.0 KiB", "8.0 KiB"].iter().fold(err, |err, size| err.replace(size, "SIZE"));
        // Root gets no such hint.
        let err: String =
            err.split_inclusive('\n').filter(|line| !line.contains("run dvol as root")).collect();
        table.push_str(&format!("$ dvol {}\n{err}[exit {}]\n\n", words.join(" "), said.code));
    };

    // Another process holds the volume.
    let lock = pool.root().join(".dvol/locks/volume/db");
    std::fs::write(&lock, "pid 4711 (commit)").unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&lock).unwrap();
    fs2::FileExt::lock_exclusive(&file).unwrap();
    let words = ["--lock-timeout", "1", "commit", "-m", "x"];
    add(&words, &mut pool.command(words), &lock);
    drop(file);

    // No engine, and one whose containers are in the way.
    let nowhere = Path::new("/nonexistent/docker.sock");
    for words in [&["commit", "-m", "x"][..], &["rm", "-f", "db"], &["import", "--from-docker", "pg"]] {
        add(words, &mut pool.command_with(nowhere, words), nowhere);
    }
    let engine = FakeEngine::new();
    let socket = engine.socket();
    let container = |auto_remove| Container { volume: "db", status: Status::Running, auto_remove };
    engine.set(&Containers::from([("shop_db".to_owned(), container(true))]));
    for words in [&["commit", "-m", "x"][..], &["reset", "--hard", "HEAD"]] {
        add(words, &mut pool.command_with(&socket, words), &socket);
    }
    engine.set(&Containers::from([("shop_db".to_owned(), container(false))]));
    for words in [
        &["rm", "-f", "db"][..],
        &["rename", "db", "shop"],
        &["reset", "--hard", "HEAD", "--quiesce", "none"],
    ] {
        add(words, &mut pool.command_with(&socket, words), &socket);
    }

    // The disk: each kind of trouble at the first step that copies.
    for fault in ["ENOSPC", "EIO", "EACCES"] {
        let trace = pool.dir().join("trace");
        let probe = Pool::with_commits(&["one"]);
        let words = ["commit", "-m", "x"];
        assert!(probe.command(words).env("DVOL_FAULT_TRACE", &trace).output().unwrap().status.success());
        let points = steps(&trace);
        std::fs::remove_file(&trace).unwrap();
        let copy = points.iter().position(|point| point.starts_with("tree.copy")).unwrap() + 1;
        add(&words, pool.command(words).env("DVOL_FAULT", format!("{copy}:{fault}")), nowhere);
    }
    let branches = pool.root().join("db/branches");
    std::fs::rename(branches.join("master"), branches.join("away")).unwrap();
    add(&["status"], &mut pool.command(["status"]), nowhere);
    add(&["commit", "-m", "x"], &mut pool.command(["commit", "-m", "x"]), nowhere);
    std::fs::rename(branches.join("away"), branches.join("master")).unwrap();
    std::fs::write(pool.root().join(".dvol/metadata.redb"), "this is no database").unwrap();
    add(&["log"], &mut pool.command(["log"]), nowhere);
    let file = pool.dir().join("file");
    std::fs::write(&file, "").unwrap();
    let words = ["init", "db"];
    let in_the_way = pool.command(words).env("DVOL_POOL", &file).output().unwrap();
    assert!(!in_the_way.status.success());
    add(&["-p", "ELSEWHERE", "init", "db"], pool.command(words).env("DVOL_POOL", &file), &file);
    snapshot("troubles", &table);
}
