//! Resets of a large file whose old ones serve as spares: whatever dies when, the tree is as before
//! or as after, and undo still gives back every older state.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use dvol::sys::disk;

use support::LoopImage;
use support::random::seed;
use support::scene::{Run, prepare, remove, told};

const RESET: &[&str] = &["reset", "--hard", "HEAD", "db"];
const PREPARE: &[&str] = &["prepare-spares", "db"];
/// The smallest file that gets a spare.
const SIZE: u64 = 16 << 20;
/// A file of which little changes, and one that is written anew.
const FILES: [&str; 2] = ["table", "log"];

fn path(pool: &Path, file: &str) -> PathBuf {
    pool.join("db/branches/master").join(file)
}

/// Writes a text into the table, and the whole log.
fn write(pool: &Path, text: &str, at: u64) {
    for (file, times) in FILES.into_iter().zip([1, SIZE as usize / text.len() + 1]) {
        let file = File::options().write(true).create(true).truncate(false).open(path(pool, file)).unwrap();
        file.write_all_at(text.repeat(times).as_bytes(), if times == 1 { at } else { 0 }).unwrap();
    }
}

/// What a state of the files is.
fn state(pool: &Path) -> State {
    FILES.map(|file| {
        let meta = fs::metadata(path(pool, file)).unwrap();
        (fs::read(path(pool, file)).unwrap(), meta.mtime(), meta.mtime_nsec(), meta.mode())
    })
}

type State = [(Vec<u8>, i64, i64, u32); 2];

/// Makes a volume with large files that was reset once. Gives the states before that and in the
/// commit.
fn reset_once(pool: &Path) -> [State; 2] {
    prepare(pool.to_owned());
    let run = |ids| Run { pool, engine: None, ids };
    write(pool, "committed", 0);
    write(pool, "committed", SIZE - 9);
    run(100_000).must(&["commit", "-m", "large", "db"]);
    let committed = state(pool);
    write(pool, "first", 5 << 20);
    let first = state(pool);
    run(200_000).must(RESET);
    assert!(state(pool) == committed);
    [first, committed]
}

fn spares(pool: &Path) -> usize {
    let found = walkdir::WalkDir::new(pool.join(".dvol/trash")).into_iter().filter_map(Result::ok);
    found.filter(|one| one.path().extension().is_some_and(|it| it == "spare")).count()
}

/// An ext4, and the paths of a pool and of a trace on it; `None` if there can be none.
fn place() -> Option<(LoopImage, PathBuf, PathBuf)> {
    let image = LoopImage::fast("ext4", &["-q"], 768)?;
    let (pool, trace) = (image.path().join("pool"), image.path().join("trace"));
    (!disk::can_clone(&image.path())).then_some((image, pool, trace))
}

/// Chooses steps to fail at, others with each seed.
fn some(steps: usize) -> impl Iterator<Item = usize> {
    (1..=steps).skip(usize::try_from(seed() % 4).unwrap()).step_by(4)
}

#[test]
fn making_spares_loses_no_old_file() {
    let Some((_image, pool, trace)) = place() else { return };
    let run = |ids| Run { pool: &pool, engine: None, ids };
    reset_once(&pool);
    let points = run(500_000).with_fault(PREPARE, None, &trace).1;
    assert!(
        ["tree.patch", "tree.copy"].iter().all(|wanted| points.iter().any(|it| it == wanted)),
        "{points:?}"
    );
    assert_eq!(spares(&pool), 2);
    let steps = points.iter().filter(|point| !point.starts_with("redb.")).count();
    for point in some(steps) {
        for effect in ["kill", "ENOSPC"] {
            let what = format!("{effect} at {point} of {steps}");
            remove(&pool);
            let [first, committed] = reset_once(&pool);
            run(500_000).with_fault(PREPARE, Some(&format!("{point}:{effect}")), &trace);
            assert!(state(&pool) == committed, "{what}");
            // What is half made may not serve.
            write(&pool, "second", 9 << 20);
            run(600_000).must(RESET);
            assert!(state(&pool) == committed, "{what}: after the next reset");
            run(700_000).must(&["undo", "db"]);
            run(800_000).must(&["undo", "db"]);
            assert!(state(&pool) == first, "{what}: after the undo");
            run(900_000).must(&["fsck"]);
        }
    }
}

#[test]
fn a_reset_that_takes_spares_loses_no_old_file() {
    let Some((_image, pool, trace)) = place() else { return };
    let run = |ids| Run { pool: &pool, engine: None, ids };
    let scene = || {
        let [first, committed] = reset_once(&pool);
        run(300_000).must(PREPARE);
        write(&pool, "second", 9 << 20);
        [first, committed, state(&pool)]
    };
    scene();
    let points = run(500_000).with_fault(RESET, None, &trace).1;
    assert_eq!(spares(&pool), 0, "the spares are in the tree");
    let steps = points.iter().filter(|point| !point.starts_with("redb.")).count();
    for point in some(steps) {
        for effect in ["kill", "ENOSPC"] {
            let what = format!("{effect} at {point} of {steps}");
            remove(&pool);
            let [before_first, committed, second] = scene();
            let (output, _) = run(500_000).with_fault(RESET, Some(&format!("{point}:{effect}")), &trace);
            run(600_000).run(&["fsck"]);
            let now = state(&pool);
            let is_done = now == committed;
            assert!(is_done || now == second, "{what}: {}", told(&output));
            if is_done {
                run(700_000).must(&["undo", "db"]);
                assert!(state(&pool) == second, "{what}: after the undo");
            }
            run(800_000).must(&["undo", "db"]);
            assert!(state(&pool) == before_first, "{what}: after the undo of the reset before it");
            run(900_000).must(&["fsck"]);
        }
    }
}
