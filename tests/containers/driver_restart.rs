//! The driver may end at any time and come back: containers run on, volumes stay what they are.

use std::os::unix::process::ExitStatusExt as _;

use rustix::process::Signal;

use support::containers::{Container, Engine};

#[test]
fn a_driver_that_died_is_started_over_its_stale_socket_while_containers_run() {
    let Some(engine) = Engine::of_its_own() else { return };
    engine.volume_with("steady", "hello");
    let server = Container::serve(&engine, "steady", "steady", "");
    let started = server.started();

    assert_eq!(engine.end_driver(Signal::KILL).signal(), Some(9));
    assert!(engine.socket().exists(), "a killed driver cannot remove its socket");
    // The engine could not start the container again, so it is not stopped; freezing needs no
    // driver.
    for verb in ["commit -m two", "reset --hard HEAD", "checkout -b other"] {
        let said = engine.sh(&format!("dvol {verb} -C steady")).refused();
        assert!(said.contains("cannot stop container steady: the engine could not start it again"), "{said}");
        assert!(said.contains("hint: start the driver"), "{said}");
        assert_eq!((server.started(), server.state().as_str()), (started, "running"), "{verb}");
    }
    engine.sh("dvol --pause commit -m frozen steady").ok();
    assert_eq!((server.started(), server.served()), (started, "hello".to_owned()));
    engine.start_driver();

    assert_eq!(engine.sh("docker volume inspect -f '{{.Driver}}' steady").ok(), "dvol");
    let run = "docker run --rm -v steady:/data --volume-driver=dvol busybox";
    assert_eq!(engine.sh(&format!("{run} cat /data/file")).ok(), "hello");
    assert_eq!((server.started(), server.served()), (started, "hello".to_owned()));
    engine.sh("docker restart steady").ok();
    assert_eq!(server.served(), "hello");

    let status = engine.end_driver(Signal::TERM);
    assert!(status.success(), "SIGTERM is a clean end, not {status}: {}", engine.driver_log());
    assert!(!engine.socket().exists(), "the socket is left behind");
    assert_eq!(server.served(), "hello");
}
