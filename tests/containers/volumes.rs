//! The engine's own volume commands, on volumes of dvol's.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use support::containers::Engine;
use support::eventually;

#[test]
fn docker_run_makes_a_volume_that_nobody_made_before() {
    let Some(engine) = Engine::shared() else { return };
    engine
        .sh("docker run --rm -v fresh:/data --volume-driver=dvol busybox sh -c 'echo hello > /data/file'")
        .ok();

    assert_eq!(engine.on_disk("fresh"), "hello");
    assert!(engine.sh("dvol branch -C fresh").ok().contains("* master"));
    engine.sh("dvol commit -m Hello fresh").ok();
}

#[test]
fn an_unprivileged_process_can_write_to_a_new_volume() {
    let Some(engine) = Engine::shared() else { return };
    engine.sh("dvol init for_all").ok();
    let run = "docker run --rm -u 1000:1000 -v for_all:/data --volume-driver=dvol busybox";
    engine.sh(&format!("{run} sh -c 'echo mine > /data/file'")).ok();
    assert_eq!(engine.on_disk("for_all"), "mine");
}

#[test]
fn the_engines_volume_commands_see_what_dvol_sees() {
    let Some(engine) = Engine::shared() else { return };
    engine.sh("dvol init seen").ok();
    engine.sh("docker volume create -d dvol made_by_docker").ok();

    let listed = engine.sh("docker volume ls -f driver=dvol --format '{{.Name}}'").ok();
    for name in ["seen", "made_by_docker"] {
        assert!(listed.lines().any(|line| line == name), "{name} is not in {listed}");
    }
    let list = engine.sh("dvol list").ok();
    assert!(list.contains("made_by_docker"), "{list}");

    let mountpoint = engine.sh("docker volume inspect -f '{{.Driver}} {{.Mountpoint}}' seen").ok();
    assert_eq!(mountpoint, format!("dvol {}", engine.running_point("seen").display()));

    let dirty = || engine.sh("docker volume inspect -f '{{.Status.branch}} {{.Status.dirty}}' seen").ok();
    eventually("there is nothing to commit", || dirty() == "master false");
    engine.write("seen", "hello");
    eventually("there is something to commit", || dirty() == "master true");
    let size = "docker volume inspect -f '{{json .Status.sizes.working_tree.logical}}' seen";
    eventually("the engine shows its size", || engine.sh(size).ok() == "5");

    engine.sh("docker volume create -d dvol made_by_docker").ok(); // again is no error
    engine.sh("docker volume rm made_by_docker").ok();
    assert!(!engine.sh("dvol list").ok().contains("made_by_docker"));
    assert!(!engine.pool().join("made_by_docker").exists());
}

#[test]
fn a_name_that_leaves_the_pool_is_refused_in_words_and_makes_nothing() {
    let Some(engine) = Engine::shared() else { return };
    let said = engine.sh("docker volume create -d dvol .hidden").refused();
    assert!(said.contains("is not a valid volume name"), "{said}");
    assert!(!engine.pool().join(".hidden").exists());
}

#[test]
fn what_an_image_holds_at_the_mount_point_is_copied_up_with_its_owner_and_mode() {
    let Some(engine) = Engine::shared() else { return };
    let make = "mkdir /seed && echo seeded > /seed/file && chown -R 1000:1000 /seed && chmod 0750 /seed";
    engine.sh(&format!("docker run --name seeder busybox sh -c '{make}'")).ok();
    engine.sh("docker commit seeder seeded").ok();

    engine.sh("docker run --rm -v seeds:/seed --volume-driver=dvol seeded true").ok();

    assert_eq!(engine.on_disk("seeds"), "seeded");
    let root = fs::metadata(engine.running_point("seeds")).expect("the running point leads somewhere");
    assert_eq!((root.uid(), root.gid(), root.mode() & 0o7777), (1000, 1000, 0o750));
    let link = fs::symlink_metadata(engine.running_point("seeds")).expect("the running point is there");
    assert_eq!(link.uid(), 0, "the owner landed on the symlink");
}
