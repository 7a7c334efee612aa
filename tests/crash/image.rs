//! `pool create`, `grow` and `move`: wherever they die or fail, the pool is there and whole, in its
//! directory or in its image, and the verb can be run again.
//!
//! A move passes a point for each file that it copies. The gate tries each point of the steps
//! around the copy and some of the copy; `DVOL_SWEEP=all` tries all.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use support::scene::{Run, copy, prepare, told, workshop};
use support::{difference, has_program, is_root, remains, skip, state, unmount};

/// One of so many points inside of the copy is tried.
const STRIDE: usize = 60;

/// Where the pool of a case lies before its verb.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Directory,
    Image,
}

/// A pool in a directory of its own.
struct Scene(PathBuf);

impl Scene {
    fn pool(&self) -> PathBuf {
        self.0.join("pool")
    }

    fn run<'a>(&self, pool: &'a Path) -> Run<'a> {
        Run { pool, engine: None, ids: 500_000 }
    }

    /// Makes a copy of the template.
    fn fresh(directory: &Path, template: &Path, before: Before) -> Self {
        let scene = Scene(directory.to_owned());
        scene.clear();
        fs::create_dir(directory).unwrap();
        match before {
            Before::Nothing => {}
            Before::Directory => copy(&template.join("pool"), &scene.pool()),
            Before::Image => {
                fs::create_dir(scene.pool()).unwrap();
                let from = template.join("pool.img");
                let copied = Command::new("cp")
                    .arg("--sparse=always")
                    .args([&from, &scene.0.join("pool.img")])
                    .status();
                assert!(copied.unwrap().success());
            }
        }
        scene
    }

    fn clear(&self) {
        for name in ["pool", "pool.new"] {
            unmount(&self.0.join(name));
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What a pool holds. An empty pool holds what no pool does.
fn held(pool: &Path) -> String {
    let text = state(pool);
    let lines = text.lines().filter(|line| *line != ".dvol/trash 40700 0:0");
    lines.map(|line| format!("{line}\n")).collect()
}

fn sweep(before: Before, words: &[&str]) {
    if !is_root() || !Path::new("/dev/loop-control").exists() {
        skip("it needs root and loop devices");
        return;
    }
    if !has_program("mkfs.xfs") {
        return;
    }
    let workshop = workshop();
    let template = workshop.path().join("template");
    fs::create_dir(&template).unwrap();
    if before != Before::Nothing {
        prepare(template.join("pool"));
    }
    if before == Before::Image {
        let scene = Scene(template.clone());
        let pool = scene.pool();
        scene.run(&pool).must(&["pool", "move", "image", "--size", "300M"]);
        scene.run(&pool).must(&["pool", "unmount"]);
        std::mem::forget(scene);
    }
    let trace = workshop.path().join("trace");
    let done = Scene::fresh(&workshop.path().join("done"), &template, before);
    let pool = done.pool();
    if before == Before::Image {
        done.run(&pool).must(&["list"]);
    }
    let as_before = held(&pool);
    let (output, points) = done.run(&pool).with_fault(words, None, &trace);
    assert!(output.status.success(), "{words:?}: {}", told(&output));
    assert_eq!(held(&pool), as_before, "{words:?}");
    drop(done);
    let all = std::env::var("DVOL_SWEEP").is_ok_and(|asked| asked == "all");
    let is_tried =
        |point: &usize| all || !points[*point].starts_with("tree.") || point.is_multiple_of(STRIDE);
    let tries = (0..points.len()).filter(is_tried).flat_map(|point| [(point, "kill"), (point, "EIO")]);
    let queue = Mutex::new(tries.collect::<VecDeque<_>>());
    println!("{words:?}: {} faults", queue.lock().unwrap().len());
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let (queue, points, template, as_before) = (&queue, &points, &template, &as_before);
            let directory = workshop.path().join(format!("worker-{worker}"));
            scope.spawn(move || {
                loop {
                    let Some((point, effect)) = queue.lock().unwrap().pop_front() else { break };
                    let what = format!("{words:?} with {effect} at {point} ({})", points[point]);
                    let scene = Scene::fresh(&directory, template, before);
                    attempt(&scene, words, &format!("{}:{effect}", point + 1), &what, as_before);
                }
            });
        }
    });
}

fn attempt(scene: &Scene, words: &[&str], fault: &str, what: &str, as_before: &str) {
    let (pool, trace) = (scene.pool(), scene.0.join("trace"));
    let run = scene.run(&pool);
    let (output, _) = run.with_fault(words, Some(fault), &trace);
    if fault.ends_with("kill") {
        assert_eq!(output.status.signal(), Some(9), "{what}: {}", told(&output));
    } else {
        assert!(output.status.code().is_some_and(|code| code != 101), "{what}: {}", told(&output));
    }
    // The next command of root mounts what there is.
    let is_there = pool.exists() || scene.0.join("pool.img").exists();
    if is_there {
        // Directories may be missing in an empty pool.
        let said = run.run(&["fsck"]);
        assert!(matches!(said.status.code(), Some(0 | 1)), "{what}: fsck {}", told(&said));
        let said = run.run(&["fsck"]);
        assert!(said.status.success(), "{what}: second fsck {}", told(&said));
    }
    let now = held(&pool);
    assert!(now == as_before, "{what}\n{}", difference(as_before, &now));
    assert_eq!(remains(&pool), (0, 0), "{what}: journal and staging");
    // Nothing is in the way of another try, or it was done.
    let again = run.run(words);
    let said = told(&again);
    let was_done =
        ["has an image already", "has no image", "is still there"].iter().any(|part| said.contains(part));
    assert!(again.status.success() || was_done, "{what}: again: {said}");
    assert!(held(&pool) == as_before, "{what}: again");
    let left: Vec<_> = fs::read_dir(&scene.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let is_waste = |name: &std::ffi::OsString| name.to_string_lossy().contains(".new");
    assert!(was_done || !left.iter().any(is_waste), "{what}: {left:?}");
}

#[test]
fn a_pool_image_is_made_whole_or_not_at_all() {
    sweep(Before::Nothing, &["pool", "create", "--size", "300M"]);
}

#[test]
fn a_pool_image_that_grows_has_one_of_the_two_sizes_and_can_grow_again() {
    sweep(Before::Image, &["pool", "grow", "--size", "320M"]);
}

#[test]
fn a_pool_that_moves_into_an_image_is_in_one_place_and_whole() {
    sweep(Before::Directory, &["pool", "move", "image", "--size", "300M"]);
}

#[test]
fn a_pool_that_moves_out_of_its_image_is_in_one_place_and_whole() {
    sweep(Before::Image, &["pool", "move", "directory"]);
}
