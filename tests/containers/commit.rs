//! Commit stops the containers that run on the volume, copies, and starts them again.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use dvol::model::format_size;
use support::containers::{Container, Engine, quoted};
use support::eventually;

#[test]
fn a_running_container_is_stopped_and_started_around_a_commit() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("busy", "hello");
    let server = Container::serve(engine, "busy", "busy", "");
    engine.volume_with("busy_not", "other");
    let other = Container::serve(engine, "busy_not", "busy_not", "");
    let (before, others_before) = (server.started(), other.started());
    engine.sh("docker exec busy sh -c 'echo world > /data/file'").ok();

    let committed = engine.sh("dvol commit -m World busy").ok();

    assert!(server.started() > before, "the container wrote while its tree was copied");
    assert_eq!(server.state(), "running");
    assert_eq!((server.served().as_str(), engine.on_disk("busy").as_str()), ("world", "world"));
    assert_eq!(other.started(), others_before, "a container of another volume was stopped");

    let id = committed.split_whitespace().last().expect("commit prints the id");
    let file = engine.pool().join("busy/commits").join(id).join("file");
    assert_eq!(fs::read_to_string(file).expect("a commit is a plain directory"), "world\n");
}

/// Files that no process changes.
fn write_quiet_files(tree: &Path, count: usize) {
    for number in 0..count {
        fs::write(tree.join(format!("quiet{number}")), vec![b'q'; 10_000]).expect("the test can write");
    }
}

#[test]
fn what_nobody_writes_to_is_copied_before_containers_are_stopped() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("ahead", "hello");
    let tree = engine.pool().join("ahead/branches/master");
    write_quiet_files(&tree, 40);
    let server = Container::serve(engine, "ahead", "ahead", "");
    // Left alone for a while, and then changed by the container.
    engine.sh("docker exec ahead sh -c 'echo world > /data/file'").ok();
    sleep(Duration::from_millis(2_200));
    engine.sh("docker exec -d ahead sh -c 'while :; do date > /data/busy; done'").ok();
    sleep(Duration::from_millis(100));

    let committed = engine.sh("dvol --format json commit -m World ahead").ok();

    let committed: serde_json::Value = serde_json::from_str(&committed).expect("JSON");
    let count = |pass: &str, what: &str| committed[pass][what].as_u64().expect("a number");
    assert!(count("copied", "files") >= 41, "{committed}");
    assert!(count("quiesced", "kept") >= 41, "{committed}");
    assert!(count("quiesced", "bytes") < 1000, "{committed}");
    assert_eq!(server.state(), "running");
    let commit = engine.pool().join("ahead/commits").join(committed["id"].as_str().expect("an id"));
    for name in ["file", "quiet0", "quiet39"] {
        let (was, is) = (fs::read(tree.join(name)), fs::read(commit.join(name)));
        assert_eq!(was.expect("in the working tree"), is.expect("in the commit"), "{name}");
    }
    assert_eq!(engine.sh("dvol status --format json ahead").ok().matches("quiet").count(), 0);
}

/// Writes when it starts and when it stops, as databases do.
const WRITES: &str = "trap 'echo stopped > /data/stopped; rm /data/pid; exit 0' TERM; echo 1 > /data/pid; \
    while :; do sleep 1000 & wait $!; done";

#[test]
fn the_reset_after_a_commit_copies_what_containers_wrote_since() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("since", "hello");
    write_quiet_files(&engine.pool().join("since/branches/master"), 40);
    let run = format!(
        "docker run -d --name since --network none -v since:/data --volume-driver=dvol busybox sh -c {}",
        quoted(WRITES)
    );
    engine.sh(&run).ok();
    let is_up = || engine.running_point("since").join("pid").exists();
    eventually("it has written", is_up);
    for commit in ["commit", "commit --pause"] {
        engine.sh(&format!("dvol {commit} -m x since")).ok();
        eventually("it has written", is_up);
        let reset = engine.sh("dvol --format json reset --hard HEAD -C since").ok();
        let reset: serde_json::Value = serde_json::from_str(&reset).expect("JSON");
        let reused = reset["quiesced"]["reused"].as_u64().expect("a number");
        assert!(reused >= 41, "after {commit}: {reset}");
        eventually("it has written", is_up);
    }
    engine.sh("docker rm -f since").ok();
}

#[test]
fn who_asks_is_told_how_long_containers_were_held_and_what_was_copied_meanwhile() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("told", "hello");
    let tree = engine.pool().join("told/branches/master");
    write_quiet_files(&tree, 20);
    let _server = Container::serve(engine, "told", "told", "");
    sleep(Duration::from_millis(2_200));
    let told = |line: &str| {
        let run = engine.sh(line);
        let done: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
        let (held, quiesced) = (&done["downtime_ms"], &done["quiesced"]);
        let (files, bytes) = (&quiesced["files"], &quiesced["bytes"]);
        let bytes = bytes.as_u64().expect("a number");
        let size = format_size(bytes);
        let words = format!("containers held for {held} ms to copy {files} files, {size}");
        assert!(run.stderr.contains(&words), "{words:?} is not in {:?}", run.stderr);
        (held.as_u64().expect("a number"), bytes)
    };

    // Too young for the first pass, however long that takes to begin.
    fs::write(tree.join("late"), vec![b'l'; 5_000]).expect("the test can write");
    let late = fs::File::options().write(true).open(tree.join("late")).expect("it is there");
    late.set_modified(SystemTime::now() + Duration::from_secs(3600)).expect("a file has a time");
    let (held, bytes) = told("dvol -v --format json commit -m Told told");
    assert!(held > 0, "a container takes its time to stop");
    assert!((5_000..10_000).contains(&bytes), "{bytes} bytes");

    // What a reset brings back comes from a commit, which no process writes to: all of it is copied
    // before.
    fs::write(tree.join("late"), vec![b'x'; 5_000]).expect("the test can write");
    let (held, bytes) = told("dvol -v --format json reset --hard HEAD told");
    assert!(held > 0 && bytes == 0, "{held} ms, {bytes} bytes");
}

#[test]
fn list_names_the_containers_of_a_volume() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("listed", "hello");
    let _server = Container::serve(engine, "listed_server", "listed", "");

    let list = engine.sh("dvol list").ok();

    let head: Vec<&str> = list.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(head[..5], ["VOLUME", "BRANCH", "HEAD", "AGE", "SIZE"]);
    assert_eq!(head.last(), Some(&"CONTAINERS"));
    let line = list.lines().find(|line| line.contains("listed ")).unwrap_or_else(|| panic!("{list}"));
    assert!(line.contains("master") && line.contains("listed_server"), "{line}");
}
