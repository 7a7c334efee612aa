//! A process that moves and writes entries at random while a reset runs, which may be killed: each
//! reset is done or refused, the volume works, and nothing that the process wrote is lost.
//!
//! `DVOL_WRITERS=1000` tries so many resets instead of a few, and `DVOL_TEST_SEED` others.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use support::random::{Random, amount, seed};

use crate::harness::{Pool, Said};

/// Resets of one pool; its lost+found and trash grow with each.
const EACH: usize = 10;

const PLACES: [&str; 16] = [
    "a",
    "b",
    "c",
    "d",
    "one",
    "two",
    "three",
    "one/a",
    "one/b",
    "two/a",
    "two/b",
    "one/deep",
    "one/deep/a",
    "two/deep",
    "three/a",
    "three/deep",
];

/// A process that does things at random to the tree that it holds open.
struct Writer {
    tree: File,
    /// All that it wrote.
    written: BTreeSet<String>,
}

impl Writer {
    fn act(&mut self, random: &mut Random) {
        let tree = PathBuf::from(format!("/proc/self/fd/{}", self.tree.as_raw_fd()));
        let (one, other) = (tree.join(random.pick(&PLACES)), tree.join(random.pick(&PLACES)));
        // What it looks for may be somewhere else by now.
        let _ = match random.below(6) {
            0 => renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE),
            1 => renameat_with(CWD, &one, CWD, &other, RenameFlags::NOREPLACE),
            2 => fs::create_dir(&one).map_err(|_| rustix::io::Errno::EXIST),
            _ => {
                self.write(&one);
                Ok(())
            }
        };
    }

    fn write(&mut self, path: &Path) {
        let Ok(mut file) = File::create_new(path) else { return };
        let text = format!("written {}", self.written.len());
        file.write_all(text.as_bytes()).unwrap();
        self.written.insert(text);
    }
}

/// The contents of all files of a pool.
fn contents(pool: &Pool) -> BTreeSet<String> {
    let walk = walkdir::WalkDir::new(pool.root()).into_iter().filter_map(Result::ok);
    let files = walk.filter(|entry| entry.file_type().is_file());
    files.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect()
}

/// A volume with a commit and changes since.
fn prepared(random: &mut Random) -> Pool {
    let pool = Pool::with_volume();
    let fill = |text: &str, random: &mut Random| {
        for place in PLACES {
            let path = pool.file("db", place);
            if random.one_in(3) || path.symlink_metadata().is_ok() {
                continue;
            }
            if place.len() > 2 && !place.ends_with(['a', 'b']) {
                let _ = fs::create_dir(&path);
            } else {
                let _ = fs::write(&path, format!("{text} {place}"));
            }
        }
    };
    fill("commit", random);
    std::thread::sleep(Duration::from_millis(60));
    pool.ok(["commit", "-m", "One"]);
    pool.ok(["reset", "--hard", "HEAD"]);
    fill("old", random);
    pool
}

#[test]
fn a_reset_loses_nothing_of_a_process_that_writes_at_random() {
    let (wanted, seed) = (amount("DVOL_WRITERS", 20), seed());
    println!("{wanted} resets, DVOL_TEST_SEED={seed}");
    let mut random = Random::new(seed);
    let (mut done, mut refused, mut killed, mut acts) = (0, 0, 0, 0);
    for number in 0..wanted.div_ceil(EACH) {
        let pool = prepared(&mut random);
        let mut written = BTreeSet::new();
        for round in 0..EACH {
            // The writer of a reset that moved the tree away for good has left.
            let tree = File::open(pool.root().join("db/branches/master")).unwrap();
            let mut writer = Writer { tree, written: std::mem::take(&mut written) };
            (0..random.below(20)).for_each(|_| writer.act(&mut random));
            let mut reset = pool.command(["reset", "--hard", "HEAD", "db"]);
            let mut child = reset.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let dies_at = random.one_in(3).then(|| random.below(30));
            // A busy one makes the reset give up, a calm one lets it end.
            let pause = Duration::from_micros(random.pick(&[0, 100, 2000, 20_000]));
            let mut act = 0;
            while child.try_wait().unwrap().is_none() {
                writer.act(&mut random);
                act += 1;
                std::thread::sleep(pause);
                if dies_at.is_some_and(|at| act > at) {
                    child.kill().unwrap();
                }
            }
            acts += act;
            let said = Said::from(child.wait_with_output().unwrap());
            let about = format!("DVOL_TEST_SEED={seed}, pool {number}, reset {round}: {said:?}");
            match said.code {
                0 => done += 1,
                1 => refused += 1,
                -1 if dies_at.is_some() => killed += 1,
                _ => panic!("{about}"),
            }
            pool.run(["fsck"]);
            let fsck = pool.run(["fsck"]);
            assert_eq!(fsck.code, 0, "{about}: {fsck:?}");
            let now = contents(&pool);
            let lost: Vec<&String> = writer.written.iter().filter(|one| !now.contains(*one)).collect();
            assert!(lost.is_empty(), "{about}: lost {lost:?}");
            pool.ok(["status", "db"]);
            assert!(pool.staging().is_empty(), "{about}");
            written = writer.written;
        }
        pool.ok(["commit", "-m", "After", "db"]);
        pool.ok(["reset", "--hard", "HEAD", "db"]);
    }
    println!("{done} done, {refused} refused, {killed} killed; {acts} acts of the writers");
    assert!(done > 0 && acts > 0, "{done} done, {acts} acts");
}
