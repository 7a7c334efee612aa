//! A container that a person has paused is paused afterwards.

use support::containers::{Container, Engine};

#[test]
fn a_container_that_was_paused_before_is_paused_after() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("frozen", "hello");
    let server = Container::serve(engine, "frozen", "frozen", "");
    engine.sh("docker pause frozen").ok();

    engine.sh("dvol commit -m two frozen").ok();
    assert_eq!(server.state(), "paused");

    engine.write("frozen", "world");
    engine.sh("dvol reset --hard HEAD frozen").ok();
    assert_eq!(server.state(), "paused");

    engine.sh("docker unpause frozen").ok();
    assert_eq!((server.served().as_str(), engine.on_disk("frozen").as_str()), ("hello", "hello"));
}
