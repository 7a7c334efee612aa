//! A pool in an image, with a real engine: it moves while no container runs on it, and a driver in
//! a container mounts it for the engine's host.

use std::fs;
use std::path::Path;
use std::process::Command;

use support::containers::{Container, Engine};
use support::eventually;

use crate::installed::{make_image, static_dvol};

/// The prefix of a command that runs where the engine runs: it has mounts of its own, and sees none
/// that are made outside.
fn inside(engine: &Engine) -> String {
    format!("{}/tools/engine enter {}", env!("CARGO_MANIFEST_DIR"), engine.dir().display())
}

/// Unmounts a pool outside of the engine's namespace when a test ends.
struct Unmounted<'e>(&'e Engine);

impl Drop for Unmounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.pool()).output();
    }
}

#[test]
fn a_pool_moves_into_an_image_while_no_container_runs_on_it() {
    let Some(engine) = Engine::of_its_own() else { return };
    let _mounted = Unmounted(&engine);
    engine.volume_with("db", "hello");
    let server = Container::serve(&engine, "server", "db", "");
    let said = engine.sh("dvol pool move image --size 400M").refused();
    assert!(
        said.contains("container server runs on its volumes") && said.contains("docker stop server"),
        "{said}"
    );
    assert!(!engine.dir().join("pool.img").exists() && !engine.dir().join("pool.new").exists());
    engine.sh("docker stop server").ok();
    engine.sh("dvol pool move image --size 400M").ok();
    // What a host's mount propagates to its engine, this one must be given.
    let pool = engine.pool().display().to_string();
    let device = engine.sh(&format!("findmnt -no SOURCE --mountpoint {pool}")).ok();
    engine.sh(&format!("{} mount -o nouuid {} {pool}", inside(&engine), device.trim())).ok();
    engine.sh("docker start server").ok();
    assert_eq!(server.served(), "hello");
    engine.sh("docker exec server sh -c 'echo world > /data/file'").ok();
    engine.sh("dvol commit -m World db").ok();
    engine.sh("dvol reset --hard HEAD~1 db").ok();
    assert_eq!(server.served(), "hello");
    engine.sh("dvol pool move directory").refused();
    engine.sh("docker stop server").ok();
    engine.sh(&format!("{} umount {pool}", inside(&engine))).ok();
    engine.sh("dvol pool move directory").ok();
    engine.sh("docker start server").ok();
    assert_eq!(server.served(), "hello");
    engine.sh("dvol fsck").ok();
}

#[test]
fn a_driver_in_a_container_mounts_the_image_for_the_engine() {
    let (Some(dvol), Some(engine)) = (static_dvol(), Engine::without_driver()) else { return };
    let dir = engine.dir().display();
    make_image(&engine, &dvol);
    let inside = inside(&engine);
    // As on a host of systemd: mounts beneath are shared with those who ask.
    engine.sh(&format!("mkdir {dir}/dvol && {inside} sh -c 'mount --bind {dir}/dvol {dir}/dvol && mount --make-shared {dir}/dvol'")).ok();
    let host = |line: &str| engine.sh(&format!("export DVOL_POOL={dir}/dvol/volumes; {inside} {line}"));
    host(&format!("{} pool create --size 400M", dvol.display())).ok();
    host(&format!("{} init shop", dvol.display())).ok();
    host(&format!("{} pool unmount", dvol.display())).ok();
    let run = |how: &str| {
        engine.sh(&format!(
            "docker run -d --name dvol --network none --cap-add SYS_ADMIN {how} -e DVOL_POOL={dir}/dvol/volumes \
             --security-opt apparmor=unconfined \
             -v /run/docker/plugins:/run/docker/plugins -v {dir}/docker.sock:/var/run/docker.sock dvol"
        ))
    };
    // Without a way for mounts to the host, nothing is mounted and nothing is made.
    run(&format!("-v {dir}/dvol:{dir}/dvol")).ok();
    let log = || engine.sh("docker logs dvol 2>&1").stdout;
    eventually("the driver says so", || log().contains("does not reach the engine"));
    let line = "docker run --rm --network none -v shop:/data --volume-driver=dvol busybox touch /data/lost";
    assert!(engine.sh(line).code != 0, "{}", log());
    assert!(fs::read_dir(engine.dir().join("dvol/volumes")).expect("it is there").next().is_none());
    engine.sh("docker rm -f dvol").ok();

    let rules = "--device-cgroup-rule='c 10:237 rwm' --device-cgroup-rule='b 7:* rwm'";
    run(&format!("{rules} -v {dir}/dvol:{dir}/dvol:rshared")).ok();
    eventually("the host has it", || host(&format!("mountpoint -q {dir}/dvol/volumes")).code == 0);
    let run = "docker run --rm --network none -v shop:/data --volume-driver=dvol busybox";
    engine.sh(&format!("{run} sh -c 'echo hello > /data/file'")).ok();
    let dvol = dvol.display();
    host(&format!("{dvol} commit -m Hello shop")).ok();
    engine.sh(&format!("{run} sh -c 'echo world > /data/file'")).ok();
    host(&format!("{dvol} reset --hard HEAD shop")).ok();
    assert_eq!(engine.sh(&format!("{run} cat /data/file")).ok(), "hello");
    assert!(Path::new(&format!("{dir}/dvol/volumes.img")).exists());
    engine.sh("docker rm -f dvol").ok();
}

#[test]
fn a_managed_plugin_mounts_the_image_for_the_engine() {
    let (Some(dvol), Some(engine)) = (static_dvol(), Engine::without_driver()) else { return };
    let dir = engine.dir().display();
    let inside = inside(&engine);
    engine.sh(&format!("mkdir {dir}/dvol && {inside} sh -c 'mount --bind {dir}/dvol {dir}/dvol && mount --make-shared {dir}/dvol'")).ok();
    let host = |line: &str| engine.sh(&format!("export DVOL_POOL={dir}/dvol/volumes; {inside} {line}"));
    let dvol = dvol.display();
    host(&format!("{dvol} pool create --size 400M")).ok();
    host(&format!("{dvol} init shop")).ok();
    host(&format!("{dvol} pool unmount")).ok();
    let root = env!("CARGO_MANIFEST_DIR");
    engine.sh(&format!("{root}/tools/package/plugin {dir}/plugin {dvol}")).ok();
    engine
        .sh(&format!(
            "docker plugin create dvol {dir}/plugin \
             && docker plugin set dvol pool.source={dir}/dvol engine.source={dir}/docker.sock \
             && docker plugin enable dvol"
        ))
        .ok();
    eventually("the host has it", || host(&format!("mountpoint -q {dir}/dvol/volumes")).code == 0);
    let run = "docker run --rm --network none -v shop:/data --volume-driver=dvol busybox";
    engine.sh(&format!("{run} sh -c 'echo hello > /data/file'")).ok();
    host(&format!("{dvol} commit -m Hello shop")).ok();
    engine.sh(&format!("{run} sh -c 'echo world > /data/file'")).ok();
    host(&format!("{dvol} reset --hard HEAD shop")).ok();
    assert_eq!(engine.sh(&format!("{run} cat /data/file")).ok(), "hello");
}
