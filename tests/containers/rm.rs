//! A volume that a container uses, running or not, is not removed.

use support::containers::{Container, Engine};

#[test]
fn rm_is_refused_while_a_container_uses_the_volume_and_names_it() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("wanted", "hello");
    let server = Container::serve(engine, "wanted_server", "wanted", "");

    assert!(engine.sh("dvol rm -f wanted").refused().contains("wanted_server"));
    // It looks before it asks.
    assert!(engine.sh("dvol rm wanted").refused().contains("wanted_server"));
    assert_eq!(server.state(), "running");

    engine.sh("docker stop wanted_server").ok();
    assert!(engine.sh("dvol rm -f wanted").refused().contains("wanted_server"));
    assert_eq!(engine.on_disk("wanted"), "hello");

    engine.sh("docker rm wanted_server").ok();
    engine.sh("dvol rm -f wanted").ok();
    assert!(!engine.pool().join("wanted").exists());
    engine.sh("dvol log wanted").refused();
}
