//! A patched draft equals a copy, whatever happened to the file meanwhile.

#![allow(clippy::disallowed_methods, reason = "the tests make their trees without the code under test")]

use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, fallocate};

use super::*;
use crate::sys::tree::copy::content::{CopiedFile, CopyFailure};
use crate::sys::tree::copy::patch::patch_copy;
use crate::sys::tree::entry::handle::Stat;

/// More than one range for two threads, and an end inside a block.
const SIZE: u64 = 20_000_003;
static CONTENT: LazyLock<Vec<u8>> = LazyLock::new(|| noise(SIZE as usize));
/// Bytes that a thread takes at a time.
const RANGE: u64 = 16 << 20;

/// A file, and a draft that was copied from it as `before` had made it. At first both are all data.
struct Drafted {
    _home: TempDir,
    from: PathBuf,
    to: PathBuf,
}

impl Drafted {
    fn new(before: impl FnOnce(&File)) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (from, to) = (home.path().join("from"), home.path().join("to"));
        make_file(&from, &CONTENT);
        let drafted = Drafted { _home: home, from, to };
        before(&drafted.file());
        run("cp", &["--sparse=always".as_ref(), drafted.from.as_os_str(), drafted.to.as_os_str()]);
        drafted
    }

    fn file(&self) -> File {
        File::options().read(true).write(true).open(&self.from).unwrap()
    }

    fn patch(&self, threads: usize, during: impl FnOnce(&File)) -> Result<CopiedFile, CopyFailure> {
        let open =
            |path: &Path| -> OwnedFd { File::options().read(true).write(true).open(path).unwrap().into() };
        let (from, to) = (open(&self.from), open(&self.to));
        let stat = Stat::of(from.as_fd()).unwrap();
        during(&self.file());
        let done = AtomicU64::new(0);
        let copied = patch_copy(&from, &to, &stat, threads, &|bytes| {
            done.fetch_add(bytes, Ordering::Relaxed);
            true
        });
        assert_eq!(done.load(Ordering::Relaxed), stat.size);
        copied
    }

    fn assert_same(&self) {
        assert!(fs::read(&self.from).unwrap() == fs::read(&self.to).unwrap(), "the bytes differ");
        assert_eq!(extents(&self.from), extents(&self.to));
    }
}

/// Patches a draft after `change`, with one thread and with several; returns the bytes written.
fn after(change: impl Fn(&File)) -> u64 {
    let written = [1, 3].map(|threads| {
        let drafted = Drafted::new(|_| {});
        change(&drafted.file());
        let Ok(copied) = drafted.patch(threads, |_| {}) else { panic!("it failed") };
        assert_eq!(copied.size, fs::metadata(&drafted.from).unwrap().size());
        drafted.assert_same();
        copied.moved
    });
    assert_eq!(written[0], written[1]);
    written[0]
}

fn flip(file: &File, offset: u64) {
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

#[test]
fn what_is_the_same_is_not_written() {
    assert_eq!(after(|_| {}), 0);
    // Written again, with a new time and the same bytes.
    assert_eq!(after(|file| file.write_all_at(&noise(8192), 0).unwrap()), 0);
}

#[test]
fn one_bit_costs_one_block_wherever_it_is() {
    for offset in [0, 4095, 4096, 262_143, 262_144, RANGE - 1, RANGE, RANGE + 1, SIZE / 4096 * 4096 - 1] {
        assert_eq!(after(|file| flip(file, offset)), 4096, "{offset}");
    }
    let last = SIZE % 4096;
    for offset in [SIZE - 1, SIZE - last] {
        assert_eq!(after(|file| flip(file, offset)), last, "{offset}");
    }
    // Two neighbours, one on each side of an edge, and one further on.
    let three = |file: &File| [4095, 4096, 16_384].iter().for_each(|offset| flip(file, *offset));
    assert_eq!(after(three), 3 * 4096);
}

#[test]
fn all_of_it_may_have_changed() {
    assert_eq!(after(|file| file.write_all_at(&vec![7; SIZE as usize], 0).unwrap()), SIZE);
}

#[test]
fn a_file_may_have_shrunk_or_grown() {
    assert_eq!(after(|file| file.set_len(0).unwrap()), 0);
    for size in [1, 4095, 4096, 4097, RANGE - 1, RANGE, RANGE + 1, SIZE - 1] {
        assert_eq!(after(|file| file.set_len(size).unwrap()), 0, "{size}");
    }
    // After the old end comes a hole, or data, or both; the end itself is in an existing block.
    after(|file| file.set_len(SIZE + 1).unwrap());
    after(|file| file.set_len(100_000_000).unwrap());
    let end = SIZE.next_multiple_of(4096);
    let grown = after(|file| file.write_all_at(&noise(100_000), end).unwrap());
    assert_eq!(grown, 100_000);
    after(|file| {
        file.set_len(0).unwrap();
        file.write_all_at(b"end", 50_000_000).unwrap();
    });
    // Cut off and grown again: the old data has become zeros.
    after(|file| {
        file.set_len(10_000).unwrap();
        file.set_len(SIZE).unwrap();
    });
}

fn punch(file: &File, start: u64, length: u64) {
    fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, start, length).unwrap();
}

#[test]
fn what_has_become_a_hole_is_one_in_the_copy() {
    for (start, length) in [
        (0, 4096),
        (8192, 1 << 20),
        (RANGE - 4096, 8192),
        (RANGE, 1 << 20),
        (0, SIZE),
        (SIZE / 4096 * 4096, 4096),
        // No whole block at either end, and past the end.
        (10_001, 100_000),
        (SIZE - 5000, 1 << 20),
    ] {
        after(|file| punch(file, start, length));
    }
}

#[test]
fn what_was_a_hole_is_filled() {
    let holes = |file: &File| {
        punch(file, 0, 65_536);
        punch(file, RANGE - 65_536, 131_072);
        file.set_len(SIZE + 10_000_000).unwrap();
    };
    for fill in [
        // Written zeros are data, as in the file.
        (|file| file.write_all_at(&[0; 65_536], 0).unwrap()) as fn(&File),
        |file| file.write_all_at(&noise(4096), 8192).unwrap(),
        |file| file.write_all_at(&noise(131_072), RANGE - 65_536).unwrap(),
        |file| file.write_all_at(b"x", SIZE + 9_999_999).unwrap(),
        |file| punch(file, RANGE, 1 << 20),
    ] {
        let drafted = Drafted::new(holes);
        fill(&drafted.file());
        assert!(drafted.patch(2, |_| {}).is_ok());
        drafted.assert_same();
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_gives_what_there_is() {
    // As in a copy: up to the size that the file had, and no further than it reaches.
    let drafted = Drafted::new(|_| {});
    let Ok(copied) = drafted.patch(2, |file| file.set_len(RANGE + 5).unwrap()) else { panic!("it failed") };
    assert_eq!(copied.size, RANGE + 5);
    drafted.assert_same();

    let drafted = Drafted::new(|_| {});
    let grow = |file: &File| file.write_all_at(b"more", SIZE).unwrap();
    let Ok(copied) = drafted.patch(2, grow) else { panic!("it failed") };
    assert_eq!(copied.size, SIZE);
    assert!(fs::read(&drafted.from).unwrap()[..SIZE as usize] == fs::read(&drafted.to).unwrap());
}

#[test]
fn it_ends_when_it_is_told_to() {
    let drafted = Drafted::new(|_| {});
    let open = |path: &Path| -> OwnedFd { File::options().read(true).write(true).open(path).unwrap().into() };
    let (from, to) = (open(&drafted.from), open(&drafted.to));
    let stat = Stat::of(from.as_fd()).unwrap();
    assert!(matches!(patch_copy(&from, &to, &stat, 2, &|_| false), Err(CopyFailure::Stopped)));
}
