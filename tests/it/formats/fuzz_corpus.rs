//! The fuzz targets of tests/fuzz on their saved corpus and on thousands of inputs that come of it by changes that a fixed
//! series picks. `cargo fuzz` goes on from there: see tests/fuzz/README.md.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/targets.rs"]
mod targets;

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
    let home = tempfile::tempdir().unwrap();
    let pool = home.path().join("pool");
    for words in [&["init", "db"][..], &["commit", "-m", "One"], &["tag", "v1"], &["checkout", "-b", "dev"]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dvol"));
        command.current_dir(home.path()).arg("--pool").arg(&pool).arg("--disable-docker-integration");
        assert!(command.args(words).output().unwrap().status.success());
    }
    let read = |name| fs::read(pool.join(".dvol").join(name)).unwrap();
    (read("metadata.redb"), read("records.log"))
}

#[test]
fn metadata() {
    let mut seeds = corpus("metadata");
    seeds.push(written().0);
    run(targets::metadata, &seeds, 150);
}

#[test]
fn records() {
    let mut seeds = corpus("records");
    seeds.push(written().1);
    run(targets::records, &seeds, 150);
}

#[test]
fn revision() {
    run(targets::revision, &corpus("revision"), 50_000);
}

#[test]
fn archive() {
    run(targets::archive, &corpus("archive"), 500);
}
