//! Where blocks are not shared, the second reset moves large files into place: what left the tree
//! before, prepared after the first reset ended.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

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

/// Starts `command` with the file that left the tree last open; one of that name that no spare was
/// made of.
fn hold_left(pool: &Pool, name: &str, command: &mut Command) -> Child {
    let found = walkdir::WalkDir::new(pool.root().join(".dvol/trash")).into_iter().filter_map(Result::ok);
    let found: Vec<PathBuf> =
        found.filter(|one| one.file_name() == name).map(walkdir::DirEntry::into_path).collect();
    let [file] = &*found else { panic!("{name} should be once in trash: {found:?}") };
    let file = File::options().read(true).write(true).open(file).unwrap();
    command.stdin(Stdio::from(file)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Resets without work in the background. Returns what was said.
fn reset(pool: &Pool) -> String {
    let said = pool.command(RESET).env("DVOL_TEST_FOREGROUND", "1").output().unwrap();
    assert!(said.status.success(), "{said:?}");
    String::from_utf8(said.stderr).unwrap()
}

/// A pool with a commit of two large files, and a reset after which a table lies in trash.
fn left_once(image: &LoopImage) -> Pool {
    let pool = Pool::inside(&image.path());
    pool.ok(["init", "db"]);
    for name in ["table", "log"] {
        std::fs::write(pool.file("db", name), "committed".repeat(SIZE / 9)).unwrap();
    }
    pool.commit("large");
    write(&pool.file("db", "table"), "first");
    reset(&pool);
    pool
}

#[test]
fn what_an_older_reset_left_still_becomes_a_spare() {
    let Some(image) = LoopImage::fast("ext4", &["-q"], 1024) else { return };
    let pool = left_once(&image);
    let mut holder = hold_left(&pool, "table", Command::new("sleep").arg("1000"));
    write(&pool.file("db", "log"), "second");
    reset(&pool);
    assert_eq!(spares(&pool), 0, "a process has the table open");
    holder.kill().unwrap();
    holder.wait().unwrap();
    pool.ok(["prepare-spares", "db"]);
    assert_eq!(spares(&pool), 2);
    for name in ["table", "log"] {
        write(&pool.file("db", name), "third");
    }
    let said = reset(&pool);
    assert!(said.contains("patched 2 files"), "{said}");
}

#[test]
fn a_reset_need_not_wait_for_a_process_that_prepares_spares() {
    let Some(image) = LoopImage::fast("ext4", &["-q"], 1024) else { return };
    let pool = left_once(&image);
    // Any process of dvol with that argument; this one stays.
    let mut like_one = pool.command(["plugin", "--socket"]);
    like_one.arg(image.path().join("socket")).args(["--state-dir", "prepare-spares"]);
    let mut holder = hold_left(&pool, "table", like_one.current_dir(image.path()));
    // It has the file open as well.
    drop(like_one);
    write(&pool.file("db", "table"), "second");
    let said = reset(&pool);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(said.contains("patched 1 files"), "{said}");
}
