//! Podman: its containers, stopped and started through its API socket, on the same driver.

use std::fs;

use support::containers::Podman;

/// How often the containers have started, as the tree at `path` tells.
fn starts(podman: &Podman, volume: &str) -> usize {
    let path = podman.running_point(volume).join("starts");
    fs::read_to_string(path).unwrap_or_default().lines().count()
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
    assert_eq!(starts(&podman, "shop"), 4);
    podman.sh("dvol reset --hard HEAD shop").ok();
    assert_eq!(starts(&podman, "shop"), 4, "two of the commit, and again two");

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
