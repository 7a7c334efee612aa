//! Commands on a file system with little room left: each is done as a whole or refused as a whole,
//! and what reads works all the time.
//!
//! `DVOL_FULL_DISKS=220` tries so many commands instead of a few, and `DVOL_TEST_SEED` others.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use support::random::{Random, amount, seed};
use support::{LoopImage, lasting, tree_text};

use crate::harness::Pool;

const COMMANDS: [&[&str]; 17] = [
    &["commit", "-m", "More"],
    &["commit", "-m", "More"],
    &["commit", "--amend", "-m", "Other"],
    &["reset", "--hard", "HEAD"],
    &["reset", "--hard", "HEAD~1"],
    &["undo"],
    &["redo"],
    &["checkout", "-b", "side"],
    &["checkout", "-f", "master"],
    &["branch", "-D", "side"],
    &["tag", "-f", "v1"],
    &["clone", "db", "copy"],
    &["rm", "-f", "copy"],
    &["rename", "copy", "other"],
    &["config", "trash.keep", "1d"],
    &["init", "new"],
    &["gc", "--all", "-f"],
];

/// Records, commits and working trees; trash may make room.
fn state(pool: &Pool) -> String {
    let mut text = lasting(&pool.root());
    for volume in ["db", "copy", "other", "new"] {
        text += &tree_text(&pool.root().join(volume).join("branches"));
    }
    text
}

/// Takes all room but `left` bytes; returns the file that has it.
fn take_room(directory: &Path, left: usize) -> std::path::PathBuf {
    let path = directory.join("filler");
    let filler = File::create(&path).unwrap();
    let mut end = 0;
    for size in [1 << 20, 1 << 16, 1 << 12] {
        while filler.write_all_at(&vec![1; size], end).is_ok() {
            end += size as u64;
        }
    }
    filler.set_len((end as usize).saturating_sub(left) as u64).unwrap();
    rustix::fs::fsync(&filler).unwrap();
    path
}

#[test]
fn on_a_full_disk_a_command_is_done_or_refused_as_a_whole() {
    let (wanted, seed) = (amount("DVOL_FULL_DISKS", 12), seed());
    println!("{wanted} full disks, DVOL_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let (mut done, mut refused, mut number) = (0, 0, 0);
    while number < wanted {
        let Some(small) = LoopImage::fast("ext4", &["-q", "-F"], 24) else {
            return support::skip("there is no ext4 in a loop image");
        };
        let pool = Pool::inside(&small.path());
        pool.ok(["init", "db"]);
        for file in 0..20 {
            pool.write("db", &file.to_string(), &"text".repeat(1 + random.below(8000)));
        }
        pool.ok(["commit", "-m", "One"]);
        for _ in 0..20.min(wanted - number) {
            number += 1;
            let changed = random.below(20).to_string();
            let _ = fs::write(pool.file("db", &changed), "more".repeat(1 + random.below(8000)));
            let words = random.pick(&COMMANDS);
            let most = 1 << (10 + random.below(11));
            let left = random.below(most);
            let filler = take_room(&small.path(), left);
            let before = state(&pool);
            let said = pool.run(words);
            let about =
                format!("DVOL_TEST_SEED={seed}, {number}: {words:?} with {left} bytes left: {said:?}");
            // What reads needs no room.
            let is_there = pool.root().join("db").exists();
            let reads = [&["list"][..], &["log", "db"], &["status", "db"]];
            for words in &reads[..if is_there { 3 } else { 1 }] {
                let read = pool.run(*words);
                assert_eq!(read.code, 0, "{about}: {words:?}: {read:?}");
            }
            match said.code {
                0 => done += 1,
                1 | 2 => {
                    assert_eq!(support::difference(&before, &state(&pool)), "", "{about}");
                    refused += usize::from(said.err.contains("pace"));
                }
                _ => panic!("{about}"),
            }
            fs::remove_file(filler).unwrap();
            if said.err.contains("the next dvol tries again") {
                // There was no room even to say that it is undone.
                pool.run(["fsck"]);
            }
            let fsck = pool.run(["fsck", "--deep"]);
            assert_eq!(fsck.code, 0, "{about}: {fsck:?}");
            assert!(pool.staging().is_empty(), "{about}");
            if !is_there {
                // The undo of all that was done.
                pool.ok(["redo", "db"]);
            }
        }
    }
    println!("{done} done, {refused} refused for lack of space");
    assert!(done > 0 && (refused > 0 || wanted < 100), "{done} done, {refused} refused");
}
