//! Where blocks are not shared, the second reset moves large files into place: what left the tree
//! before, prepared after the first reset ended.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use support::{LoopImage, eventually};

use crate::harness::Pool;

const SIZE: usize = 20 << 20;
const RESET: [&str; 5] = ["-v", "reset", "--hard", "HEAD", "db"];

fn write(path: &Path, text: &str) {
    File::options().write(true).open(path).unwrap().write_all_at(text.as_bytes(), 0).unwrap();
}

fn spares(pool: &Pool) -> usize {
    let found = walkdir::WalkDir::new(pool.root().join(".dvol/trash")).into_iter().filter_map(Result::ok);
    found.filter(|one| one.path().extension().is_some_and(|it| it == "spare")).count()
}

#[test]
fn the_next_reset_is_prepared_in_the_background() {
    let Some(image) = LoopImage::fast("ext4", &["-q"], 1024) else { return };
    let pool = Pool::inside(&image.path());
    pool.ok(["init", "db"]);
    let [table, log] = ["table", "log"].map(|name| pool.file("db", name));
    for path in [&table, &log] {
        std::fs::write(path, "committed".repeat(SIZE / 9)).unwrap();
    }
    pool.commit("large");
    write(&table, "first");
    write(&log, &"first".repeat(SIZE / 5));
    let said = pool.run(RESET);
    assert!(said.err.contains("patched 0 files"), "{}", said.err);
    eventually("both files have a spare", || spares(&pool) == 2);

    write(&table, "second");
    write(&log, &"second".repeat(SIZE / 6));
    let said = pool.run(RESET);
    assert!(said.err.contains("patched 2 files"), "{}", said.err);
    for path in [&table, &log] {
        assert!(std::fs::read(path).unwrap().starts_with(b"committed"));
    }
    eventually("both have a spare again", || spares(&pool) == 2);
    pool.ok(["undo", "db"]);
    assert!(std::fs::read(&table).unwrap().starts_with(b"second"));
    assert!(std::fs::read(&log).unwrap().starts_with(b"second"));
    pool.ok(["fsck"]);
}
