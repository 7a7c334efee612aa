//! Podman: its containers, stopped and started through its API socket, on the same driver.

use std::fs;

use support::containers::Podman;
use support::eventually;

use crate::compose::{TILL, has_nothing_to_say};

/// How often the containers have started, as the tree at `path` tells.
fn starts(podman: &Podman, volume: &str) -> usize {
    let path = podman.running_point(volume).join("starts");
    fs::read_to_string(path).unwrap_or_default().lines().count()
}

#[test]
fn what_a_container_of_podman_overwrote_is_had_back() {
    let Some(podman) = Podman::start() else { return };
    podman.sh("podman volume create --driver dvol frob").ok();
    let run = "podman run --rm -v frob:/data busybox";
    podman.sh(&format!("{run} sh -c 'echo hello > /data/file'")).ok();
    podman.sh("dvol commit -m Hello frob").ok();
    podman.sh(&format!("{run} sh -c 'echo world > /data/file'")).ok();
    podman.sh("dvol reset --hard HEAD frob").ok();
    assert_eq!(podman.sh(&format!("{run} cat /data/file")).ok(), "hello");

    // Another branch at the same time, and a copy.
    podman.sh("podman volume create --driver dvol -o worktree=frob -o branch=side frob_side").ok();
    podman.sh(&format!("{} sh -c 'echo side > /data/file'", run.replace("frob", "frob_side"))).ok();
    podman.sh("dvol commit -m Side frob_side").ok();
    assert_eq!(podman.sh(&format!("{run} cat /data/file")).ok(), "hello");
    podman.sh("podman volume create --driver dvol -o from=frob:side copy").ok();
    assert_eq!(podman.sh(&format!("{} cat /data/file", run.replace("frob", "copy"))).ok(), "side");

    // Podman goes by the status of an answer: what the driver refuses must not look like done.
    for (option, reason) in [("nosuch=1", "unsupported option"), ("from=none", "does not exist")] {
        let said = podman.sh(&format!("podman volume create --driver dvol -o {option} refused"));
        assert!(said.code != 0 && said.stderr.contains(reason), "{said}");
    }
    let listed = podman.sh("podman volume ls --format '{{.Name}}'").ok();
    assert!(!listed.contains("refused"), "{listed}");
}

#[test]
fn compose_works_on_podmans_socket_and_has_no_cause_to_warn() {
    let Some(podman) = Podman::start() else { return };
    let home = podman.home("shop");
    fs::write(home.join("docker-compose.yml"), TILL).expect("it can be written");
    let sh = |line: &str| podman.sh(&format!("cd {} && {line}", home.display()));
    let compose = |words: &str| {
        has_nothing_to_say(
            &sh(&format!("DOCKER_HOST=$CONTAINER_HOST docker-compose {words} </dev/null 2>&1")).ok(),
        );
    };
    compose("up -d");
    let container = sh("podman ps --format '{{.Names}}'").ok();
    podman.inside(&container, "sh -c 'echo one >/db/file'").ok();
    sh("dvol commit --project . -m one").ok();
    podman.inside(&container, "sh -c 'echo two >/db/file'").ok();
    sh("dvol reset --hard HEAD --project .").ok();
    assert_eq!(podman.inside(&container, "cat /db/file").ok(), "one");
    compose("down -v");
    sh("dvol undo --project .").ok();
    compose("up -d");
    assert_eq!(podman.inside(&container, "cat /db/file").ok(), "one");
    compose("down");
}

#[test]
fn containers_of_podman_follow_their_volume() {
    let Some(podman) = Podman::start() else { return };
    podman.sh("podman volume create --driver dvol shop").ok();
    podman.sh("podman volume create --driver dvol other").ok();
    podman.serve("shop_db", "shop", "");
    podman.serve("shop_web", "shop", "");
    podman.serve("stranger", "other", "");
    let doctor = podman.sh("dvol doctor").stdout;
    assert!(doctor.contains("ok    engine       podman "), "{doctor}");
    assert!(doctor.contains("knows the volume driver dvol"), "{doctor}");
    let listed = podman.sh("dvol list").ok();
    assert!(listed.contains("shop_db,shop_web"), "{listed}");

    // Stopped for the copy and started again.
    podman.sh("dvol commit -m one shop").ok();
    eventually("both have started again", || starts(&podman, "shop") == 4);
    podman.sh("dvol reset --hard HEAD shop").ok();
    eventually("both have started on the commit, and again", || starts(&podman, "shop") == 4);

    // Onto another tree, whichever way they are held: podman would restart them on the old one.
    for (how, branch) in [("", "stopped"), ("--pause", "frozen")] {
        podman.sh(&format!("dvol checkout {how} -b {branch} shop")).ok();
        for name in ["shop_db", "shop_web"] {
            podman.inside(name, &format!("touch /data/{name}.{branch}")).ok();
            assert!(podman.running_point("shop").join(format!("{name}.{branch}")).exists(), "{how}");
        }
        podman.sh(&format!("dvol commit --pause -m {branch} shop")).ok();
    }
    assert_eq!(podman.sh("podman ps --format '{{.Names}}' | sort | xargs").ok(), "shop_db shop_web stranger");
    assert_eq!(starts(&podman, "other"), 1, "a container of another volume was touched");

    podman.sh("dvol rm -f shop").refused();
    podman.sh("podman rm -f --time 2 shop_db shop_web && podman volume rm shop").ok();
    podman.sh("dvol undo shop").ok();
    assert!(podman.running_point("shop").join("shop_db.frozen").exists());
    // Podman keeps a list of its own, and would make an ordinary volume of a name that is not in
    // there.
    podman.sh("dvol init made_by_dvol && podman volume reload").ok();
    podman.sh("podman run --rm -v shop:/data busybox ls /data/shop_db.frozen").ok();
    podman.sh("podman run --rm -v made_by_dvol:/data busybox touch /data/file").ok();
    assert!(podman.running_point("made_by_dvol").join("file").exists());
}

#[test]
fn a_container_that_podman_would_delete_is_copied_frozen_and_never_swapped() {
    let Some(podman) = Podman::start() else { return };
    podman.sh("podman volume create --driver dvol brief").ok();
    podman.serve("brief", "brief", "--rm");
    let said = podman.sh("dvol commit -m one brief").refused();
    assert!(said.contains("instead of stopping them: --pause"), "{said}");
    podman.sh("dvol commit --pause -m one brief").ok();
    for how in ["", "--pause"] {
        let said = podman.sh(&format!("dvol reset {how} --hard HEAD brief")).refused();
        assert!(said.contains("would be deleted") && !said.contains("--pause"), "{said}");
    }
    podman.inside("brief", "true").ok();
    assert_eq!(starts(&podman, "brief"), 1);
}
