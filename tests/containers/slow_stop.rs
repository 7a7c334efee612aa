//! A container that takes its time to stop: its own limit holds, unless a setting or, above that, a
//! flag says otherwise.

use std::fs;

use support::containers::Engine;
use support::eventually;

/// Needs two seconds to end in good order, and says so then.
const SLOW: &str = "trap 'sleep 2; echo ended >> /data/ended; exit 0' TERM; echo up >> /data/up; \
    while :; do sleep 1000 & wait $!; done";

#[test]
fn a_container_has_as_long_to_stop_as_it_says_or_the_setting_or_the_flag() {
    let Some(engine) = Engine::shared() else { return };
    engine.sh("dvol init slow").ok();
    let lines = |file: &str| {
        let text = fs::read_to_string(engine.running_point("slow").join(file)).unwrap_or_default();
        text.lines().count()
    };
    let run = |own: &str| {
        let up = lines("up");
        let line = format!(
            "docker rm -f slow; docker run -d --name slow --network none {own} -v slow:/data --volume-driver=dvol \
             busybox sh -c \"{}\"",
            SLOW.replace('$', "\\$")
        );
        engine.sh(&line).ok();
        eventually("it runs", || lines("up") > up);
    };
    let set = |value: &str| engine.sh(&format!("dvol config -C slow containers.stop-timeout {value}")).ok();
    // Whether it came to its end, and lived on.
    let check = |what: &str, command: &str, in_time: bool| {
        let (up, ended) = (lines("up"), lines("ended"));
        let done = engine.sh(command);
        let warned = done.stderr.contains("container slow did not stop in time and was killed");
        done.ok();
        eventually("it runs again", || lines("up") > up);
        assert_eq!(lines("ended") > ended, in_time, "{what}");
        assert_eq!(warned, !in_time, "{what}: {warned}");
    };

    run("--stop-timeout 1");
    check("its own limit is short", "dvol commit -m x slow", false);
    check("the flag is longer", "dvol --stop-timeout 30 commit -m x slow", true);
    set("30");
    check("the setting is longer", "dvol commit -m x slow", true);
    check("the flag is shorter than the setting", "dvol --stop-timeout 1 commit -m x slow", false);

    run("--stop-timeout 30");
    set("1");
    check("the setting is shorter", "dvol commit -m x slow", false);
    engine.sh("dvol config -C slow --unset containers.stop-timeout").ok();
    check("its own limit is long", "dvol commit -m x slow", true);
    engine.sh("docker rm -f slow").ok();
}

#[test]
fn a_restart_gives_a_container_as_long() {
    let Some(engine) = Engine::shared() else { return };
    engine.sh("dvol init slow_restart && dvol config -C slow_restart containers.stop-timeout 30").ok();
    engine.sh("dvol commit -m one slow_restart").ok();
    assert!((0..5).any(|_| has_time_at_a_restart(engine)), "the engine lost it five times");
}

/// False when the engine lost the container.
fn has_time_at_a_restart(engine: &Engine) -> bool {
    let line = format!(
        "docker run -d --rm --name slow_restart --stop-timeout 1 --network none -v slow_restart:/data \
         --volume-driver=dvol busybox sh -c \"{}\"",
        SLOW.replace("/data/ended", "/ended").replace('$', "\\$")
    );
    engine.sh(&line).ok();
    eventually("it runs", || engine.running_point("slow_restart").join("up").exists());
    let reset = engine.sh("dvol --pause reset --hard HEAD slow_restart");
    if engine.has_lost("slow_restart", &reset, "test -e /ended") {
        engine.remove_lost("slow_restart");
        return false;
    }
    reset.ok();
    assert_eq!(engine.sh("docker exec slow_restart cat /ended").ok(), "ended", "it had no time to end");
    engine.sh("docker rm -f slow_restart").ok();
    true
}
