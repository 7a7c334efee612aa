//! Memory stays flat however many entries a tree has, also when all are in one directory.
//!
//! `DVOL_MILLION=1 cargo test --release --test it memory -- --nocapture` does it with a million,
//! and tells the figures.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use support::has_program;

use crate::harness::{Pool, Said};

/// Enough to fill what is kept in memory for speed, which is some 20 MB, and for names and marks to
/// take more, had they to be held: the names alone take 15 MB.
const MANY: usize = 60_000;
const FEW: usize = 1_000;
/// Kilobytes that the many may take more than the few.
const MORE: u64 = 29_000;
/// Kilobytes that a million may take in all.
const MOST: u64 = 64_000;

/// Runs a program, and prints what the kernel tells of it once it has ended: the most memory that
/// it had resident. Who looks now and then misses that on a machine that is busy.
const MEASURE: &str = "import os, sys; pid = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]); \
    _, status, usage = os.wait4(pid, 0); print('peak', usage.ru_maxrss); sys.exit(status != 0)";

/// The most memory that a run of `args` had resident, in kilobytes.
fn peak(pool: &Pool, args: &[&str]) -> u64 {
    let dvol = pool.command(args);
    let mut command = pool.command_of("python3");
    command.args(["-c", MEASURE]).arg(dvol.get_program()).args(dvol.get_args());
    let out = Said::from(command.output().unwrap()).ok();
    out.lines().rev().find_map(|line| line.strip_prefix("peak ")).unwrap().parse().unwrap()
}

/// Makes entries that take no space, with names as long as they come.
fn fill(directory: &Path, entries: usize) {
    for number in 0..entries {
        symlink("x", directory.join(format!("{number:0>250}"))).unwrap();
    }
}

fn peaks(entries: usize) -> Vec<(&'static str, u64)> {
    let pool = Pool::empty();
    pool.ok(["init", "db"]);
    fill(&pool.file("db", ""), entries);
    let verbs: [&[&str]; 5] =
        [&["commit", "-m", "One"], &["status"], &["reset", "--hard", "HEAD"], &["diff", "HEAD"], &["du"]];
    let told = verbs.iter().map(|verb| (verb[0], peak(&pool, verb))).collect();
    // What it is for: nothing was missed on the way.
    let last = pool.file("db", &format!("{:0>250}", entries - 1));
    fs::remove_file(last).unwrap();
    let status = pool.ok(["status", "--short"]);
    assert_eq!(status.lines().count(), 1, "{status}");
    assert!(status.starts_with("D "), "{status}");
    told
}

#[test]
fn memory_does_not_grow_with_the_number_of_entries() {
    if !has_program("python3") {
        return;
    }
    for ((verb, few), (_, many)) in peaks(FEW).into_iter().zip(peaks(MANY)) {
        assert!(many < few + MORE, "{verb} of {MANY} entries takes {many} kB, of {FEW} entries {few} kB");
    }
}

/// How many commits, whose messages the metadata hold twice: with the commit and in the operation
/// log.
const COMMITS: usize = 60;
const MESSAGE: usize = 200 << 10;

#[test]
fn memory_does_not_grow_with_the_metadata() {
    let pool = Pool::empty();
    pool.ok(["init", "db"]);
    let message = "x".repeat(100);
    let message = vec![message.as_str(); MESSAGE / 100].join("\n");
    let file = pool.dir().join("message");
    fs::write(&file, message).unwrap();
    let commit = || peak(&pool, &["commit", "-F", file.to_str().unwrap()]);
    commit();
    let first = commit();
    let most = (2..COMMITS).map(|_| commit()).max().unwrap();
    // On the way the second copy was begun anew, with all that there is.
    let log = fs::metadata(pool.root().join(".dvol/records.log")).unwrap().len() >> 10;
    assert!(log > 2 * FEW_MB, "{log} kB");
    assert!(most < first + FEW_MB, "a commit takes {most} kB, was {first} kB");
    // Nor do those that only read.
    for verb in [&["status"][..], &["list"]] {
        assert!(peak(&pool, verb) < first + FEW_MB, "{verb:?}");
    }
    // Nor does a rename, which changes every row.
    for verb in [&["rename", "db", "data"][..], &["rename", "data", "db"]] {
        let renamed = peak(&pool, verb);
        assert!(renamed < first + 2 * FEW_MB, "{verb:?} takes {renamed} kB, a commit took {first} kB");
    }
    assert_eq!(pool.ok(["log", "--oneline", "db"]).lines().count(), COMMITS);
    pool.ok(["fsck"]);
}

/// Kilobytes that it may take more where there are twenty megabytes of metadata.
const FEW_MB: u64 = 5_000;

#[test]
fn a_million_entries_in_one_directory_take_less_than_64_megabytes() {
    if std::env::var_os("DVOL_MILLION").is_none() {
        eprintln!("skipped: DVOL_MILLION is not set");
        return;
    }
    if !has_program("python3") {
        return;
    }
    for (verb, peak) in peaks(1_000_000) {
        println!("{verb}: {peak} kB");
        assert!(peak < MOST, "{verb} takes {peak} kB");
    }
}
