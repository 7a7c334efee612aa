//! Containers on a volume that the engine does not know to be there: they cannot be held, so they
//! are named and what needs that is refused, before anything is touched.

use support::containers::{Container, Engine};

#[test]
fn containers_on_the_directory_itself_are_named_and_nothing_is_touched() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("byway", "hello");
    let server = Container::serve(engine, "byway", "byway", "");
    let bind = |mode: &str| {
        let path = engine.running_point("byway");
        let line =
            format!("docker run -d --name byway_bind --network none -v {}:/data{mode}", path.display());
        engine.sh(&format!("{line} busybox sleep 1000")).ok();
    };
    let unbind = || engine.sh("docker rm -f byway_bind").ok();
    let now = || (server.started(), engine.sh("dvol --format json log byway").ok());
    let before = now();

    bind("");
    let words =
        "cannot stop or pause container byway_bind: it uses the volume by its path or from another engine";
    for verb in ["commit -m two", "--pause commit -m two", "reset --hard HEAD", "checkout -b other -C"] {
        let said = engine.sh(&format!("dvol {verb} byway")).refused();
        assert!(said.contains(words) && said.contains("--disable-docker-integration"), "{verb}: {said}");
    }
    let said = engine.sh("dvol rm -f byway").refused();
    assert!(said.contains("byway, byway_bind"), "{said}");
    assert_eq!(now(), before);
    // Whoever sees to it that nothing is written may go ahead.
    engine.sh("dvol --quiesce none commit -m two byway").ok();
    engine.sh("dvol --disable-docker-integration commit -m three byway").ok();
    assert_eq!(server.started(), before.0);

    // One that cannot write spoils no copy, but would go on reading the old tree.
    unbind();
    bind(":ro");
    engine.sh("dvol --pause commit -m four byway").ok();
    engine.sh("dvol reset --hard HEAD byway").refused();
    unbind();
    engine.sh("dvol reset --hard HEAD byway").ok();
    assert!(server.started() > before.0);
}

#[test]
fn containers_of_another_engine_are_named_and_nothing_is_touched() {
    let Some(engine) = Engine::shared() else { return };
    let Some(other) = Engine::beside(engine) else { return };
    engine.volume_with("afar", "hello");
    let socket = other.socket();
    let mut driver = engine.spawn("dvol", &["plugin", "--socket", socket.to_str().expect("a plain path")]);
    let run = "docker run -d --name stranger --network none -v afar:/data --volume-driver=dvol";
    other.sh(&format!("{run} busybox sleep 1000")).ok();
    let id = other.sh("docker inspect -f '{{.Id}}' stranger").ok();

    let commits = || engine.sh("dvol log --format '{id}' afar").ok();
    let before = commits();
    for verb in ["commit -m two", "reset --hard HEAD"] {
        let said = engine.sh(&format!("dvol {verb} afar")).refused();
        assert!(said.contains(&format!("container {} (process ", &id[..12])), "{verb}: {said}");
    }
    assert_eq!(commits(), before);
    other.sh("docker rm -f stranger").ok();
    engine.sh("dvol commit -m two afar").ok();
    driver.kill().expect("it runs");
    driver.wait().expect("it is our child");
}
