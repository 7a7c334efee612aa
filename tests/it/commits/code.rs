//! The state of the code beside a commit.

use std::process::Command;

use crate::harness::{Pool, json_lines};

fn git(pool: &Pool, words: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Ada", "-c", "user.email=a@example.org"]).args(words);
    let output = command.env("HOME", pool.dir()).current_dir(pool.dir().join("code")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Runs dvol in the work tree of the code.
fn dvol(pool: &Pool, words: &[&str]) -> String {
    let output = pool.command(words).current_dir(pool.dir().join("code")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_commit_records_the_code_that_it_was_made_beside() {
    let pool = Pool::with_volume();
    std::fs::create_dir(pool.dir().join("code")).unwrap();
    git(&pool, &["init", "-q", "-b", "main"]);
    dvol(&pool, &["commit", "-m", "no code yet"]);
    std::fs::write(pool.dir().join("code/a"), "1").unwrap();
    git(&pool, &["add", "a"]);
    git(&pool, &["commit", "-q", "-m", "first"]);
    git(&pool, &["remote", "add", "origin", "https://me:secret@example.org/code.git"]);
    let first = git(&pool, &["rev-parse", "HEAD"]);
    dvol(&pool, &["commit", "-m", "beside the first"]);
    std::fs::write(pool.dir().join("code/a"), "2").unwrap();
    dvol(&pool, &["commit", "-m", "beside a dirty first"]);
    dvol(&pool, &["commit", "--no-code", "-m", "without"]);
    pool.ok(["commit", "-m", "outside"]);

    let log = json_lines(&pool.ok(["log", "--format", "json"]));
    assert!(log[0]["code"].is_null() && log[1]["code"].is_null() && log[4]["code"].is_null());
    assert_eq!(log[3]["code"]["commit"], first);
    assert_eq!(log[3]["code"]["branch"], "main");
    assert_eq!(log[3]["code"]["remote"], "https://example.org/code.git");
    assert_eq!((&log[3]["code"]["dirty"], &log[2]["code"]["dirty"]), (&false.into(), &true.into()));
    let shown = pool.ok(["show", "HEAD~2"]);
    let line = format!("Code:   {} (main) with changes, https://example.org/code.git\n", &first[..12]);
    assert!(shown.contains(&line), "{shown}");

    // Nothing was committed beside the second one: the nearest before it is the first.
    git(&pool, &["commit", "-qam", "second"]);
    let found = dvol(&pool, &["log", "--code", "HEAD", "--format", "%s"]);
    assert_eq!(found, "beside a dirty first\nbeside the first\n");
    pool.fails(2, ["log", "--code", "HEAD"], "git finds no commit 'HEAD'");
}
