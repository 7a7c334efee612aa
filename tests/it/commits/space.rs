//! A pool on a small file system of its own.

use std::fs;
use std::os::unix::fs::FileExt as _;

use support::LoopImage;

use crate::harness::Pool;

#[test]
fn a_full_file_system_refuses_a_commit_and_a_reset_and_keeps_everything() {
    let Some(small) = LoopImage::new("ext4", &["-q", "-F"], 16) else { return };
    let pool = Pool::inside(&small.path());
    pool.ok(["init", "db"]);
    let data = pool.file("db", "data");
    fs::write(&data, vec![7_u8; 5 << 20]).unwrap();
    pool.ok(["commit", "-m", "Fits"]);
    fs::write(&data, vec![8_u8; 5 << 20]).unwrap();
    for words in [&["commit", "-m", "Does not fit"][..], &["checkout", "-b", "too-much"]] {
        pool.fails(1, words, "pace");
        assert_eq!(fs::read(&data).unwrap(), vec![8_u8; 5 << 20]);
        assert!(pool.staging().is_empty());
    }
    assert_eq!(pool.ok(["log"]).matches("commit ").count(), 1);
    pool.ok(["fsck"]);
}

#[test]
fn a_reset_needs_space_for_what_differs_and_no_more() {
    let Some(small) = LoopImage::new("ext4", &["-q", "-F"], 24) else { return };
    let pool = Pool::inside(&small.path());
    pool.ok(["init", "db"]);
    let (large, little) = (pool.file("db", "large"), pool.file("db", "little"));
    fs::write(&large, vec![7_u8; 7 << 20]).unwrap();
    fs::write(&little, "one").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    pool.ok(["commit", "-m", "Whole"]);
    // The first reset may not know the large file yet; then the rest of the space is taken.
    pool.ok(["reset", "--hard", "HEAD"]);
    fs::write(&little, "two").unwrap();
    fs::write(small.path().join("filler"), vec![1_u8; 2 << 20]).unwrap();
    let said = pool.fails(1, ["checkout", "-b", "copy"], "not enough space");
    assert!(said.contains("dvol gc"), "{said}");
    pool.ok(["reset", "--hard", "HEAD"]);
    assert_eq!(fs::read_to_string(&little).unwrap(), "one");
    // Where everything differs, it is refused before anything is touched.
    fs::write(&large, vec![8_u8; 7 << 20]).unwrap();
    pool.fails(1, ["reset", "--hard", "HEAD"], "not enough space");
    assert_eq!(fs::read(&large).unwrap()[0], 8);
    assert!(pool.staging().is_empty());
    pool.ok(["fsck"]);
}

#[test]
fn a_file_system_that_fills_up_during_the_copy_undoes_the_commit() {
    let Some(small) = LoopImage::new("ext4", &["-q", "-F"], 16) else { return };
    let pool = Pool::inside(&small.path());
    pool.ok(["init", "db"]);
    // Empty files take no blocks, so the check before the copy sees room; the inodes run out.
    let tree = pool.file("db", "");
    for n in 0..2600 {
        fs::write(tree.join(n.to_string()), "").unwrap();
    }
    let error = pool.fails(1, ["commit", "-m", "No room"], "staging");
    assert!(error.contains("No space left") && error.contains("hint"), "{error}");
    assert_eq!(pool.ok(["log"]), "");
    assert!(pool.staging().is_empty());
    assert_eq!(fs::read_dir(&tree).unwrap().count(), 2600);
}

#[test]
fn resets_in_a_loop_never_fill_the_file_system() {
    let Some(small) = LoopImage::new("ext4", &["-q", "-F"], 80) else { return };
    let pool = Pool::inside(&small.path());
    pool.ok(["init", "db"]);
    let committed = vec![7_u8; 12 << 20];
    let data = pool.file("db", "data");
    fs::write(&data, &committed).unwrap();
    pool.ok(["commit", "-m", "One"]);
    let round = |number: u8| {
        // A database changes some pages of a large file.
        let file = fs::File::options().write(true).open(&data).unwrap();
        for page in 0..50 {
            file.write_all_at(&[number; 4096], page * 4096 * 60).unwrap();
        }
        drop(file);
        let said = pool.run(["reset", "--hard", "HEAD"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(fs::read(&data).unwrap() == committed);
        said.err.contains("deleted the oldest trash to make room: 1 operation, 12.0 MiB")
    };
    for number in 0..12 {
        assert!(!round(number));
    }
    // What the last one dropped is there, though it is larger than a tenth of the file system.
    pool.ok(["undo"]);
    assert_eq!(fs::read(&data).unwrap()[0], 11);
    pool.ok(["reset", "--hard", "HEAD"]);

    // Without a limit, trash makes room when a reset needs it.
    pool.ok(["config", "trash.max-size", ""]);
    let made_room = (0..8).filter(|number| round(*number)).count();
    assert!(made_room >= 3, "{made_room}");
    pool.ok(["undo"]);
    assert_eq!(fs::read(&data).unwrap()[0], 7);
    pool.ok(["fsck"]);
}

#[test]
fn each_reset_of_a_large_file_adds_what_changed_to_trash_and_can_be_undone() {
    let Some(small) = LoopImage::new("ext4", &["-q", "-F"], 300) else { return };
    let pool = Pool::inside(&small.path());
    pool.ok(["init", "db"]);
    pool.ok(["config", "trash.max-size", ""]);
    let committed = vec![7_u8; 40 << 20];
    let data = pool.file("db", "data");
    fs::write(&data, &committed).unwrap();
    pool.ok(["commit", "-m", "One"]);
    let mut states = Vec::new();
    // Twelve whole files would not fit.
    for number in 0..12_u8 {
        let file = fs::File::options().write(true).open(&data).unwrap();
        for page in 0..50 {
            file.write_all_at(&[number; 4096], (u64::from(number) + page * 200) * 4096).unwrap();
        }
        drop(file);
        states.push(fs::read(&data).unwrap());
        let said = pool.run(["reset", "--hard", "HEAD"]);
        assert!(said.code == 0 && !said.err.contains("to make room"), "{said:?}");
        assert!(fs::read(&data).unwrap() == committed, "{number}");
    }
    // The last reset's file is still being compared in the background.
    let trash = || dvol::sys::tree::measure_tree(&pool.root().join(".dvol/trash"));
    support::eventually("trash has what changed, and one file", || {
        trash().is_ok_and(|found| found.blocks < 50 << 20)
    });
    // An undo copies the whole tree.
    for (number, state) in states.iter().enumerate().rev().take(4) {
        pool.ok(["undo"]);
        assert!(fs::read(&data).unwrap() == *state, "{number}");
        let elsewhere = pool.run(["diff", "--name-status"]);
        assert!(elsewhere.out.contains("data"), "{elsewhere:?}");
    }
    pool.ok(["redo"]);
    assert!(fs::read(&data).unwrap() == states[9], "what was there before the undo");
    pool.ok(["reset", "--hard", "HEAD"]);
    assert!(fs::read(&data).unwrap() == committed);
    pool.ok(["fsck"]);
}

#[test]
fn what_is_refused_for_lack_of_space_names_commands_and_they_free_what_they_say() {
    let Some(small) = LoopImage::new("ext4", &["-q", "-F"], 24) else { return };
    let pool = Pool::inside(&small.path());
    pool.ok(["init", "db"]);
    let data = pool.file("db", "data");
    let write = |byte: u8| fs::write(&data, vec![byte; 5 << 20]).unwrap();
    for byte in 1..=2 {
        write(byte);
        pool.ok(["commit", "-m", &byte.to_string()]);
    }
    write(3);
    let full = |first: &str| {
        let said =
            pool.fails(1, ["commit", "-m", "more"], "not enough space in the pool: the copy takes 5.0 MiB");
        let hint = said.lines().find(|line| line.starts_with("hint: free")).unwrap();
        assert!(hint.contains(first), "{said}");
        assert!(said.contains("dvol du --all"), "{said}");
        let sizes = said.split(" MiB").filter_map(|part| part.rsplit(' ').next()?.parse::<f32>().ok());
        assert!(sizes.count() >= 3, "{said}");
    };
    full(
        "free 5.0 MiB of 1 old commit; the log still shows them: dvol forget --keep-last 1 db && dvol gc --all db",
    );
    pool.ok(["forget", "--keep-last", "1", "db"]);
    full("free 5.0 MiB, after which no earlier operation can be undone: dvol gc --all");
    let free = || dvol::sys::tree::free_space(&pool.root()).unwrap();
    let before = free();
    pool.ok(["gc", "--all", "-f", "db"]);
    assert!(free() - before >= 5 << 20);
    pool.ok(["commit", "-m", "more"]);
    pool.ok(["rm", "--purge", "-f", "db"]);
    assert!(free() - before >= 14 << 20);
    pool.ok(["fsck"]);
}
