//! A container that somebody starts in the middle of a commit waits until the copy is made.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Engine, eventually};

#[test]
fn a_container_started_in_the_middle_of_a_commit_waits_and_then_runs() {
    let Some(engine) = Engine::shared() else { return };
    engine.sh("dvol init large").ok();
    let tree = engine.running_point("large");
    for number in 0..10_000 {
        fs::write(tree.join(number.to_string()), "x").expect("the working tree can be written");
    }

    // Freeze the commit in the middle of its copy.
    let mut commit = engine.spawn("dvol", &["commit", "-m", "all", "large"]);
    let pid = Pid::from_child(&commit);
    let staging = engine.pool().join(".dvol/staging");
    let copied = || -> usize {
        let operations = fs::read_dir(&staging).into_iter().flatten().flatten();
        let trees = operations.flat_map(|operation| fs::read_dir(operation.path())).flatten().flatten();
        trees.flat_map(|tree| fs::read_dir(tree.path())).map(Iterator::count).sum()
    };
    let gate = engine.pool().join(".dvol/locks/gate/large");
    let is_shut = || engine.sh(&format!("flock --nonblock --shared {} true", gate.display())).code == 1;
    eventually("the copy has begun", || copied() > 100);
    eventually("the gate is shut", is_shut);
    kill_process(pid, Signal::STOP).expect("it can be frozen");
    assert!(copied() < 10_000, "the copy was over before it could be frozen");

    let late = "echo late > /data/late";
    let run = ["run", "--rm", "-v", "large:/data", "--volume-driver=dvol", "busybox", "sh", "-c", late];
    let mut container = engine.spawn("docker", &run);
    sleep(Duration::from_secs(2));
    assert!(container.try_wait().expect("docker is our child").is_none(), "the container did not wait");
    assert!(!tree.join("late").exists(), "a container wrote while its volume was copied");

    kill_process(pid, Signal::CONT).expect("it can be thawed");
    assert!(commit.wait().expect("dvol is our child").success());
    assert!(container.wait().expect("docker is our child").success(), "the container did not run in the end");
    assert!(tree.join("late").exists());
    let head = fs::read_dir(engine.pool().join("large/commits")).expect("there are commits").next();
    let head = head.expect("there is one commit").expect("it can be read").path();
    assert_eq!(fs::read_dir(head).expect("a commit is a plain directory").count(), 10_000);
}
