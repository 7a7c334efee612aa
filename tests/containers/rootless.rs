//! A rootless Docker: the engine, the driver and the command line run as a user who is not root.
//!
//! Needs a Debian that has rootlesskit, so these tests run where `DVOL_TEST_ENGINE` names one.

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
mount -t tmpfs none /dev/net
mknod -m 0666 /dev/net/tun c 10 200
cp /bin/busybox "$D/image/bin/busybox"
for applet in sh cat sleep touch chown stat; do ln -s busybox "$D/image/bin/$applet"; done
"#;

/// What a user has in the environment.
const ENVIRONMENT: &str = r#"
export HOME=$D/home XDG_RUNTIME_DIR=/run/user/1000
export PATH=$D:/usr/share/docker.io/contrib:/usr/sbin:/usr/bin:/sbin:/bin
export DOCKER_HOST=unix://$XDG_RUNTIME_DIR/docker.sock DVOL_POOL=$HOME/.local/share/dvol/volumes
cd "$HOME"
"#;

const SERVE: &str = "trap \"exit 0\" TERM; while :; do sleep 1000 & wait $!; done";

fn run(engine: &Engine, who: &str, script: &str) -> Outcome {
    let dir = engine.dir().display();
    fs::write(engine.dir().join("script"), format!("D={dir}\n{script}")).expect("it can be written");
    engine.sh(&format!("'{TOOL}' enter {dir} su {who} -s /bin/bash -c 'bash {dir}/script'"))
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
    user("docker exec db sh -c 'echo one >/data/file; chown 70:71 /data/file'").ok();
    user("dvol commit -m one db").ok();
    user("docker exec db sh -c 'echo two >/data/file; chown 0:0 /data/file'").ok();
    user("dvol reset --hard HEAD db").ok();
    assert_eq!(user("docker exec db cat /data/file").ok(), "one");
    assert_eq!(user("docker exec db stat -c %u:%g /data/file").ok(), "70:71");
    // Outside they are numbers that belong to this user alone.
    let owner = user("stat -c %u $DVOL_POOL/db/running_point/file").ok();
    assert!(owner.parse::<u32>().is_ok_and(|owner| owner > 65_535), "{owner}");
    let said = user("dvol doctor").ok();
    assert!(said.contains("root of a user namespace: device files"), "{said}");
    assert!(said.contains("the driver answers at /run/user/1000/dvol.sock"), "{said}");
}
