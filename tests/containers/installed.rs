//! Ways to install the driver in which the engine runs it: as a container beside a script for the
//! command line, and as a managed plugin. Both take the static dvol of tools/package/static.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use support::containers::Engine;
use support::{eventually, skip};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The static dvol, or none where none was built.
#[track_caller]
pub(crate) fn static_dvol() -> Option<PathBuf> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new(ROOT).join("target"), PathBuf::from);
    let triple = format!("{}-unknown-linux-{}", std::env::consts::ARCH, env_of_libc());
    let dvol = target.join(triple).join("release/dvol");
    if dvol.exists() {
        return Some(dvol);
    }
    skip("tools/package/static has built no static dvol");
    None
}

fn env_of_libc() -> &'static str {
    if cfg!(target_env = "musl") { "musl" } else { "gnu" }
}

/// Makes the image `dvol` as the Dockerfile does, but for the build.
#[track_caller]
pub(crate) fn make_image(engine: &Engine, dvol: &Path) {
    let image = engine.dir().join("image");
    let bin = image.join("usr/local/bin");
    fs::create_dir_all(&bin).expect("it can be made");
    fs::copy(dvol, bin.join("dvol")).expect("it can be copied");
    fs::copy(Path::new(ROOT).join("tools/package/client"), image.join("client")).expect("it can be copied");
    let dockerfile = fs::read_to_string(Path::new(ROOT).join("Dockerfile")).expect("it can be read");
    let last = dockerfile.rsplit("FROM scratch").next().expect("one part is the last");
    let changes = last.lines().filter(|line| line.starts_with("ENV ") || line.starts_with("CMD "));
    let changes: String = changes.map(|line| format!(" -c '{line}'")).collect();
    engine.sh(&format!("tar -C {} -c . | docker import{changes} - dvol", image.display())).ok();
}

/// What a person does first, with the command line `dvol` and a driver that the engine runs. The
/// engine's host has the pool at `pool`.
#[track_caller]
pub(crate) fn walk_through(engine: &Engine, dvol: &str, pool: &Path) {
    let sh = |line: &str| engine.sh(&format!("export DVOL_POOL={}; {line}", pool.display())).ok();
    let run = "docker run --network none -v shop:/data --volume-driver=dvol";
    sh(&format!("{dvol} init shop"));
    sh(&format!("{run} --rm busybox sh -c 'echo hello > /data/file'"));
    let serve = "trap \"exit 0\" TERM; echo up >> /data/starts; while :; do sleep 1000 & wait $!; done";
    sh(&format!("{run} -d --name server busybox sh -c '{serve}'"));
    assert!(sh(&format!("{dvol} list")).contains("server"));
    sh(&format!("{dvol} commit -m Hello shop"));
    sh(&format!("{run} --rm busybox sh -c 'echo world > /data/file'"));
    sh(&format!("{dvol} reset --hard HEAD shop"));
    assert_eq!(sh(&format!("{run} --rm busybox cat /data/file")), "hello");
    // Started by the run, the commit and the reset, which took away the line of the second.
    assert_eq!(sh("docker exec server cat /data/starts | wc -l"), "2");
    sh(&format!("{dvol} checkout -b tests shop"));
    sh("docker exec server touch /data/on_tests");
    assert!(
        pool.join("shop/branches/tests/on_tests").exists(),
        "its data is not where the host has the pool"
    );
    sh("docker volume create -d dvol -o from=shop:HEAD worker");
    assert_eq!(sh("docker run --rm -v worker:/data busybox cat /data/file"), "hello");
    sh("docker volume rm worker");
    sh(&format!("{dvol} undo worker"));
    assert!(sh(&format!("{dvol} doctor || true")).contains("ok    driver"));
}

#[test]
fn the_driver_in_a_container_with_a_script_for_the_command_line() {
    let (Some(dvol), Some(engine)) = (static_dvol(), Engine::without_driver()) else { return };
    let dir = engine.dir().display();
    make_image(&engine, &dvol);
    // As the Dockerfile says, but for where this engine and its pool are.
    engine
        .sh(&format!(
            "docker run -d --name dvol --restart always --network none --cap-add SYS_ADMIN \
             -v {dir}/dvol:{dir}/dvol -e DVOL_POOL={dir}/dvol/volumes \
             -v /run/docker/plugins:/run/docker/plugins -v {dir}/docker.sock:/var/run/docker.sock dvol \
             && docker cp dvol:/client {dir}/client"
        ))
        .ok();
    let client = format!("{dir}/client");
    walk_through(&engine, &client, &engine.dir().join("dvol/volumes"));
    // Files of the directory that it is called in are at hand, and exit codes are dvol's.
    let sh = |line: &str| engine.sh(&format!("export DVOL_POOL={dir}/dvol/volumes; cd {dir}/image; {line}"));
    sh(&format!("{client} export shop shop.tar && {client} import - copy < shop.tar")).ok();
    assert_eq!(sh(&format!("{client} nosuch")).code, 2);
    // A driver that is gone, and comes back, serves what was there.
    engine.sh("docker rm -f server && docker restart -t 5 dvol").ok();
    assert_eq!(
        engine.sh("docker run --rm -v copy:/data --volume-driver=dvol busybox cat /data/file").ok(),
        "hello"
    );
}

/// A registry on the loopback device of the engine's own network.
struct Registry(Child);

impl Registry {
    const ADDRESS: &str = "127.0.0.1:5000";

    /// None where Debian's docker-registry is not installed.
    #[track_caller]
    fn start(engine: &Engine) -> Option<Self> {
        if !Command::new("docker-registry").arg("help").output().is_ok_and(|said| said.status.success()) {
            skip("it needs docker-registry");
            return None;
        }
        let (dir, settings) = (engine.dir().display(), engine.dir().join("registry.yml"));
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {dir}/registry}}}}\nhttp: {{addr: {}}}\n",
            Self::ADDRESS
        );
        fs::write(&settings, text).expect("it can be written");
        let holder = fs::read_to_string(engine.dir().join("holder")).expect("the engine runs");
        let inside = format!("--net=/proc/{}/ns/net", holder.split(' ').next().expect("a number"));
        let up = Command::new("nsenter").args([&inside, "ip", "link", "set", "lo", "up"]).status();
        assert!(up.expect("it can be run").success(), "the loopback device is not up");
        let mut serve = Command::new("nsenter");
        serve
            .args([&inside, "docker-registry", "serve"])
            .arg(settings)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Some(Registry(serve.spawn().expect("it can be run")))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_driver_as_a_managed_plugin_of_a_registry_keeps_data_when_it_is_upgraded() {
    let (Some(dvol), Some(engine)) = (static_dvol(), Engine::without_driver()) else { return };
    let Some(_registry) = Registry::start(&engine) else { return };
    let dir = engine.dir().display();
    fs::create_dir(engine.dir().join("dvol")).expect("it can be made");
    engine.sh(&format!("{ROOT}/tools/package/plugin {dir}/plugin {}", dvol.display())).ok();
    let named = |version: u32| format!("{}/dvol:{version}", Registry::ADDRESS);
    for version in [1, 2] {
        let name = named(version);
        fs::write(engine.dir().join("plugin/rootfs/version"), version.to_string())
            .expect("it can be written");
        engine.sh(&format!("docker plugin create {name} {dir}/plugin")).ok();
        eventually("the registry takes it", || engine.sh(&format!("docker plugin push {name}")).code == 0);
        engine.sh(&format!("docker plugin rm {name}")).ok();
    }
    let settings = format!("pool.source={dir}/dvol engine.source={dir}/docker.sock");
    engine
        .sh(&format!("docker plugin install --grant-all-permissions --alias dvol {} {settings}", named(1)))
        .ok();
    let run = "docker run --network none -v shop:/data --volume-driver=dvol";
    engine.sh(&format!("{run} --rm busybox sh -c 'echo hello > /data/file'")).ok();
    engine.sh(&format!("DVOL_POOL={dir}/dvol/volumes dvol commit -m Hello shop")).ok();

    // The engine forgets what was set.
    let upgrade = format!(
        "docker plugin disable -f dvol && docker plugin upgrade --grant-all-permissions --skip-remote-check dvol {} \
         && docker plugin set dvol {settings} && docker plugin enable dvol",
        named(2)
    );
    engine.sh(&upgrade).ok();
    assert!(engine.sh("docker plugin inspect -f '{{.PluginReference}}' dvol").ok().ends_with("dvol:2"));
    assert_eq!(engine.sh(&format!("{run} --rm busybox cat /data/file")).ok(), "hello");
    assert!(engine.sh(&format!("DVOL_POOL={dir}/dvol/volumes dvol log shop")).ok().contains("Hello"));
}

#[test]
fn the_driver_as_a_managed_plugin_keeps_data_and_containers_when_it_is_upgraded() {
    let (Some(dvol), Some(engine)) = (static_dvol(), Engine::without_driver()) else { return };
    let dir = engine.dir().display();
    fs::create_dir(engine.dir().join("dvol")).expect("it can be made");
    engine.sh(&format!("{ROOT}/tools/package/plugin {dir}/plugin {}", dvol.display())).ok();
    let install = format!(
        "docker plugin create dvol {dir}/plugin \
         && docker plugin set dvol pool.source={dir}/dvol engine.source={dir}/docker.sock && docker plugin enable dvol"
    );
    engine.sh(&install).ok();
    walk_through(&engine, "dvol", &engine.dir().join("dvol/volumes"));

    let upgrade = format!("docker plugin disable -f dvol && docker plugin rm -f dvol && {install}");
    engine.sh(&upgrade).ok();
    engine.sh("docker exec server touch /data/upgraded").ok();
    assert!(engine.dir().join("dvol/volumes/shop/branches/tests/upgraded").exists());
    let commit = engine.sh(&format!("DVOL_POOL={dir}/dvol/volumes dvol commit -m upgraded shop"));
    commit.ok();
    let listed = engine.sh("docker run --rm -v shop:/data --volume-driver=dvol busybox ls /data/upgraded");
    assert_eq!(listed.ok(), "/data/upgraded");
}
