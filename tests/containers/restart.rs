//! Reset and checkout restart the containers that run on the volume, so that they read again what
//! is on disk; no other container notices.

use support::containers::{Container, Engine};

#[test]
fn reset_makes_a_running_container_read_the_state_that_was_reset_to() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("reset_it", "hello");
    let server = Container::serve(engine, "reset_it", "reset_it", "");
    engine.volume_with("reset_not", "other");
    let other = Container::serve(engine, "reset_not", "reset_not", "");
    let (before, others_before) = (server.started(), other.started());

    engine.sh("docker exec reset_it sh -c 'echo world > /data/file'").ok();
    engine.sh("dvol reset --hard HEAD reset_it").ok();

    assert!(server.started() > before, "the container was not restarted");
    assert_eq!((server.served().as_str(), engine.on_disk("reset_it").as_str()), ("hello", "hello"));
    assert_eq!(other.started(), others_before, "a container of another volume was restarted");
}

#[test]
fn checkout_makes_a_running_container_read_the_other_branch() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("switch_it", "hello");
    let server = Container::serve(engine, "switch_it", "switch_it", "");
    engine.volume_with("switch_not", "other");
    let other = Container::serve(engine, "switch_not", "switch_not", "");
    let (before, others_before) = (server.started(), other.started());

    engine.sh("dvol checkout -b risky -C switch_it").ok();
    assert!(server.started() > before, "checkout -b did not restart the container");
    engine.sh("docker exec switch_it sh -c 'echo world > /data/file'").ok();
    engine.sh("dvol commit -m 'a risk' -C switch_it").ok();
    assert_eq!(server.served(), "world");

    engine.sh("dvol checkout master -C switch_it").ok();
    assert_eq!((server.served().as_str(), engine.on_disk("switch_it").as_str()), ("hello", "hello"));
    // What runs on master writes to master, not to the inode of the branch that it came from.
    engine.sh("docker exec switch_it sh -c 'echo again > /data/file'").ok();
    assert_eq!(engine.on_disk("switch_it"), "again");
    assert_eq!(engine.sh("cat $DVOL_POOL/switch_it/branches/risky/file").ok(), "world");

    assert_eq!(other.started(), others_before, "a container of another volume was restarted");
}

#[test]
fn a_container_that_did_not_run_does_not_run_afterwards() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("at_rest", "hello");
    let stopped = Container::serve(engine, "at_rest", "at_rest", "");
    engine.sh("docker stop at_rest").ok();
    engine.sh("docker create --name never_ran -v at_rest:/data --volume-driver=dvol busybox true").ok();

    engine.sh("dvol commit -m two at_rest").ok();
    engine.sh("dvol reset --hard HEAD^ at_rest").ok();

    assert_eq!(stopped.state(), "exited");
    assert_eq!(engine.sh("docker inspect -f '{{.State.Status}}' never_ran").ok(), "created");
}

#[test]
fn a_checkout_that_is_refused_restarts_nothing() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("dirty", "hello");
    engine.sh("dvol branch -C dirty").ok();
    engine.sh("dvol checkout -b other -C dirty").ok();
    let server = Container::serve(engine, "dirty", "dirty", "");
    let before = server.started();
    engine.sh("docker exec dirty sh -c 'echo changed > /data/file'").ok();

    engine.sh("dvol checkout master -C dirty").refused();

    assert_eq!(server.started(), before, "what can be refused is refused before a container is touched");
    assert_eq!(engine.on_disk("dirty"), "changed");
}
