//! Runs the fuzz targets on the saved corpus of tests/fuzz, and on thousands of inputs made from it
//! by changes that a fixed series picks. `cargo fuzz` goes on from there: see tests/fuzz/README.md.

use std::fs;
use std::path::Path;

use support::fuzz;

use crate::harness::Pool;

/// Numbers that are the same in every run (xorshift).
struct Series(u64);

impl Series {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn change(bytes: &mut Vec<u8>, others: &[Vec<u8>], series: &mut Series) {
    for _ in 0..=series.below(3) {
        let at = series.below(bytes.len());
        match series.below(5) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << series.below(8),
            1 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'~', b'^', b'@'][series.below(8)],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, u8::try_from(series.below(256)).unwrap()),
            _ => {
                let other = &others[series.below(others.len())];
                let from = series.below(other.len());
                let end = (from + 1 + series.below(64)).min(other.len());
                bytes.splice(at..at, other[from..end].iter().copied());
            }
        }
    }
}

fn run(target: fn(&[u8]), seeds: &[Vec<u8>], times: usize) {
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|seed| target(seed));
    let mut series = Series(0x9e37_79b9_7f4a_7c15);
    for _ in 0..times {
        let mut bytes = seeds[series.below(seeds.len())].clone();
        change(&mut bytes, seeds, &mut series);
        target(&bytes);
    }
}

/// A database and its second copy, as the program writes them.
fn written() -> (Vec<u8>, Vec<u8>) {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["tag", "v1"]);
    pool.ok(["checkout", "-b", "dev"]);
    let read = |name| fs::read(pool.root().join(".dvol").join(name)).unwrap();
    (read("metadata.redb"), read("records.log"))
}

#[test]
fn a_database_of_any_bytes_is_read_or_called_damaged() {
    let mut seeds = corpus("metadata");
    seeds.push(written().0);
    run(fuzz::metadata, &seeds, 150);
}

#[test]
fn a_second_copy_of_any_bytes_is_read_as_far_as_it_goes() {
    let mut seeds = corpus("records");
    seeds.push(written().1);
    run(fuzz::records, &seeds, 150);
}

#[test]
fn a_revision_of_any_bytes_is_refused_or_means_what_it_says() {
    run(fuzz::revision, &corpus("revision"), 50_000);
}

#[test]
fn an_archive_of_any_bytes_writes_nothing_outside_of_its_directory() {
    run(fuzz::archive, &corpus("archive"), 500);
}
