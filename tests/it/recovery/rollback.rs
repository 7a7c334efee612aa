//! `run --rollback`: the volume comes back as it was, whatever the command did.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Pool, Said};

const TREE: &str = "db/running_point/state";

fn run(pool: &Pool, script: &str) -> i32 {
    pool.run(["run", "--rollback", "db", "--", "sh", "-c", script]).code
}

fn dvol() -> String {
    let path = support::dvol();
    format!("{} --disable-docker-integration", path.display())
}

#[test]
fn the_volume_comes_back_and_the_exit_code_is_the_commands() {
    let pool = Pool::with_commits(&["one"]);
    assert_eq!(run(&pool, &format!("echo changed > pool/{TREE}; exit 7")), 7);
    assert_eq!(pool.read("db", "state"), "one");
    assert_eq!(run(&pool, "kill -9 $$"), 137);
    assert_eq!(run(&pool, "test $DVOL_VOLUME = db"), 0);
    assert_eq!(pool.run(["run", "--rollback", "--", "/nosuch"]).code, 127);
    assert_eq!(pool.ok(["log", "--format", "%s"]), "one\n");
    assert_eq!(pool.ok(["tag"]), "");
    pool.fails(2, ["run", "db", "--", "true"], "--rollback");
    pool.fails(1, ["run", "--rollback", "nosuch", "--", "true"], "nosuch");
}

#[test]
fn uncommitted_changes_come_back_too_and_no_commit_is_left() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "state", "not committed");
    assert_eq!(run(&pool, &format!("rm pool/{TREE}; echo x > pool/db/running_point/other")), 0);
    assert_eq!(pool.read("db", "state"), "not committed");
    assert!(!pool.root().join("db/running_point/other").exists());
    assert_eq!(pool.ok(["log", "--format", "%s"]), "one\n");
    assert_eq!(std::fs::read_dir(pool.root().join("db/commits")).unwrap().count(), 1);

    let pool = Pool::with_volume();
    pool.write("db", "state", "never committed");
    assert_eq!(run(&pool, &format!("rm pool/{TREE}")), 0);
    assert_eq!(pool.read("db", "state"), "never committed");
    assert_eq!(pool.ok(["log"]), "");
    pool.ok(["fsck"]);
}

#[test]
fn commits_resets_and_checkouts_of_the_command_are_undone() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.write("db", "state", "not committed");
    let dvol = dvol();
    let script = format!(
        "set -e; export DVOL_TEST_IDS=90000; {dvol} commit -m three; \
         DVOL_TEST_IDS=91000 {dvol} reset --hard HEAD~2; DVOL_TEST_IDS=92000 {dvol} checkout -b side; \
         DVOL_TEST_IDS=93000 {dvol} branch -D master; echo x > pool/{TREE}"
    );
    assert_eq!(run(&pool, &script), 0);
    assert_eq!(pool.ok(["branch", "--show-current"]), "master\n");
    assert_eq!(pool.read("db", "state"), "not committed");
    assert_eq!(pool.ok(["log", "--format", "%s"]), "two\none\n");
    pool.ok(["fsck"]);
}

#[test]
fn an_interrupt_ends_the_command_and_brings_the_volume_back() {
    let pool = Pool::with_commits(&["one"]);
    for signal in ["INT", "TERM"] {
        let script = format!("echo changed > pool/{TREE}; touch started; exec sleep 600");
        let mut command = pool.command(["run", "--rollback", "db", "--", "sh", "-c", &script]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let start = Instant::now();
        while !pool.dir().join("started").exists() {
            assert!(start.elapsed() < Duration::from_secs(30), "the command did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        std::fs::remove_file(pool.dir().join("started")).unwrap();
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
        let ended = Said::from(child.wait_with_output().unwrap());
        assert!(ended.code >= 128, "{ended:?}");
        assert!(start.elapsed() < Duration::from_secs(300));
        assert_eq!(pool.read("db", "state"), "one");
        assert_eq!(pool.ok(["tag"]), "");
    }
}

#[test]
fn the_command_meets_the_volume_as_it_was_and_what_it_did_can_be_had_back() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "state", "not committed");
    pool.write("db", "same", "untouched");
    // What is that old is known to be unchanged, and not copied.
    std::thread::sleep(Duration::from_millis(50));
    let dvol = dvol();
    let script =
        format!("{dvol} log --format %s > seen; {dvol} status --short >> seen; echo changed > pool/{TREE}");
    assert_eq!(run(&pool, &script), 0);
    assert_eq!(std::fs::read_to_string(pool.dir().join("seen")).unwrap(), "one\nA same\nM state\n");
    assert_eq!(
        (pool.read("db", "state").as_str(), pool.read("db", "same").as_str()),
        ("not committed", "untouched")
    );
    pool.ok(["undo", "db"]);
    assert_eq!(
        (pool.read("db", "state").as_str(), pool.read("db", "same").as_str()),
        ("changed\n", "untouched")
    );
    pool.ok(["redo", "db"]);
    assert_eq!(
        (pool.read("db", "state").as_str(), pool.read("db", "same").as_str()),
        ("not committed", "untouched")
    );
    assert_eq!(pool.ok(["tag"]), "");
    pool.ok(["fsck"]);
}

#[test]
fn a_volume_that_the_command_takes_away_is_had_back_as_it_is_told() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "state", "not committed");
    let dvol = dvol();
    let said = pool.run([
        "run",
        "--rollback",
        "db",
        "--",
        "sh",
        "-c",
        &format!("DVOL_TEST_IDS=90000 {dvol} rm -f db"),
    ]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("warning: volume db is not rolled back\n"), "{}", said.err);
    let way = said.err.lines().find(|line| line.contains("roll it back")).unwrap();
    assert!(way.contains("dvol undo db && dvol reset --hard dvol-run/"), "{way}");
    let tag = way.split(' ').find(|word| word.starts_with("dvol-run/")).unwrap();
    pool.ok(["undo", "db"]);
    pool.ok(["reset", "--hard", tag, "db"]);
    assert_eq!(pool.read("db", "state"), "not committed");
}
