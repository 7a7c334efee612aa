//! A rootless Docker and a rootless podman: the engine, the driver and the command line run as a
//! user who is not root.
//!
//! These tests make a user, so they run where `DVOL_TEST_ENGINE` names a Debian.

use std::fs;

use support::containers::Engine;
use support::{Outcome, dvol, eventually};

const TOOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/engine");

/// What root does first: a user with a home, and a network device that the user may open.
const SETUP: &str = r#"
set -e
useradd -u 1000 -d "$D/home" -M -s /bin/bash tester
mkdir -p "$D/home" /run/user/1000 "$D/image/bin"
chown tester "$D/home" /run/user/1000
chmod 0700 /run/user/1000
# Docker 20.10 looks for drivers in directories of root only.
case $(dockerd --version) in
    *" 20."*)
        mkdir -p /etc/docker/plugins
        echo unix:///run/user/1000/dvol.sock >/etc/docker/plugins/dvol.spec ;;
esac
mount -t tmpfs none /dev/net
mknod -m 0666 /dev/net/tun c 10 200
cp "$(command -v busybox)" "$D/image/bin/busybox"
for applet in sh cat sleep touch chown stat; do ln -s busybox "$D/image/bin/$applet"; done
"#;

/// What a user has in the environment.
const ENVIRONMENT: &str = r#"
export HOME=$D/home XDG_RUNTIME_DIR=/run/user/1000
export PATH=$D:/usr/share/docker.io/contrib:/usr/sbin:/usr/bin:/sbin:/bin
export DOCKER_HOST=unix://$XDG_RUNTIME_DIR/docker.sock DVOL_POOL=$HOME/.local/share/dvol/volumes
cd "$HOME"
"#;

/// What podman has there; its own commands need no service.
const PODMAN: &str = r#"
export CONTAINER_HOST=unix://$XDG_RUNTIME_DIR/podman/podman.sock PODMAN_IGNORE_CGROUPSV1_WARNING=1
unset DOCKER_HOST
podman() { env -u CONTAINER_HOST podman "$@"; }
"#;

/// What a user writes into podman's configuration; and what this machine may not have: a network,
/// another store of images than plain directories, the tree of cgroups of systemd.
const PODMAN_SETUP: &str = r#"
mkdir -p ~/.config/containers ~/.local/share/dvol $XDG_RUNTIME_DIR/podman
cat >~/.config/containers/containers.conf <<END
[containers]
netns = "none"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[engine.volume_plugins]
dvol = "$XDG_RUNTIME_DIR/dvol.sock"
END
printf '[storage]\ndriver = "vfs"\n' >~/.config/containers/storage.conf
setsid env -u CONTAINER_HOST podman system service --time 0 $CONTAINER_HOST </dev/null >podman.log 2>&1 &
setsid dvol plugin --socket $XDG_RUNTIME_DIR/dvol.sock --state-dir ~/.local/state/dvol \
    </dev/null >driver.log 2>&1 &
"#;

const SERVE: &str = "trap \"exit 0\" TERM; while :; do sleep 1000 & wait $!; done";

fn run(engine: &Engine, who: &str, script: &str) -> Outcome {
    let dir = engine.dir().display();
    fs::write(engine.dir().join("script"), format!("D={dir}\n{script}")).expect("it can be written");
    engine.sh(&format!("'{TOOL}' enter {dir} su {who} -s /bin/bash -c 'bash {dir}/script'"))
}

/// Gives a file in container `db` another owner and has the old one back. Returns what doctor says.
fn owners_come_back(user: &impl Fn(&str) -> Outcome, engine: &str) -> String {
    let inside = |command: &str| user(&format!("{engine} exec db {command}")).ok();
    inside("sh -c 'echo one >/data/file; chown 70:71 /data/file'");
    user("dvol commit -m one db").ok();
    inside("sh -c 'echo two >/data/file; chown 0:0 /data/file'");
    user("dvol reset --hard HEAD db").ok();
    assert_eq!(inside("cat /data/file"), "one");
    assert_eq!(inside("stat -c %u:%g /data/file"), "70:71");
    // Outside they are numbers that belong to this user alone.
    let owner = user("stat -c %u $DVOL_POOL/db/running_point/file").ok();
    assert!(owner.parse::<u32>().is_ok_and(|owner| owner > 65_535), "{owner}");
    let said = user("dvol doctor").ok();
    assert!(said.contains("root of a user namespace: device files"), "{said}");
    said
}

#[test]
fn a_users_own_engine_has_volumes_whose_files_belong_to_its_users() {
    let Some(engine) = Engine::without_driver().filter(|engine| !engine.is_of_this_machine()) else { return };
    let user = |line: &str| run(&engine, "tester", &format!("{ENVIRONMENT}{line}"));
    fs::copy(dvol(), engine.dir().join("dvol")).expect("it can be copied");
    run(&engine, "root", SETUP).ok();
    user(
        "mkdir -p ~/.local/lib/docker/plugins ~/.local/share/dvol
         echo unix://$XDG_RUNTIME_DIR/dvol.sock > ~/.local/lib/docker/plugins/dvol.spec
         setsid dvol plugin --state-dir ~/.local/state/dvol </dev/null >driver.log 2>&1 &
         setsid dockerd-rootless.sh --iptables=false --ip6tables=false </dev/null >engine.log 2>&1 &",
    )
    .ok();
    eventually("the engine answers", || user("docker version").code == 0);
    user("tar -C \"$D/image\" -c . | docker import -c 'ENV PATH=/bin' - busybox").ok();

    user(&format!(
        "docker run -d --name db --network none -v db:/data --volume-driver=dvol busybox sh -c '{SERVE}'"
    ))
    .ok();
    let said = owners_come_back(&user, "docker");
    assert!(said.contains("the driver answers at /run/user/1000/dvol.sock"), "{said}");
}

#[test]
fn a_users_own_podman_has_volumes_whose_files_belong_to_its_users() {
    let Some(engine) = Engine::without_driver().filter(|engine| !engine.is_of_this_machine()) else { return };
    let user = |line: &str| run(&engine, "tester", &format!("{ENVIRONMENT}{PODMAN}{line}"));
    fs::copy(dvol(), engine.dir().join("dvol")).expect("it can be copied");
    run(&engine, "root", SETUP).ok();
    user(PODMAN_SETUP).ok();
    let sockets = "test -S $XDG_RUNTIME_DIR/podman/podman.sock && test -S $XDG_RUNTIME_DIR/dvol.sock";
    eventually("podman and the driver serve", || user(sockets).code == 0);
    user("tar -C \"$D/image\" -c . | podman import -c 'ENV PATH=/bin' - busybox").ok();

    user("podman volume create --driver dvol db").ok();
    user(&format!("podman run -d --name db -v db:/data busybox sh -c '{SERVE}'")).ok();
    let said = owners_come_back(&user, "podman");
    assert!(said.contains("the engine knows the volume driver dvol"), "{said}");
    user("podman rm -f --time 0 db").ok();
}
