//! Memory stays flat however many entries a tree has, also when all are in one directory.
//!
//! `DVOL_MILLION=1 cargo test --release --test cli memory -- --nocapture` does it with a million, and tells the figures.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use crate::harness::Pool;

/// Enough for names and marks to fill many a buffer, had they to be held.
const MANY: usize = 30_000;
const FEW: usize = 1_000;
/// Kilobytes that the many may take more than the few.
const MORE: u64 = 14_000;
/// Kilobytes that a million may take in all.
const MOST: u64 = 64_000;

/// The most memory that a run of `args` had resident, in kilobytes.
fn peak(pool: &Pool, args: &[&str]) -> u64 {
    let mut child = pool.command().args(args).stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        // The kernel keeps the highest; so only the very end may be missed.
        let told = fs::read_to_string(&status).unwrap_or_default();
        let line = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
        peak = peak.max(now.unwrap_or(0));
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "{args:?}: {ended}");
            return peak;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Makes entries that take no space, with names as long as they come.
fn fill(directory: &Path, entries: usize) {
    for number in 0..entries {
        symlink("x", directory.join(format!("{number:0>250}"))).unwrap();
    }
}

fn peaks(entries: usize) -> Vec<(&'static str, u64)> {
    let pool = Pool::new();
    pool.run(&["init", "db"]).ok();
    fill(&pool.file("db", ""), entries);
    let verbs: [&[&str]; 5] =
        [&["commit", "-m", "One"], &["status"], &["reset", "--hard", "HEAD"], &["diff", "HEAD"], &["du"]];
    let told = verbs.iter().map(|verb| (verb[0], peak(&pool, verb))).collect();
    // What it is for: nothing was missed on the way.
    let last = pool.file("db", &format!("{:0>250}", entries - 1));
    fs::remove_file(last).unwrap();
    let status = pool.run(&["status", "--short"]).ok();
    assert_eq!(status.lines().count(), 1, "{status}");
    assert!(status.starts_with("D "), "{status}");
    told
}

#[test]
fn memory_does_not_grow_with_the_number_of_entries() {
    for ((verb, few), (_, many)) in peaks(FEW).into_iter().zip(peaks(MANY)) {
        assert!(many < few + MORE, "{verb} of {MANY} entries takes {many} kB, of {FEW} entries {few} kB");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test that takes minutes must be asked for")]
fn a_million_entries_in_one_directory_take_less_than_64_megabytes() {
    if std::env::var_os("DVOL_MILLION").is_none() {
        eprintln!("skipped: DVOL_MILLION is not set");
        return;
    }
    for (verb, peak) in peaks(1_000_000) {
        println!("{verb}: {peak} kB");
        assert!(peak < MOST, "{verb} takes {peak} kB");
    }
}
