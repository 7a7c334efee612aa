//! The ways of keeping containers from writing, and what goes with them: commands inside the
//! container, health checks, restart policies, the order that compose asks for.

use std::time::Instant;

use support::containers::{Container, Engine};
use support::eventually;

/// Compose's labels of one service.
fn service(name: &str, depends_on: &str) -> String {
    let label = |key: &str, value: &str| format!("--label com.docker.compose.{key}={value}");
    [label("project", "stacked"), label("service", name), label("depends_on", depends_on)].join(" ")
}

#[test]
fn a_container_is_frozen_or_left_alone_as_the_flag_or_the_setting_says() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("ways", "hello");
    let server = Container::serve(engine, "ways", "ways", "");
    let before = server.started();
    let said = |line: &str| engine.sh(line);

    assert!(said("dvol -v --pause commit -m two ways").stderr.contains("ways"));
    said("dvol --quiesce none commit -m three ways").ok();
    said("dvol config -C ways containers.quiesce pause").ok();
    said("dvol commit -m four ways").ok();
    assert_eq!((server.started(), server.state().as_str()), (before, "running"));
    // A tree that is swapped wants a restart; without one the container would go on with the old
    // tree.
    said("docker exec ways sh -c 'echo world > /data/file'").ok();
    let refused = said("dvol --quiesce none reset --hard HEAD ways").refused();
    assert!(refused.contains("container ways would keep"), "{refused}");
    assert_eq!((server.started(), engine.on_disk("ways").as_str()), (before, "world"));
    said("dvol reset --hard HEAD ways").ok();
    assert!(server.started() > before);
    assert_eq!((server.served().as_str(), engine.on_disk("ways").as_str()), ("hello", "hello"));
    // The flag wins over the setting.
    let before = server.started();
    said("dvol --quiesce stop commit -m five ways").ok();
    assert!(server.started() > before);
    assert!(said("dvol --quiesce pauze commit -m x ways").code == 2);
}

#[test]
fn commands_run_inside_the_container_around_a_commit_and_the_first_may_refuse_it() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("flushed", "hello");
    let server = Container::serve(engine, "flushed", "flushed", "");
    let before = server.started();
    let set = |key: &str, value: &str| {
        engine.sh(&format!("dvol config -C flushed containers.{key}-commit '{value}'")).ok();
    };
    set("pre", "echo flushed > /data/file");
    set("post", "echo after >> /after");
    let after = || engine.sh("docker exec flushed cat /after").stdout.lines().count();

    engine.sh("dvol --quiesce none commit -m flushed flushed").ok();
    engine.sh("dvol --pause commit -m flushed flushed").ok();
    let commit = engine.sh("dvol commit -m flushed flushed").ok();
    let file = engine.pool().join("flushed/commits").join(&commit).join("file");
    assert_eq!(std::fs::read_to_string(file).expect("it was committed"), "flushed\n");
    assert!(server.started() > before);
    assert_eq!(after(), 3);

    let before = server.started();
    set("pre", "echo cannot flush the log; exit 3");
    let said = engine.sh("dvol commit -m no flushed").refused();
    assert!(said.contains("container flushed") && said.contains("exit code 3"), "{said}");
    assert!(said.contains("cannot flush the log"), "{said}");
    assert_eq!((server.started(), after()), (before, 4), "it was stopped, or the second command did not run");
    assert_eq!(engine.sh("dvol log --format '{id}' -n 1 flushed").ok(), commit);

    // The second one runs also for a command that is killed, and tells when it fails.
    set("pre", "true");
    let done = after();
    // After the pause, however much dvol clears up before it.
    let killed = engine.sh("DVOL_FAULT=container.pause+1:kill dvol --pause commit -m killed flushed");
    assert_eq!(killed.code, 137, "{killed}");
    eventually("the driver thaws it", || server.state() == "running");
    eventually("the driver runs the command that comes after", || after() == done + 1);
    set("post", "echo cannot unlock; exit 4");
    let warned = engine.sh("dvol --quiesce none commit -m five flushed");
    assert!(warned.stderr.contains("cannot unlock"), "{warned}");
    warned.ok();
}

#[test]
fn containers_are_healthy_when_the_command_returns_and_start_in_the_order_that_compose_asks_for() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("checked", "hello");
    // The one that is made first depends on the other.
    let web_labels = service("web", "db:service_healthy:false");
    let web = Container::serve(engine, "checked_web", "checked", &web_labels);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    // It is well a while after it has started, and says nothing while the test keeps it waiting.
    let command = "while test -e /data/wait; do sleep 0.1; done; test ! -e /data/sick && sleep 0.3";
    let check = format!("--health-interval 300ms --health-cmd '{command}' --health-retries 1");
    let db_labels = service("db", "");
    let db = Container::serve(engine, "checked_db", "checked", &format!("{db_labels} {check}"));
    let health = || engine.sh("docker inspect -f '{{.State.Health.Status}}' checked_db").ok();
    eventually("it is healthy", || health() == "healthy");

    let said = engine.sh("dvol -v commit -m two checked");
    assert!(said.stderr.contains("containers were ready after "), "{said}");
    said.ok();
    assert!(web.finished() < db.finished(), "the database was stopped before what depends on it");
    assert!(db.started() < web.started(), "the database was started after what depends on it");
    assert!((web.started() - db.started()).total(jiff::Unit::Millisecond).expect("a span") > 300.0);

    engine.sh("docker exec checked_db touch /data/wait").ok();
    engine.sh("dvol --no-wait commit -m three checked").ok();
    assert_eq!(health(), "starting");
    engine.sh("docker exec checked_db rm /data/wait").ok();
    eventually("it is healthy", || health() == "healthy");
    engine.sh("dvol config -C checked containers.pre-commit 'touch /data/sick'").ok();
    let said = engine.sh("dvol commit -m four checked");
    assert!(said.stderr.contains("is done, but container checked_db is unhealthy"), "{said}");
    assert_eq!((said.code, said.stdout.trim().len()), (4, 32), "the id is printed all the same: {said}");
    assert_eq!((db.state().as_str(), web.state().as_str()), ("running", "running"));
    // dvol does not wait for what was not well before.
    engine.sh("dvol commit -m five checked").ok();
    // A command that only the other container has does not keep this one from being ready.
    engine.sh("docker exec checked_db rm /data/sick && docker rm -f checked_db").ok();
    engine.sh("dvol config -C checked --unset containers.pre-commit").ok();
    for command in ["nosuch --program", "test -e /www/file"] {
        engine.sh(&format!("dvol config -C checked containers.ready '{command}'")).ok();
        engine.sh("dvol commit -m six checked").ok();
        engine.sh("docker exec checked_web test -e /www/file").ok();
    }
}

#[test]
fn restart_policies_do_not_fight() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("looping", "hello");
    let server = Container::serve(engine, "looping_always", "looping", "--restart always");
    let run = "docker run -d --network none --restart always -v looping:/data --volume-driver=dvol";
    engine.sh(&format!("{run} --name looping_crash busybox sh -c 'echo x >> /data/crashes; exit 1'")).ok();
    eventually("it is in a restart loop", || {
        engine
            .sh("docker inspect -f '{{.RestartCount}}' looping_crash")
            .ok()
            .parse::<u32>()
            .is_ok_and(|n| n > 1)
    });
    let begun = Instant::now();
    for line in [
        "dvol commit -m two looping",
        "dvol --pause commit -m three looping",
        "dvol reset --hard HEAD looping",
    ] {
        engine.sh(line).ok();
        assert_eq!(server.served(), "hello");
        let state =
            engine.sh("docker inspect -f '{{.State.Restarting}} {{.State.Running}}' looping_crash").ok();
        assert!(state.contains("true"), "{line}: it is left down: {state}");
    }
    assert!(begun.elapsed().as_secs() < 60, "a container waited in Mount");
    engine.sh("docker rm -f looping_crash").ok();
}
