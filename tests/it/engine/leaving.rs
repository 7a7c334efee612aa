//! A container that a person removes in the middle of an operation: it writes nothing any more, so
//! the operation goes on.

use crate::harness::{Pool, Said};
use support::fake_engine::{Container, Containers, FakeEngine, LEAVES_AT, Status};

/// Runs `words` beside a container that stays and one that is removed when the engine gets the call
/// `verb` for it.
fn goes_on(pool: &Pool, verb: &str, words: &[&str]) {
    let engine = FakeEngine::new();
    let container = Container { volume: "db", status: Status::Running, auto_remove: false };
    let leaving = format!("{LEAVES_AT}{verb}");
    engine.set(&Containers::from([("stays".to_owned(), container.clone()), (leaving, container.clone())]));
    let said = Said::from(pool.command_with(&engine.socket(), words).output().unwrap());
    assert_eq!(said.code, 0, "removed at {verb}, {words:?}: {said:?}");
    assert!(!said.err.contains("No such container") && !said.err.contains("gone"), "{said:?}");
    assert_eq!(engine.now(), Containers::from([("stays".to_owned(), container)]), "{verb}, {words:?}");
}

#[test]
fn a_container_that_is_removed_meanwhile_is_no_reason_to_give_up() {
    let pool = Pool::with_commits(&["one"]);
    for verb in ["json", "stop", "start"] {
        goes_on(&pool, verb, &["commit", "-m", verb]);
        goes_on(&pool, verb, &["reset", "--hard", "HEAD"]);
    }
    for verb in ["json", "pause", "unpause"] {
        goes_on(&pool, verb, &["commit", "--pause", "-m", verb]);
    }
    pool.ok(["config", "containers.reset", "stop"]);
    for verb in ["pause", "unpause", "restart"] {
        goes_on(&pool, verb, &["reset", "--pause", "--hard", "HEAD"]);
    }
    pool.ok(["config", "-C", "db", "containers.pre-commit", "before"]);
    pool.ok(["config", "-C", "db", "containers.post-commit", "after"]);
    for way in ["none", "pause", "stop"] {
        goes_on(&pool, "exec", &["--quiesce", way, "commit", "-m", way]);
    }
    pool.ok(["fsck"]);
}
