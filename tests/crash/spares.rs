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
/// The smallest file that gets a spare.
const SIZE: u64 = 16 << 20;

fn table(pool: &Path) -> PathBuf {
    pool.join("db/branches/master/table")
}

fn write(pool: &Path, text: &str, at: u64) {
    let file = File::options().write(true).create(true).truncate(false).open(table(pool)).unwrap();
    file.write_all_at(text.as_bytes(), at).unwrap();
}

/// What a state of the file is.
fn state(pool: &Path) -> (Vec<u8>, i64, i64, u32) {
    let meta = fs::metadata(table(pool)).unwrap();
    (fs::read(table(pool)).unwrap(), meta.mtime(), meta.mtime_nsec(), meta.mode())
}

type State = (Vec<u8>, i64, i64, u32);

/// Makes a volume with a large file that was reset once, and changed again. Gives the states before
/// the first reset, in the commit, and now.
fn scene(pool: &Path) -> [State; 3] {
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
    write(pool, "second", 9 << 20);
    [first, committed, state(pool)]
}

#[test]
fn a_reset_that_makes_and_takes_spares_loses_no_old_file() {
    let Some(image) = LoopImage::fast("ext4", &["-q"], 512) else { return };
    let (pool, trace) = (image.path().join("pool"), image.path().join("trace"));
    if disk::can_clone(&image.path()) {
        return;
    }
    scene(&pool);
    let run = |ids| Run { pool: &pool, engine: None, ids };
    let points = run(500_000).with_fault(RESET, None, &trace).1;
    let steps = points.iter().filter(|point| !point.starts_with("redb.")).count();
    assert!(points.iter().any(|point| point == "tree.patch"), "a spare is made: {points:?}");
    let has_spare = |pool: &Path| {
        let found = walkdir::WalkDir::new(pool.join(".dvol/trash")).into_iter();
        found
            .filter_map(Result::ok)
            .filter(|one| one.path().extension().is_some_and(|it| it == "spare"))
            .count()
    };
    assert_eq!(has_spare(&pool), 0, "the spare is in the tree");
    let first = usize::try_from(seed() % 4).unwrap();
    for point in (1..=steps).skip(first).step_by(4) {
        for effect in ["kill", "ENOSPC"] {
            let what = format!("{effect} at {point} of {steps}");
            remove(&pool);
            let [before_first, committed, second] = scene(&pool);
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
