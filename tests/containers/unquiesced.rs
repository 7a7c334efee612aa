//! Containers that are left alone: a command before the commit may keep the application from
//! writing, and without it the copy is of no one state.

use std::fs;
use std::path::Path;

use support::containers::{Engine, quoted};
use support::eventually;

/// Writes the same number into all its files, again and again, and holds still while a test asks
/// it to.
const WRITER: &str = "n=0; while :; do \
    if [ -e /hold ]; then touch /held; while [ -e /hold ]; do sleep 0.01; done; rm /held; fi; \
    n=$((n+1)); i=0; while [ $i -lt 200 ]; do echo $n > /data/$i; i=$((i+1)); done; done";
const LOCK: &str = "touch /hold; while [ ! -e /held ]; do sleep 0.01; done";
/// Also waits for the end, so that the next lock is not taken for this one.
const UNLOCK: &str = "rm /hold; while [ -e /held ]; do sleep 0.01; done";
/// So often a commit is tried.
const COMMITS: usize = 20;

/// Whether all files of a commit hold the same.
fn is_one_state(commit: &Path) -> bool {
    let files = fs::read_dir(commit).expect("a commit is a plain directory");
    let read = |entry: std::io::Result<fs::DirEntry>| fs::read(entry.expect("it can be read").path());
    let mut texts: Vec<_> = files.map(|entry| read(entry).expect("it can be read")).collect();
    assert_eq!(texts.len(), 200);
    texts.dedup();
    texts.len() == 1
}

#[test]
fn a_commit_beside_a_writer_is_of_one_state_only_with_a_lock() {
    let Some(engine) = Engine::shared() else { return };
    engine.sh("dvol init locked && dvol config -C locked containers.quiesce none").ok();
    let run = "docker run -d --name locked --network none -v locked:/data --volume-driver=dvol busybox sh -c";
    engine.sh(&format!("{run} {}", quoted(WRITER))).ok();
    eventually("all is written", || engine.running_point("locked").join("199").exists());
    let set = |key: &str, value: &str| {
        engine.sh(&format!("dvol config -C locked containers.{key}-commit {}", quoted(value))).ok();
    };
    let commit = || {
        let id = engine.sh("dvol commit -m x locked").ok();
        is_one_state(&engine.pool().join("locked/commits").join(id))
    };

    set("pre", LOCK);
    set("post", UNLOCK);
    assert!((0..COMMITS).all(|_| commit()), "a commit under the lock is torn");
    engine.sh("dvol config -C locked --unset containers.pre-commit").ok();
    engine.sh("dvol config -C locked --unset containers.post-commit").ok();
    assert!((0..COMMITS).any(|_| !commit()), "without the lock all is as well: this test shows nothing");
    engine.sh("docker rm -f locked").ok();
}
