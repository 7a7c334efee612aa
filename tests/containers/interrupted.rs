//! Ctrl-C and SIGTERM while dvol waits for a container: they are answered at once, and the
//! container comes back.

use std::fs;

use support::containers::{Container, Engine};
use support::eventually;

/// Takes its time to end, and says when it comes up.
const SLOW: &str =
    "trap 'sleep 20; exit 0' TERM; echo up >> /data/up; while :; do sleep 1000 & wait $!; done";

/// Runs dvol with `words`, sends it `signal` once `reached` succeeds, and gives its exit code last.
fn line(words: &str, reached: &str, signal: &str) -> String {
    format!(
        "dvol {words} 2>/tmp/dvol-interrupted.$$ & p=$!
         until {reached}; do kill -0 $p || break; sleep 0.1; done
         kill -{signal} $p; wait $p; code=$?
         cat /tmp/dvol-interrupted.$$ >&2; rm /tmp/dvol-interrupted.$$; exit $code"
    )
}

#[test]
fn a_command_before_a_commit_is_given_up() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("given_up", "hello");
    let server = Container::serve(engine, "given_up", "given_up", "");
    // The one that fails is shown as text, whatever it prints.
    engine.sh("dvol config -C given_up containers.pre-commit \"printf 'a\\302\\2332Jb\\342\\200\\256c\\033]0;x'; exit 3\"").ok();
    let said = engine.sh("dvol commit -m x given_up");
    assert!(said.code == 1 && said.stderr.contains("a\\u{9b}2Jb\\u{202e}c\\x1b]0;x"), "{said}");
    engine.sh("dvol config -C given_up containers.pre-commit 'touch /tmp/began; sleep 300'").ok();
    engine.sh("dvol config -C given_up containers.post-commit 'touch /tmp/ended'").ok();
    for signal in ["INT", "TERM"] {
        engine.sh("docker exec given_up rm -f /tmp/began /tmp/ended").ok();
        let said =
            engine.sh(&line("commit -m x given_up", "docker exec given_up test -e /tmp/began", signal));
        assert!(said.code == 130 && said.stderr.contains("nothing changed"), "{said}");
        assert_eq!((server.state().as_str(), server.served().as_str()), ("running", "hello"));
        // What comes after a commit undoes what came before it.
        engine.sh("docker exec given_up test -e /tmp/ended").ok();
    }
    assert_eq!(engine.sh("dvol log --format '%s' given_up").ok(), "the first");
    // The same afterwards: the commit does not hold yet when its containers go on.
    engine.sh("dvol config -C given_up --unset containers.pre-commit").ok();
    engine.sh("dvol config -C given_up containers.post-commit 'touch /tmp/after; sleep 300'").ok();
    let said = engine.sh(&line("commit -m two given_up", "docker exec given_up test -e /tmp/after", "INT"));
    assert!(said.code == 130 && said.stderr.contains("nothing changed"), "{said}");
    assert!(said.stderr.contains("interrupted; it goes on in the container"), "{said}");
    assert_eq!((server.state().as_str(), server.served().as_str()), ("running", "hello"));
    assert_eq!(engine.sh("dvol log --format '%s' given_up").ok(), "the first");
    engine.sh("docker rm -f given_up").ok();
}

#[test]
fn a_container_that_is_still_stopping_comes_back() {
    let Some(engine) = Engine::shared() else { return };
    engine.sh("dvol init cut_short").ok();
    let started = || {
        fs::read_to_string(engine.running_point("cut_short").join("up")).unwrap_or_default().lines().count()
    };
    engine
        .sh(&format!(
            "docker run -d --name cut_short --network none --stop-timeout 60 -v cut_short:/data \
             --volume-driver=dvol busybox sh -c \"{}\"",
            SLOW.replace('$', "\\$")
        ))
        .ok();
    eventually("it runs", || started() == 1);
    // dvol says so after a second, and does not wait for the rest.
    let is_told = "grep -q 'for container cut_short to stop; --stop-timeout' /tmp/dvol-interrupted.$$";
    let said = engine.sh(&line("commit -m x cut_short", is_told, "INT"));
    assert!(said.code == 130 && said.stderr.contains("nothing changed"), "{said}");
    assert!(said.stderr.contains("still stopping"), "{said}");
    eventually("it runs again", || started() == 2);
    // A dvol that is killed meanwhile leaves that to the driver.
    let said = engine.sh(&line("commit -m x cut_short", is_told, "KILL"));
    assert_eq!(said.code, 137, "{said}");
    eventually("the driver starts it again", || started() == 3);
    assert_eq!(engine.sh("docker inspect -f '{{.State.Running}}' cut_short").ok(), "true");
    assert_eq!(engine.sh("dvol log cut_short").ok(), "");
    engine.sh("docker rm -f cut_short").ok();
}
