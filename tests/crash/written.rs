//! A process that writes to a working tree while an operation puts another in its place, and a
//! death at every step: nothing that the process wrote is lost.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use support::scene::{Run, copy, prepare, remove, workshop};
use support::steps;

/// A verb, the working tree that it puts into place, and what comes before the verb.
struct Scene {
    before: &'static [&'static [&'static str]],
    words: &'static [&'static str],
    tree: &'static str,
}

const SCENES: [Scene; 5] = [
    Scene { before: &[], words: &["reset", "--hard", "HEAD~1", "db"], tree: "db/branches/master" },
    Scene {
        before: &[&["reset", "--hard", "HEAD~1", "db"]],
        words: &["undo", "db"],
        tree: "db/branches/master",
    },
    Scene { before: &[], words: &["checkout", "-b", "fresh", "db"], tree: "db/branches/fresh" },
    Scene { before: &[], words: &["init", "fresh"], tree: "fresh/branches/master" },
    Scene { before: &[], words: &["rename", "db", "data"], tree: "data/branches/master" },
];

/// Writes to the tree in every way in which an entry can come into it.
fn write(tree: &Path) {
    fs::write(tree.join("created"), "created").unwrap();
    fs::create_dir_all(tree.join("dir/new")).unwrap();
    fs::write(tree.join("dir/new/deep"), "deep").unwrap();
    if tree.join("one").exists() {
        fs::write(tree.join("one"), "overwritten").unwrap();
    }
    // What is in a directory that comes from elsewhere is as old as it was there.
    let elsewhere = tree.ancestors().nth(4).unwrap().join("elsewhere");
    fs::rename(elsewhere, tree.join("arrived")).unwrap();
}

/// Puts another directory in the tree's place, as engines do for a mount path that is missing.
fn replace(tree: &Path) {
    fs::rename(tree, tree.ancestors().nth(4).unwrap().join("moved")).unwrap();
    fs::create_dir(tree).unwrap();
    fs::write(tree.join("created"), "created").unwrap();
}

/// The contents of all files beneath these directories.
fn contents(roots: &[PathBuf]) -> BTreeSet<String> {
    let walk = roots.iter().flat_map(walkdir::WalkDir::new).filter_map(Result::ok);
    let files = walk.filter(|entry| entry.file_type().is_file());
    files.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect()
}

/// All places where a person finds data again: volumes, trash, lost+found, and where the process
/// itself put it.
fn places(directory: &Path) -> Vec<PathBuf> {
    let pool = directory.join("pool");
    let mut places: Vec<PathBuf> = ["db", "data", "fresh"].map(|name| pool.join(name)).into();
    places.extend(["trash", "lost+found"].map(|name| pool.join(".dvol").join(name)));
    places.extend(["moved", "elsewhere"].map(|name| directory.join(name)));
    places
}

fn sweep(scene: &Scene, change: fn(&Path)) {
    let workshop = workshop();
    let template = prepare(workshop.path().join("template"));
    for (n, words) in scene.before.iter().enumerate() {
        let ids = 100_000 + 1000 * u32::try_from(n).unwrap();
        Run { pool: &template, engine: None, ids }.must(words);
    }
    let (directory, trace) = (workshop.path().join("work"), workshop.path().join("trace"));
    let pool = directory.join("pool");
    let run = Run { pool: &pool, engine: None, ids: 500_000 };
    let begin = || {
        fs::create_dir(&directory).unwrap();
        copy(&template, &pool);
        fs::create_dir(directory.join("elsewhere")).unwrap();
        fs::write(directory.join("elsewhere/old"), "came with its directory").unwrap();
    };
    begin();
    run.with_fault(scene.words, None, &trace);
    let points = steps(&trace).len();
    remove(&directory);
    let mut met = 0;
    for point in 1..=points {
        begin();
        let tree = pool.join(scene.tree);
        let mut command = run.command(scene.words);
        command.env("DVOL_FAULT", format!("{point}:stop")).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (_, status) = waitpid(Some(Pid::from_child(&child)), WaitOptions::UNTRACED).unwrap().unwrap();
        if status.stopped() && tree.is_dir() {
            change(&tree);
            met += 1;
        }
        let before = contents(&places(&directory));
        if status.stopped() {
            kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
        }
        // One that ended by itself was waited for.
        let _ = child.wait();
        let what = format!("{:?} at step {point} of {points}", scene.words);
        let (_, first) = run.fsck();
        // What a process put where a new branch was to be, it put there by itself.
        run.run(&["fsck", "--repair", "--yes"]);
        let (code, second) = run.fsck();
        assert_eq!(code, 0, "{what}: {first} then {second}");
        let now = contents(&places(&directory));
        let lost: Vec<&String> = before.difference(&now).collect();
        assert!(lost.is_empty(), "{what}: lost {lost:?}, {first}");
        remove(&directory);
    }
    assert!(met > 0, "{:?}: the tree was never there", scene.words);
}

#[test]
fn what_a_process_writes_to_a_tree_that_is_taken_back_is_not_lost() {
    SCENES.iter().for_each(|scene| sweep(scene, write));
}

#[test]
fn a_tree_that_a_process_replaces_is_taken_back() {
    SCENES.iter().for_each(|scene| sweep(scene, replace));
}
