//! Without an engine dvol cannot know who writes to a volume, so it refuses and says what to do.

use support::containers::{Container, Engine};

#[test]
fn with_no_engine_to_ask_nothing_is_changed_and_the_hint_says_how_to_go_on() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("alone", "hello");
    let server = Container::serve(engine, "alone", "alone", "");
    engine.write("alone", "world");
    let before = (engine.sh("dvol --format json log alone").ok(), server.started());

    for verb in ["commit -m two", "reset --hard HEAD", "checkout -b other -C", "rm -f"] {
        let said = engine.sh(&format!("DOCKER_HOST=unix:///nonexistent.sock dvol {verb} alone")).refused();
        assert!(said.contains("--disable-docker-integration"), "{verb}: {said}");
    }

    assert_eq!((engine.sh("dvol --format json log alone").ok(), server.started()), before);
    assert_eq!(engine.on_disk("alone"), "world");
    engine.sh("dvol commit -m two alone").ok();
}
