//! Large files that left a tree serve the next exchange, and an undo still makes them again.

#![allow(clippy::disallowed_methods, reason = "the tests make their trees without the code under test")]

use std::any::Any;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::{Command, Stdio};

use rustix::fs::{FallocateFlags, fallocate};

use super::exchange::Known;
use super::*;

/// More than two ranges, and an end inside a block.
const SIZE: usize = 40_000_003;
const FILE: &str = "sub/table";

/// A tree with a large file, and trees that exchange entries with it again and again.
struct Loop {
    pair: Pair,
    known: Known,
}

impl Loop {
    fn new(make: impl FnOnce(&File)) -> Self {
        let pair = Pair::new();
        fill(&pair.src);
        make_file(&pair.src.join(FILE), &noise(SIZE));
        make(&File::options().read(true).write(true).open(pair.src.join(FILE)).unwrap());
        set_xattr(&pair.src.join(FILE), "user.of", b"the source");
        set_times(&pair.src);
        pair.copy().unwrap();
        let known = Known::of(&pair.dst);
        Loop { pair, known }
    }

    fn change(&self, change: impl FnOnce(&File)) {
        let path = self.pair.dst.join(FILE);
        change(&File::options().read(true).write(true).open(&path).unwrap());
    }

    fn at(&self, name: &str) -> PathBuf {
        self.pair.dst.with_file_name(name)
    }

    /// Exchanges what differs, with these spares.
    fn exchange(&mut self, number: u32, spares: &[PathBuf]) -> (LeftTree, CopyStats) {
        let at = |name: &str| self.at(&format!("{name}-{number}"));
        let left = LeftTree { tree: at("staged"), list: at("list"), spares: at("spares") };
        make_dir(&left.tree);
        make_dir(&left.spares);
        let Pair { src, dst, .. } = &self.pair;
        let (source, tree, staged, early) = (&**src, &**dst, &*left.tree, at("early"));
        let change = Retarget { source, tree, index: &self.known, staged, first_pass: &early, spares };
        let stats = change.stage(&left.list, &CopyOptions::default()).unwrap();
        exchange_entries(dst, &left.tree, &left.list, &RefusedFlags::default()).unwrap();
        assert_same(&snapshot(src), &snapshot(dst));
        self.known = Known::of(dst);
        (left, stats)
    }

    fn prepare(&self, left: &LeftTree) -> u64 {
        self.prepare_until(left, 0, &|| true)
    }

    /// Makes spares while `goes_on` says so, and copies so many bytes at most.
    fn prepare_until(&self, left: &LeftTree, copied_max: u64, goes_on: &(dyn Fn() -> bool + Sync)) -> u64 {
        let (options, enter) = (CopyOptions::default(), || Some(Box::new(()) as Box<dyn Any>));
        let making = Making { options: &options, goes_on, enter: &enter, copied_max };
        prepare_spares(&self.pair.src, std::slice::from_ref(left), &making).unwrap()
    }

    /// Makes the tree from before an exchange again.
    fn before(&self, number: u32, left: &LeftTree) -> BTreeMap<PathBuf, String> {
        let target = self.at(&format!("before-{number}"));
        make_dir(&target);
        copy_before(&self.pair.src, left, &target, &CopyOptions::default()).unwrap();
        snapshot(&target)
    }

    fn was_spared(stats: &CopyStats) -> bool {
        stats.by_way[CopyWay::Patched].files == 1
    }
}

/// Goes through two exchanges: what left in the first serves the second, and both can be undone.
fn serves_the_next(make: impl FnOnce(&File), change: impl FnOnce(&File)) {
    let mut many = Loop::new(make);
    many.change(change);
    set_xattr(&many.pair.dst.join(FILE), "user.of", b"the tree");
    set_xattr(&many.pair.dst.join(FILE), "user.more", b"1");
    set_mode(&many.pair.dst.join(FILE), 0o604);
    make_file(&many.pair.dst.join("sub/new"), b"new");
    set_times(&many.pair.dst);
    let first = snapshot(&many.pair.dst);
    let blocks = extents(&many.pair.dst.join(FILE));
    let (left, stats) = many.exchange(1, &[]);
    assert!(!Loop::was_spared(&stats));
    assert_eq!(many.prepare(&left), 1);
    assert_eq!(many.prepare(&left), 0, "once");
    assert!(!left.tree.join(FILE).exists());

    many.change(|file| file.write_all_at(b"again", 30_000_000).unwrap());
    let second = snapshot(&many.pair.dst);
    let (last, stats) = many.exchange(2, std::slice::from_ref(&left.spares));
    assert!(Loop::was_spared(&stats), "{stats:?}");
    assert_eq!(extents(&many.pair.dst.join(FILE)), extents(&many.pair.src.join(FILE)));
    assert_same(&second, &many.before(2, &last));
    assert_same(&first, &many.before(1, &left));
    assert_eq!(extents(&many.at("before-1").join(FILE)), blocks, "its holes");
}

#[test]
fn a_file_with_some_blocks_changed_serves_the_next_exchange() {
    serves_the_next(
        |_| (),
        |file| {
            file.write_all_at(b"at the start", 0).unwrap();
            file.write_all_at(&[7; 10_000], 17_000_000).unwrap();
            file.write_all_at(b"end", SIZE as u64 - 3).unwrap();
        },
    );
}

#[test]
fn a_file_that_became_longer_or_shorter() {
    serves_the_next(|_| (), |file| file.write_all_at(&noise(100_000), SIZE as u64).unwrap());
    serves_the_next(|_| (), |file| file.set_len(SIZE as u64 + 1_000_000).unwrap());
    serves_the_next(|_| (), |file| file.set_len(SIZE as u64 - 1_000_001).unwrap());
}

#[test]
fn holes_that_came_and_went() {
    let hole = |file: &File, start: u64, end: u64| {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(file, flags, start, end - start).unwrap();
    };
    serves_the_next(|_| (), |file| hole(file, 1 << 20, 2 << 20));
    serves_the_next(|_| (), |file| hole(file, 38 << 20, 64 << 20));
    serves_the_next(
        |file| hole(file, 1 << 20, 3 << 20),
        |file| {
            file.write_all_at(&[0; 50_000], 1 << 20).unwrap();
            file.write_all_at(b"in the hole", 2 << 20).unwrap();
        },
    );
    serves_the_next(|file| hole(file, 38 << 20, 64 << 20), |file| file.write_all_at(b"1", 39 << 20).unwrap());
}

#[test]
fn a_file_that_a_process_holds_stays_as_it_is() {
    let mut many = Loop::new(|_| ());
    many.change(|file| file.write_all_at(b"changed", 0).unwrap());
    let held = File::options().append(true).open(many.pair.dst.join(FILE)).unwrap();
    let (left, _) = many.exchange(1, &[]);
    let mut writer = Command::new("sleep").arg("1000").stdout(Stdio::from(held)).spawn().unwrap();
    assert_eq!(many.prepare(&left), 0);
    assert!(left.tree.join(FILE).exists() && fs::read_dir(&left.spares).unwrap().next().is_none());
    writer.kill().unwrap();
    writer.wait().unwrap();
    assert_eq!(many.prepare(&left), 1);
}

#[test]
fn a_file_of_which_much_differs_is_copied() {
    let mut many = Loop::new(|_| ());
    many.change(|file| file.write_all_at(&vec![1; SIZE / 3], 0).unwrap());
    let first = snapshot(&many.pair.dst);
    let (left, _) = many.exchange(1, &[]);
    assert_eq!(many.prepare(&left), 0);
    let left_there: Vec<_> = fs::read_dir(&left.spares).unwrap().map(|it| it.unwrap().path()).collect();
    assert!(left_there.len() == 1 && left_there[0].extension().unwrap() == "unlike", "not compared again");
    assert_eq!(many.prepare(&left), 0);
    assert_same(&first, &many.before(1, &left));
    many.change(|file| file.write_all_at(b"again", 0).unwrap());
    let (_, stats) = many.exchange(2, std::slice::from_ref(&left.spares));
    assert!(!Loop::was_spared(&stats));
}

#[test]
fn a_copy_serves_for_a_file_that_was_written_anew_or_is_gone() {
    for is_gone in [false, true] {
        let mut many = Loop::new(|_| ());
        if is_gone {
            fs::rename(many.pair.dst.join(FILE), many.pair.dst.join("sub/recycled")).unwrap();
        } else {
            many.change(|file| file.write_all_at(&vec![1; SIZE / 2], 0).unwrap());
        }
        let first = snapshot(&many.pair.dst);
        let (left, _) = many.exchange(1, &[]);
        assert_eq!(many.prepare_until(&left, SIZE as u64 / 2, &|| true), 0, "too large");
        assert_eq!(many.prepare_until(&left, 2 * SIZE as u64, &|| true), 1);
        assert_eq!(many.prepare_until(&left, 2 * SIZE as u64, &|| true), 0, "once");
        many.change(|file| file.write_all_at(b"again", 0).unwrap());
        let second = snapshot(&many.pair.dst);
        let (last, stats) = many.exchange(2, std::slice::from_ref(&left.spares));
        assert!(Loop::was_spared(&stats), "{stats:?}");
        assert_same(&second, &many.before(2, &last));
        assert_same(&first, &many.before(1, &left));
    }
}

#[test]
fn no_tree_is_touched_while_another_process_works_on_it() {
    let mut many = Loop::new(|_| ());
    many.change(|file| file.write_all_at(b"changed", 0).unwrap());
    let (left, _) = many.exchange(1, &[]);
    let (options, goes_on) = (CopyOptions::default(), || true);
    let making = Making { options: &options, goes_on: &goes_on, enter: &|| None, copied_max: 1 << 40 };
    assert_eq!(prepare_spares(&many.pair.src, std::slice::from_ref(&left), &making).unwrap(), 0);
    assert!(left.tree.join(FILE).exists() && fs::read_dir(&left.spares).unwrap().next().is_none());
}

#[test]
fn an_old_file_that_left_trash_while_it_was_compared_is_not_touched() {
    let mut many = Loop::new(|_| ());
    many.change(|file| file.write_all_at(b"changed", 0).unwrap());
    let (left, _) = many.exchange(1, &[]);
    let elsewhere = many.at("elsewhere");
    let enter = || {
        fs::rename(left.tree.join(FILE), &elsewhere).unwrap();
        Some(Box::new(()) as Box<dyn Any>)
    };
    let (options, goes_on) = (CopyOptions::default(), || true);
    let making = Making { options: &options, goes_on: &goes_on, enter: &enter, copied_max: 0 };
    let before = fs::read(left.tree.join(FILE)).unwrap();
    assert_eq!(prepare_spares(&many.pair.src, std::slice::from_ref(&left), &making).unwrap(), 0);
    assert!(fs::read(&elsewhere).unwrap() == before);
    assert!(fs::read_dir(&left.spares).unwrap().next().is_none());
}

#[test]
fn work_that_is_ended_leaves_the_old_file() {
    let mut many = Loop::new(|_| ());
    many.change(|file| file.write_all_at(b"changed", 0).unwrap());
    let first = snapshot(&many.pair.dst);
    let (left, _) = many.exchange(1, &[]);
    let asked = std::sync::atomic::AtomicU64::new(0);
    let goes_on = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 2;
    assert_eq!(many.prepare_until(&left, 0, &goes_on), 0);
    assert!(left.tree.join(FILE).exists());
    assert_same(&first, &many.before(1, &left));
}
