//! Processes that go on writing to a tree while it exchanges entries lose nothing.
//!
//! Every file has content of its own. Writers move entries about and make new ones, but never
//! delete or overwrite, so each content must be somewhere afterwards: in the tree, in what left it,
//! or in what was set aside.

#![allow(clippy::disallowed_methods, reason = "the tests make their trees without the code under test")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::fs::{RenameFlags, renameat_with};

use super::*;
use crate::sys::tree::index::NoIndex;

const DIRECTORIES: [&str; 5] = ["", "one", "one/deep", "two", "both"];

/// `src` is what `dst` becomes.
struct WriterScene {
    pair: Pair,
    staged: PathBuf,
    list: PathBuf,
    lost: PathBuf,
}

impl WriterScene {
    fn new() -> Self {
        let pair = Pair::new();
        let (src, dst) = (&pair.src, &pair.dst);
        for root in [src, dst] {
            DIRECTORIES[1..].iter().for_each(|directory| make_dir(&root.join(directory)));
        }
        for (n, directory) in DIRECTORIES.iter().enumerate() {
            for name in ["a", "b", "c"] {
                let path = Path::new(directory).join(name);
                make_file(&src.join(&path), format!("commit {n}{name}").as_bytes());
                make_file(&dst.join(&path), format!("old {n}{name}").as_bytes());
            }
            make_file(&dst.join(directory).join("goes"), format!("old {n}goes").as_bytes());
            make_file(&src.join(directory).join("comes"), format!("commit {n}comes").as_bytes());
        }
        // A file becomes a directory, and a directory a file; one goes, one comes.
        make_dir(&src.join("turns"));
        make_file(&src.join("turns/in"), b"commit turns");
        make_file(&dst.join("turns"), b"old turns");
        make_file(&src.join("returns"), b"commit returns");
        make_dir(&dst.join("returns"));
        make_file(&dst.join("returns/in"), b"old returns");
        make_dir(&dst.join("leaves"));
        make_file(&dst.join("leaves/in"), b"old leaves");
        make_dir(&src.join("arrives"));
        make_file(&src.join("arrives/in"), b"commit arrives");
        let [staged, list, lost] = ["staged", "list", "lost"].map(|name| dst.with_file_name(name));
        make_dir(&staged);
        let scene = WriterScene { staged, list, lost, pair };
        let Pair { src, dst, .. } = &scene.pair;
        let first_pass = &dst.with_file_name("early");
        let change = Retarget {
            source: src,
            tree: dst,
            index: &NoIndex,
            staged: &scene.staged,
            first_pass,
            spares: &[],
        };
        change.stage(&scene.list, &CopyOptions::default()).unwrap();
        scene
    }

    fn exchange(&self, list: &Path) -> Result<(), DiskError> {
        exchange_entries(&self.pair.dst, &self.staged, list, &RefusedFlags::default())
    }

    fn give_back(&self) {
        self.try_give_back().unwrap();
    }

    fn try_give_back(&self) -> Result<u64, DiskError> {
        return_entries(&self.pair.dst, &self.staged, &self.list, &self.lost)
    }

    /// The contents of all files beneath the tree and what was set aside; with `left`, also beneath
    /// what left the tree.
    fn contents(&self, left: bool) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut roots = vec![self.pair.dst.clone(), self.lost.clone()];
        if left {
            roots.push(self.staged.clone());
        }
        while let Some(path) = roots.pop() {
            match path.symlink_metadata() {
                Ok(metadata) if metadata.is_dir() => {
                    roots.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
                }
                Ok(_) => {
                    found.insert(fs::read_to_string(path).unwrap());
                }
                Err(_) => {}
            }
        }
        found
    }

    /// Checks that nothing is lost of what was in the tree, and of `written`.
    fn check(&self, before: &BTreeSet<String>, written: usize, left: bool, what: &str) {
        let now = self.contents(left);
        let written = (0..written).map(|n| format!("written {n}"));
        let lost: Vec<String> =
            before.iter().cloned().chain(written).filter(|one| !now.contains(one)).collect();
        assert!(lost.is_empty(), "{what}: lost {lost:?}");
    }
}

/// What a writer does to a tree between two steps.
type Change = (&'static str, fn(&Path));

fn swap(root: &Path, one: &str, other: &str) {
    renameat_with(CWD, root.join(one), CWD, root.join(other), RenameFlags::EXCHANGE).unwrap();
}

/// Changes that may find what they need, or not, at any moment.
const CHANGES: [Change; 9] = [
    ("names swapped", |root| swap(root, "a", "b")),
    ("names of two directories swapped", |root| swap(root, "one/a", "two/b")),
    ("directories swapped", |root| swap(root, "one", "two")),
    ("a directory moved into another", |root| {
        fs::rename(root.join("one/deep"), root.join("two/moved")).unwrap();
    }),
    ("a directory replaced by a file", |root| {
        fs::rename(root.join("both"), root.join("hidden")).unwrap();
        make_file(&root.join("both"), b"written 0");
    }),
    ("a file moved away and made anew", |root| {
        fs::rename(root.join("c"), root.join("two/kept")).unwrap();
        make_file(&root.join("c"), b"written 0");
    }),
    ("a file moved over another's name", |root| {
        fs::rename(root.join("two/a"), root.join("two/kept")).unwrap();
        fs::rename(root.join("two/b"), root.join("two/a")).unwrap();
    }),
    ("files made where some go and come", |root| {
        for (n, name) in ["comes", "arrives", "leaves", "goes"].iter().enumerate() {
            if root.join(name).exists() {
                fs::rename(root.join(name), root.join(format!("kept {name}"))).unwrap();
            }
            make_file(&root.join(name), format!("written {n}").as_bytes());
        }
    }),
    ("files made in directories that may be either's", |root| {
        for (n, name) in ["turns", "returns", "leaves", "arrives"].iter().enumerate() {
            let place = if root.join(name).is_dir() {
                root.join(name).join("mine")
            } else {
                root.join(format!("my {name}"))
            };
            make_file(&place, format!("written {n}").as_bytes());
        }
    }),
];

fn written_by(what: &str) -> usize {
    if what.starts_with("files made") {
        4
    } else {
        usize::from(what.contains("file") && !what.contains("over"))
    }
}

#[test]
fn whatever_a_writer_does_between_two_steps_nothing_is_lost() {
    for (what, change) in CHANGES {
        let (mut done, mut steps) = (0, usize::MAX);
        while done <= steps {
            let scene = WriterScene::new();
            let before = scene.contents(false);
            let ([first, second], count) = split_list(&scene.list, done);
            scene.exchange(&first).unwrap();
            change(&scene.pair.dst);
            let what = format!("{what} after step {done} of {count}");
            let exchanged = scene.exchange(&second);
            if exchanged.is_err() {
                scene.give_back();
            }
            scene.check(&before, written_by(&what), exchanged.is_ok(), &what);
            // A process may die, so the way back may begin anywhere, and more than once.
            scene.give_back();
            scene.check(&before, written_by(&what), false, &format!("{what}, and back"));
            (done, steps) = (done + 1, count);
        }
        assert!(steps > 30, "{steps}");
    }
}

/// Moves entries about and makes new ones until the end.
fn write(root: &Path, mut random: u64, written: &AtomicUsize, is_over: &AtomicBool) {
    let mut next = |most: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % most as u64).unwrap()
    };
    let names =
        ["a", "b", "c", "goes", "comes", "turns", "returns", "leaves", "arrives", "one", "two", "both"];
    while !is_over.load(Ordering::Relaxed) {
        let mut path = || root.join(DIRECTORIES[next(DIRECTORIES.len())]).join(names[next(names.len())]);
        let (one, other) = (path(), path());
        let flags = if next(2) == 0 { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
        let _ = renameat_with(CWD, &one, CWD, &other, flags);
        if next(3) == 0 {
            let new = other.with_file_name(format!("new {}", next(1 << 30)));
            let number = written.load(Ordering::Relaxed);
            let temporary = root.with_file_name(format!("temporary {number}"));
            make_file(&temporary, format!("written {number}").as_bytes());
            match renameat_with(CWD, &temporary, CWD, &new, RenameFlags::NOREPLACE) {
                Ok(()) => written.store(number + 1, Ordering::Relaxed),
                Err(_) => delete_file(&temporary),
            }
        }
    }
}

#[test]
fn whatever_a_writer_does_at_the_same_time_nothing_is_lost() {
    let (mut refused, mut done) = (0, 0);
    for round in 0..120_u64 {
        let scene = WriterScene::new();
        let before = scene.contents(false);
        let (written, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let exchanged = std::thread::scope(|scope| {
            scope.spawn(|| write(&scene.pair.dst, 0x9e37_79b9 * (round + 1), &written, &is_over));
            let exchanged = scene.exchange(&scene.list);
            let back = if exchanged.is_err() { scene.try_give_back() } else { Ok(0) };
            is_over.store(true, Ordering::Relaxed);
            back.unwrap();
            exchanged
        });
        let written = written.into_inner();
        scene.check(&before, written, exchanged.is_ok(), &format!("round {round}: {exchanged:?}"));
        scene.give_back();
        scene.check(&before, written, false, &format!("round {round}, and back"));
        if exchanged.is_ok() { done += 1 } else { refused += 1 }
    }
    assert!(refused > 0, "{done} done, {refused} refused");
}
