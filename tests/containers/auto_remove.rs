//! A container that was run with `--rm` is deleted by its engine when it stops, so dvol never
//! stops one: it refuses, unless --pause lets it freeze the container, and for a reset restart it.

use support::containers::{Container, Engine};

#[test]
fn a_container_run_with_rm_outlives_commit_and_reset() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("brief", "hello");
    assert!((0..5).any(|_| outlives(engine)), "the engine lost it five times");
}

/// False when the engine lost the container.
fn outlives(engine: &Engine) -> bool {
    let server = Container::serve(engine, "brief", "brief", "--rm");
    let (id, started) = (server.id(), server.started());

    engine.sh("docker exec brief sh -c 'echo world > /data/file'").ok();
    for verb in ["commit -m World", "reset --hard HEAD", "checkout -b other HEAD"] {
        let said = engine.sh(&format!("dvol {verb} brief")).refused();
        assert!(said.contains("cannot stop container brief") && said.contains("--pause"), "{verb}: {said}");
    }
    engine.sh("dvol --pause commit -m World brief").ok();
    assert_eq!((server.id(), server.started(), server.state()), (id.clone(), started, "running".to_owned()));

    let reset = engine.sh("dvol --pause reset --hard HEAD^ brief");
    if engine.has_lost("brief", &reset, "wget -qO- http://127.0.0.1:8080/file") {
        let is_told = reset.code == 0 || reset.stderr.contains("the reset of volume brief is done, but");
        assert!(is_told, "{reset}");
        assert_eq!(engine.on_disk("brief"), "hello");
        engine.remove_lost("brief");
        return false;
    }
    reset.ok();
    assert_eq!(server.id(), id);
    assert!(server.started() > started, "it still has the old files open");
    assert_eq!((server.served().as_str(), engine.on_disk("brief").as_str()), ("hello", "hello"));
    true
}
