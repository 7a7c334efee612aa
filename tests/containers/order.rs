//! Several containers on one volume: stopped newest first, started oldest first, and one that does
//! not stop when asked delays the others only for a moment.

use support::containers::{Container, Engine};

#[test]
fn the_newest_stops_first_and_the_oldest_starts_first() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("stack", "hello");
    let oldest = Container::serve(engine, "stack_a", "stack", "");
    // The list of containers knows their age in seconds only.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let newest = Container::serve(engine, "stack_b", "stack", "");

    engine.sh("dvol commit -m two stack").ok();

    assert!(newest.finished() < oldest.finished(), "the oldest was stopped first");
    assert!(oldest.finished() < oldest.started(), "both are stopped before one is started");
    assert!(newest.finished() < oldest.started(), "both are stopped before one is started");
    assert!(oldest.started() < newest.started(), "the newest was started first");
}

#[test]
fn a_container_that_had_to_be_killed_is_named_and_runs_again() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("deaf", "hello");
    let server = Container::serve_deaf(engine, "deaf_server", "deaf");
    let before = server.started();

    let outcome = engine.sh("dvol commit -m two deaf");

    assert!(outcome.stderr.contains("deaf_server"), "{outcome}");
    outcome.ok();
    assert!(server.started() > before);
    assert_eq!((server.state().as_str(), server.served().as_str()), ("running", "hello"));
}
