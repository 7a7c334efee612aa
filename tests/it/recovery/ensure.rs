//! `ensure`: SEED runs once for each state, and whatever becomes of it, the volume is as it was or
//! at that state.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::harness::{Pool, Said, json_lines};
use support::eventually;
use support::fake_engine::{Container, Containers, FakeEngine, Status};

/// A SEED that notes that it ran and writes the file `state`.
const SEED: &str = "echo ran >> ran; echo 'made by seed' > pool/db/running_point/state";
const SEEDED: &str = "made by seed\n";

fn ensure(pool: &Pool, words: &[&str], script: &str) -> Said {
    pool.run([&["ensure"], words, &["--", "sh", "-c", script]].concat())
}

/// How often SEED ran.
fn runs(pool: &Pool) -> usize {
    std::fs::read_to_string(pool.dir().join("ran")).unwrap_or_default().lines().count()
}

fn start(pool: &Pool, script: &str) -> Child {
    let mut command = pool.command(["ensure", "schema", "db", "--", "sh", "-c", script]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(name: &str, child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
}

fn is_there(path: &Path) -> impl Fn() -> bool {
    let path = path.to_owned();
    move || path.exists()
}

#[test]
fn the_first_call_seeds_and_later_ones_find_the_state() {
    let pool = Pool::with_commits(&["one"]);
    let said = ensure(&pool, &["schema"], &format!("{SEED}; echo loud"));
    assert!(said.out.starts_with("Seeded 'schema' in volume db as "), "{said:?}");
    // Standard output is for the result.
    assert!(!said.out.contains("loud") && said.err.contains("loud\n"), "{said:?}");
    assert_eq!(pool.read("db", "state"), SEEDED);
    assert_eq!(pool.ok(["log", "--format", "%s"]), "Seeded schema\none\n");
    assert_eq!(pool.ok(["status", "--short"]), "");
    assert_eq!(pool.ok(["tag"]), "schema\n");

    pool.write("db", "state", "a test was here");
    let found = ensure(&pool, &["schema", "--format", "json"], SEED).ok();
    let found: Value = json_lines(&found).swap_remove(0);
    assert_eq!(
        (&found["found"], &found["reset"], &found["tag"]),
        (&true.into(), &true.into(), &"schema".into())
    );
    assert!(found["seconds"].is_f64(), "{found}");
    assert_eq!(pool.read("db", "state"), SEEDED);
    assert!(ensure(&pool, &["schema"], SEED).ok().contains(" already, seen in "));
    assert_eq!(runs(&pool), 1);
    pool.ok(["fsck"]);
}

#[test]
fn an_undo_gives_back_what_was_there_before() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.write("db", "state", "not committed");
    for _ in 0..2 {
        ensure(&pool, &["schema", "--from", "HEAD~1"], SEED).ok();
        assert_eq!(pool.ok(["log", "--format", "%s"]), "Seeded schema\none\n");
        pool.ok(["undo", "db"]);
        assert_eq!(pool.read("db", "state"), "not committed");
        assert_eq!(pool.ok(["log", "--format", "%s"]), "two\none\n");
    }
    assert_eq!(runs(&pool), 1);
    assert_eq!(pool.ok(["tag"]), "schema\n");
    pool.ok(["fsck"]);
}

#[test]
fn a_seed_that_fails_leaves_the_volume_as_it_was_and_no_tag() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.write("db", "state", "not committed");
    let as_before = |said: Said, code: i32, words: &str| {
        said.fails(code, words);
        assert_eq!(pool.read("db", "state"), "not committed");
        assert_eq!(pool.ok(["log", "--format", "%s"]), "two\none\n");
        assert_eq!(pool.ok(["tag"]), "");
    };
    let fails = format!("{SEED}; exit 7");
    as_before(ensure(&pool, &["schema"], &fails), 7, "SEED ended with exit code 7; volume db is as it was");
    as_before(ensure(&pool, &["schema", "--from", "HEAD~1"], &fails), 7, "exit code 7");
    as_before(ensure(&pool, &["schema"], &format!("{SEED}; kill -9 $$")), 137, "exit code 137");
    as_before(pool.run(["ensure", "schema", "--", "/nosuch"]), 127, "cannot run /nosuch");
    as_before(ensure(&pool, &["schema", "--from", "nosuch"], SEED), 1, "nosuch");
    assert_eq!(runs(&pool), 3, "a start that is not there is refused before SEED runs");
    pool.ok(["fsck"]);
}

#[test]
fn an_interrupt_ends_seed_and_puts_the_volume_back() {
    let pool = Pool::with_commits(&["one"]);
    let started = pool.dir().join("started");
    let child = start(&pool, &format!("{SEED}; touch started; exec sleep 600"));
    eventually("SEED runs", is_there(&started));
    signal("INT", &child);
    let ended = Said::from(child.wait_with_output().unwrap());
    assert!(ended.code >= 128, "{ended:?}");
    assert_eq!((pool.read("db", "state").as_str(), pool.ok(["tag"]).as_str()), ("one", ""));
}

#[test]
fn of_calls_at_once_one_seeds_and_the_others_wait_and_find_its_state() {
    let pool = Pool::with_commits(&["one"]);
    let (started, go) = (pool.dir().join("started"), pool.dir().join("go"));
    let script = format!("touch started; until [ -e go ]; do sleep 0.05; done; {SEED}");
    let first = start(&pool, &script);
    eventually("SEED runs", is_there(&started));
    pool.fails(3, ["--lock-timeout", "0", "ensure", "schema", "db", "--", "false"], "the seed of volume db");
    let mut waiting = [start(&pool, "false"), start(&pool, "false")];
    for child in &mut waiting {
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("waiting: for the seed of volume db, locked by pid"), "{line}");
    }
    let [interrupted, waiting] = waiting;
    signal("INT", &interrupted);
    assert_eq!(interrupted.wait_with_output().unwrap().status.code(), Some(130));
    std::fs::write(&go, "").unwrap();
    assert!(Said::from(first.wait_with_output().unwrap()).ok().contains("Seeded"));
    assert!(Said::from(waiting.wait_with_output().unwrap()).ok().contains("Found"));
    assert_eq!((runs(&pool), pool.read("db", "state").as_str()), (1, SEEDED));
}

#[test]
fn after_a_kill_the_next_call_waits_for_the_old_seed_and_begins_anew() {
    let pool = Pool::with_commits(&["one"]);
    pool.write("db", "state", "not committed");
    let (started, go) = (pool.dir().join("started"), pool.dir().join("go"));
    let mut child = start(
        &pool,
        "echo half > pool/db/running_point/half; touch started; \
        until [ -e go ]; do sleep 0.05; done; echo late > pool/db/running_point/late",
    );
    eventually("SEED runs", is_there(&started));
    // SEED keeps the pipes of its output.
    child.kill().unwrap();
    child.wait().unwrap();
    let refused = pool.run(["undo", "db"]);
    assert!(refused.err.contains("still keeps its snapshot"), "{refused:?}");

    let mut next = start(&pool, &format!("test $(cat pool/db/running_point/state) = one || {SEED}"));
    let mut told = BufReader::new(next.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.contains("SEED of an ensure that was killed"), "{line}");
    std::fs::write(&go, "").unwrap();
    line.clear();
    told.read_line(&mut line).unwrap();
    assert!(line.contains("seeding schema was killed; volume db is as it was before that"), "{line}");
    assert!(next.wait_with_output().unwrap().status.success());
    assert_eq!(pool.read("db", "state"), SEEDED);
    for left in ["half", "late"] {
        assert!(!pool.root().join("db/running_point").join(left).exists(), "{left}");
    }
    assert_eq!(pool.ok(["tag"]), "schema\n");
    pool.ok(["undo", "db"]);
    assert_eq!(pool.read("db", "state"), "not committed");
    pool.ok(["fsck"]);
}

#[test]
fn files_that_change_make_another_state() {
    let pool = Pool::with_commits(&["one"]);
    std::fs::create_dir(pool.dir().join("sql")).unwrap();
    let write = |text: &str| std::fs::write(pool.dir().join("sql/1.sql"), text).unwrap();
    let by_files = || ensure(&pool, &["schema", "--from", "master~0", "--files", "sql/*.sql"], SEED).ok();
    write("create table a");
    let first = by_files();
    assert!(first.starts_with("Seeded 'schema-"), "{first}");
    assert!(by_files().starts_with("Found 'schema-"));
    write("create table b");
    assert!(by_files().starts_with("Seeded 'schema-"));
    write("create table a");
    assert!(by_files().starts_with(&first.split(" in ").next().unwrap().replace("Seeded", "Found")));
    assert_eq!((runs(&pool), pool.ok(["tag"]).lines().count()), (2, 2));
    pool.fails(2, ["ensure", "schema", "--files", "nosuch/*", "--", "true"], "no file matches 'nosuch/*'");
    let kept = pool.ok(["tag", "-l", "schema-*"]);
    assert_eq!(kept.lines().count(), 2);
}

#[test]
fn the_volume_is_named_as_elsewhere() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["init", "other"]);
    let ran = "test $DVOL_VOLUME = db";
    for (n, words) in [&["db:k1"][..], &["k2", "db"], &["-C", "db", "k3"]].iter().enumerate() {
        ensure(&pool, words, ran).ok();
        assert_eq!(pool.ok(["tag", "-C", "db"]).lines().count(), n + 1, "{words:?}");
    }
    ensure(&pool, &["db:k1", "other"], ran).fails(2, "name one");
    ensure(&pool, &["nosuch:k1"], ran).fails(1, "nosuch");
    ensure(&pool, &["k!1", "db"], ran).fails(2, "k!1");
    ensure(&pool, &["master", "db"], ran).fails(1, "a branch");
    pool.fails(2, ["ensure", "schema"], "SEED");
    let inner = format!("{} --disable-docker-integration ensure inner db -- true", support::dvol().display());
    ensure(&pool, &["outer", "db"], &inner).fails(1, "cannot ensure a state of the same volume");
}

#[test]
fn a_container_that_is_not_up_is_told_before_seed_and_after_it() {
    let (pool, engine) = (Pool::with_commits(&["one"]), FakeEngine::new());
    let container = Container { volume: "db", status: Status::Running, auto_remove: false };
    engine.set(&Containers::from([("plain".to_owned(), container)]));
    let run = |script: &str| {
        let words = ["ensure", "schema", "db", "--", "sh", "-c", script];
        Said::from(pool.command_with(&engine.socket(), words).output().unwrap())
    };
    pool.ok(["config", "containers.wait", "1"]);
    pool.ok(["config", "-C", "db", "containers.ready", "fails"]);
    // Nothing of it is done.
    run(SEED).fails(1, "SEED did not run: ");
    assert_eq!((runs(&pool), pool.ok(["tag"]).as_str()), (0, ""));
    pool.ok(["config", "-C", "db", "--unset", "containers.ready"]);
    run(SEED).ok();
    pool.ok(["config", "-C", "db", "containers.ready", "fails"]);
    // All of it is done, and the result is printed.
    let said = run(SEED);
    assert!(said.out.starts_with("Found 'schema'"), "{said:?}");
    said.fails(4, "the ensure of volume db is done, but ");
}
