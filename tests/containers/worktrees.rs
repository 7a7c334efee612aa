//! Two containers on two worktrees of one volume: what is done in one leaves the other's alone.

use std::fs;

use support::containers::{Container, Engine};

#[test]
fn operations_on_a_worktree_touch_only_its_containers() {
    let Some(engine) = Engine::shared() else { return };
    engine.volume_with("tree", "hello");
    let main = Container::serve(engine, "tree_main", "tree", "");
    // The first start of the container is no change.
    engine.sh("dvol commit -m Hello tree").ok();
    engine.sh("docker volume create -d dvol -o worktree=tree -o branch=side tree_side").ok();
    let side = Container::serve(engine, "tree_side", "tree_side", "");
    let (main_since, side_since) = (main.started(), side.started());

    engine.sh("docker exec tree_side sh -c 'echo side > /data/file'").ok();
    engine.sh("dvol commit -m Side tree_side").ok();
    assert!(side.started() > side_since, "the container wrote while its tree was copied");
    engine.sh("docker exec tree_side sh -c 'echo broken > /data/file'").ok();
    engine.sh("dvol reset --hard tree_side").ok();
    assert_eq!(side.served(), "side");
    assert_eq!(main.started(), main_since, "a container of the volume was stopped");
    assert_eq!(main.served(), "hello");

    let side_since = side.started();
    engine.sh("docker exec tree_main sh -c 'echo main > /data/file'").ok();
    engine.sh("dvol commit -m Main tree").ok();
    assert_eq!(side.started(), side_since, "a container of the worktree was stopped");

    // The volume takes over what was done on the branch.
    engine.sh("dvol reset --hard side tree").ok();
    assert_eq!((main.served().as_str(), side.served().as_str()), ("side", "side"));
    let tree = engine.pool().join("tree/branches/side/file");
    assert_eq!(fs::read_to_string(tree).expect("the working tree of the branch"), "side\n");

    let refused = engine.sh("dvol worktree remove tree_side");
    assert!(refused.code != 0 && refused.stderr.contains("tree_side"), "{}", refused.stderr);
    engine.sh("docker rm -f tree_side").ok();
    engine.sh("docker volume rm tree_side").ok();
    assert!(engine.sh("dvol branch tree").ok().contains("side"));
    assert_eq!(main.served(), "side");
}
