//! Containers in a namespace of one that dvol restarts: its network, its processes, its memory.

use support::containers::{Container, Engine};

const IDLE: &str = "busybox sh -c 'trap \"exit 0\" TERM; while :; do sleep 1000 & wait $!; done'";

#[test]
fn containers_in_a_namespace_of_one_that_is_restarted_come_back_in_the_new_one() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("shared_ns", "one");
    let owner = Container::serve(engine, "ns_owner", "shared_ns", "--ipc shareable");
    let run = |name: &str, options: &str| {
        engine.sh(&format!("docker run -d --name {name} {options} {IDLE}")).ok();
    };
    run("ns_net", "--network container:ns_owner");
    run("ns_pid", "--network none --pid container:ns_owner");
    run("ns_ipc", "--network none --ipc container:ns_owner");
    // In a namespace of one that is in a namespace.
    run("ns_far", "--network none --pid container:ns_pid");
    run("ns_own", "--network none");
    let namespace =
        |name: &str, kind: &str| engine.sh(&format!("docker exec {name} readlink /proc/self/ns/{kind}")).ok();
    let started =
        |name: &str| engine.sh(&format!("docker inspect -f '{{{{.State.StartedAt}}}}' {name}")).ok();
    // Not the namespace: the kernel may give the number of the old one to the new one.
    let before = (started("ns_own"), started("ns_owner"));
    for verb in ["commit -m two", "reset --hard HEAD~1", "checkout -b other"] {
        engine.sh(&format!("dvol {verb} -C shared_ns")).ok();
        owner.served();
        for (name, kind) in [("ns_net", "net"), ("ns_pid", "pid"), ("ns_ipc", "ipc"), ("ns_far", "pid")] {
            assert_eq!(namespace(name, kind), namespace("ns_owner", kind), "{name} after {verb}");
        }
    }
    assert_ne!(before.1, started("ns_owner"), "it was not restarted");
    assert_eq!(before.0, started("ns_own"), "a container with namespaces of its own was touched");

    // One that a stop would delete is named.
    run("ns_brief", "--rm --network container:ns_owner");
    let said = engine.sh("dvol commit -m three shared_ns");
    let warning = "container ns_brief shares a namespace with ns_owner, which is started anew";
    assert!(said.code == 0 && said.stderr.matches(warning).count() == 1, "{said}");
    engine.sh("docker rm -f ns_brief ns_far ns_pid ns_net ns_ipc ns_own").ok();
}
