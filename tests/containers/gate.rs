//! A container that a person starts in the middle of a commit waits until the copy is made.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use support::containers::Engine;

const FILES: usize = 1_000;

#[test]
fn a_container_started_in_the_middle_of_a_commit_waits_and_then_runs() {
    let Some(engine) = Engine::shared() else { return };
    engine.sh("dvol init large").ok();
    let tree = engine.running_point("large");
    for number in 0..FILES {
        fs::write(tree.join(number.to_string()), "x").expect("the working tree can be written");
    }

    // The commit stands still in the middle of its copy, for which the gate is shut.
    let middle = format!("DVOL_FAULT={}:stop", FILES / 2);
    let mut commit = engine.spawn("env", &[&middle, "dvol", "commit", "-m", "all", "large"]);
    let pid = Pid::from_child(&commit);
    let (_, status) =
        waitpid(Some(pid), WaitOptions::UNTRACED).expect("it is our child").expect("it was waited for");
    assert!(status.stopped(), "the commit ended: {status:?}");
    let staging = fs::read_dir(engine.pool().join(".dvol/staging")).expect("something is copied").flatten();
    let trees = staging.flat_map(|operation| fs::read_dir(operation.path())).flatten().flatten();
    let copied: usize = trees.flat_map(|tree| fs::read_dir(tree.path())).map(Iterator::count).sum();
    assert!((1..FILES).contains(&copied), "{copied} files are copied");

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
    assert_eq!(fs::read_dir(head).expect("a commit is a plain directory").count(), FILES);
}
