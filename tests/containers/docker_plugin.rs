//! `docker dvol`: dvol as a plugin of Docker's command line.

use std::fs;

use support::containers::Engine;

const PLUGIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/package/docker-dvol");

#[test]
fn dockers_command_line_runs_dvol_for_its_own_engine() {
    let Some(engine) = Engine::shared().filter(|engine| engine.is_of_this_machine()) else { return };
    let home = engine.dir().join("docker-config");
    fs::create_dir_all(home.join("cli-plugins")).expect("it can be made");
    fs::copy(PLUGIN, home.join("cli-plugins/docker-dvol")).expect("it can be copied");
    let sh = |line: &str| engine.sh(&format!("export DOCKER_CONFIG={}; {line}", home.display()));
    assert!(sh("docker --help").ok().contains("Git for the data volumes of containers"));
    assert!(sh("docker dvol init by_docker").ok().contains("Created volume by_docker"));
    sh("docker run --name by_docker --network none -v by_docker:/data --volume-driver=dvol busybox true")
        .ok();
    assert!(sh("docker dvol list").ok().contains("by_docker"));
    assert!(sh("docker dvol commit --help").ok().contains("dvol commit"));
    assert_eq!(sh("docker dvol nosuch").code, 2);
    // The engine is the one that docker's own options and contexts name.
    let host = format!("unix://{}/docker.sock", engine.dir().display());
    let list = "dvol list --format json | grep -q by_docker";
    sh(&format!("unset DOCKER_HOST; docker --host {host} {list}")).ok();
    sh(&format!("unset DOCKER_HOST; docker context create here --docker host={host}; docker -c here {list}"))
        .ok();
    let said = sh("unset DOCKER_HOST; docker --host unix:///nosuch.sock dvol doctor");
    assert!(said.stdout.contains("unix:///nosuch.sock"), "{said}");
    engine.sh("docker rm -f by_docker").ok();
}
