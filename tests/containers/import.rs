//! An ordinary Docker volume is taken over, its container stopped meanwhile.

use support::containers::{Container, Engine};

#[test]
fn an_ordinary_volume_becomes_one_of_ours() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("taken_server", "hello");
    engine.sh("docker volume create taken_plain").ok();
    let server = Container::serve(
        engine,
        "taken",
        "taken_server",
        "--mount type=volume,src=taken_plain,dst=/plain,volume-driver=local",
    );
    engine.sh("docker exec taken sh -c 'echo kept > /plain/file'").ok();
    let before = server.started();

    let said = engine.sh("dvol import --from-docker taken_plain taken_over");
    assert_eq!(said.code, 0, "{}", said.stderr);
    for hint in [
        "recreate taken: docker run -v taken_over:PATH --volume-driver=dvol",
        "until then they write to the engine's volume taken_plain",
        "docker volume rm taken_plain",
    ] {
        assert!(said.stderr.contains(hint), "{}", said.stderr);
    }

    assert!(server.started() > before, "the container wrote while its volume was copied");
    assert_eq!(server.state(), "running");
    assert_eq!(engine.on_disk("taken_over"), "kept");
    let log = engine.sh("dvol log taken_over --format '{subject}'").ok();
    assert_eq!(log, "Import of volume taken_plain of driver local");
    assert!(engine.sh("docker volume ls -q").ok().contains("taken_plain"), "the old volume stays");
    let own = engine.sh("dvol import --from-docker taken_server other");
    assert_eq!(own.code, 1);
    assert!(own.stderr.contains("dvol clone taken_server"), "{}", own.stderr);
    engine.sh("dvol rm -f taken_over").ok();
}
