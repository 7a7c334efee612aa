//! A comparison sees each kind of difference, and only differences.

use std::ops::ControlFlow;

use super::ChangeKind::{Added, Attributes, Deleted, Modified, TypeChanged};
use super::*;

/// Changes a copy by `change`; returns what must be done to the original to get that copy.
fn after(change: impl FnOnce(&Path)) -> Vec<(String, ChangeKind)> {
    let pair = Pair::new();
    fill(&pair.src);
    pair.copy().unwrap();
    assert_eq!(pair.changes(), []);
    change(&pair.dst);
    pair.changes()
}

fn one(path: &str, kind: ChangeKind) -> Vec<(String, ChangeKind)> {
    vec![(path.to_owned(), kind)]
}

#[test]
fn each_sort_of_difference() {
    assert_eq!(after(set_times), []);
    assert_eq!(after(|new| set_mode(new, 0o755)), one(".", Attributes));
    assert_eq!(after(|new| set_xattr(new, "user.x", b"")), one(".", Attributes));
    assert_eq!(after(|new| set_mode(&new.join("fifo"), 0o600)), one("fifo", Attributes));
    assert_eq!(after(|new| set_mode(&new.join("setuid"), 0o755)), one("setuid", Attributes));
    assert_eq!(after(|new| set_mode(&new.join("sub"), 0o700)), one("sub", Attributes));
    assert_eq!(after(|new| make_file(&new.join("nothing"), b"x")), one("nothing", Modified));
    assert_eq!(after(|new| set_xattr(&new.join("sub"), "user.of.directory", b"!")), one("sub", Attributes));
    assert_eq!(after(|new| make_file(&new.join("empty/x"), b"")), one("empty/x", Added));
    assert_eq!(after(|new| delete_file(&new.join("socket"))), one("socket", Deleted));
    let last_byte = |new: &Path| {
        let file = fs::OpenOptions::new().write(true).open(new.join("sub/large")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"!!", 2_999_999).unwrap();
    };
    assert_eq!(after(last_byte), one("sub/large", Modified));
    let relink = |new: &Path| {
        delete_file(&new.join("sub/dangling"));
        symlink("elsewhere", new.join("sub/dangling")).unwrap();
    };
    assert_eq!(after(relink), one("sub/dangling", Modified));
    let retype = |new: &Path| {
        delete_file(&new.join("fifo"));
        make_dir(&new.join("fifo"));
        make_file(&new.join("fifo/x"), b"");
    };
    let expected = [("fifo".to_owned(), TypeChanged), ("fifo/x".to_owned(), Added)];
    assert_eq!(after(retype), expected);
    let gone = |new: &Path| remove_tree(&new.join("sub/deeper")).unwrap();
    let expected = [("sub/deeper".to_owned(), Deleted), ("sub/deeper/small-too".to_owned(), Deleted)];
    assert_eq!(after(gone), expected);
}

#[test]
fn owners_and_devices() {
    if !root_or_skip() {
        return;
    }
    let owner = |new: &Path| std::os::unix::fs::lchown(new.join("sub/dangling"), Some(7), None).unwrap();
    assert_eq!(after(owner), one("sub/dangling", Attributes));
    let group = |new: &Path| std::os::unix::fs::lchown(new.join("nothing"), None, Some(7)).unwrap();
    assert_eq!(after(group), one("nothing", Attributes));
    let pair = Pair::new();
    make_node(&pair.src.join("d"), FileType::CharacterDevice, rustix::fs::makedev(1, 3));
    make_node(&pair.dst.join("d"), FileType::CharacterDevice, rustix::fs::makedev(1, 5));
    assert_eq!(pair.changes(), one("d", Modified));
    set_xattr(&pair.src.join("d"), "trusted.x", b"");
    assert_eq!(pair.changes(), one("d", Modified));
}

#[test]
fn hard_links_that_differ() {
    // "small", "sub/deeper/small-too" and "sub/small-again" are one file.
    let part = |new: &Path| {
        delete_file(&new.join("sub/small-again"));
        make_file(&new.join("sub/small-again"), b"hello");
        set_mode(&new.join("sub/small-again"), new.join("small").metadata().unwrap().permissions().mode());
    };
    assert_eq!(after(part), one("sub/small-again", Attributes));
    let join = |new: &Path| {
        make_file(&new.join("zz"), b"hello");
        delete_file(&new.join("open-to-all"));
        fs::hard_link(new.join("nothing"), new.join("open-to-all")).unwrap();
    };
    assert_eq!(after(join), [("open-to-all".to_owned(), Modified), ("zz".to_owned(), Added)]);

    let pair = Pair::new();
    for root in [&pair.src, &pair.dst] {
        make_file(&root.join("a"), b"same");
    }
    make_file(&pair.src.join("b"), b"same");
    fs::hard_link(pair.dst.join("a"), pair.dst.join("b")).unwrap();
    assert_eq!(pair.changes(), one("b", Attributes));
    assert_eq!(changes(&pair.dst, &pair.src), one("b", Attributes));
    // A name outside of the tree makes no difference.
    delete_file(&pair.dst.join("b"));
    make_file(&pair.dst.join("b"), b"same");
    fs::hard_link(pair.dst.join("a"), pair.dst.with_file_name("outside")).unwrap();
    assert_eq!(pair.changes(), []);
}

#[test]
fn holes_are_no_difference_and_hide_none() {
    use std::os::unix::fs::FileExt as _;
    let pair = Pair::new();
    let make = |root: &Path, data: &[(&[u8], u64)]| {
        let file = fs::File::create(root.join("x")).unwrap();
        for (bytes, at) in data {
            file.write_all_at(bytes, *at).unwrap();
        }
        file.set_len(40_000_000).unwrap();
    };
    let zeros = vec![0; 100_000];
    make(&pair.src, &[(b"x", 9_000_000)]);
    make(&pair.dst, &[(b"x", 9_000_000), (&zeros, 30_000_000), (&zeros, 100_000)]);
    assert_eq!(pair.changes(), []);
    make(&pair.dst, &[(b"x", 9_000_000), (b"y", 30_000_000)]);
    assert_eq!(pair.changes(), one("x", Modified));
    assert_eq!(changes(&pair.dst, &pair.src), one("x", Modified));
}

#[test]
fn the_first_change_can_be_the_last() {
    let pair = Pair::new();
    for name in ["a", "b", "c"] {
        make_file(&pair.src.join(name), b"");
    }
    let mut seen = 0;
    compare_trees(&pair.src, &pair.dst, &mut |_| {
        seen += 1;
        ControlFlow::Break(())
    })
    .unwrap();
    assert_eq!(seen, 1);
    assert_eq!(serde_json::to_string(&TypeChanged).unwrap(), "\"type_changed\"");
}

/// Any two small trees: a comparison is empty exactly if the snapshots agree.
#[test]
fn agrees_with_the_checker() {
    fn grow(root: &Path, plan: &[(u8, u8, u8)]) {
        for (name, what, detail) in plan {
            let path = root.join(format!("{}", name % 4));
            if path.symlink_metadata().is_ok() {
                continue;
            }
            match what % 4 {
                0 => make_file(&path, &[detail % 2]),
                1 => symlink(format!("{}", detail % 2), &path).unwrap(),
                2 => {
                    make_dir(&path);
                    make_file(&path.join("in"), &[detail % 2]);
                }
                _ => {
                    let first = root.join(format!("{}", detail % 4));
                    if !first.is_file() || fs::hard_link(first, &path).is_err() {
                        make_file(&path, b"");
                    }
                }
            }
        }
        let fixed = Timestamps {
            last_access: Timespec { tv_sec: 4_000_000_000, tv_nsec: 0 },
            last_modification: Timespec { tv_sec: 1, tv_nsec: 0 },
        };
        let mut todo = vec![root.to_owned()];
        while let Some(path) = todo.pop() {
            rustix::fs::utimensat(CWD, &path, &fixed, AtFlags::SYMLINK_NOFOLLOW).unwrap();
            if !path.is_symlink() && path.is_dir() {
                todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
    }
    #[allow(clippy::needless_pass_by_value, reason = "quickcheck calls it so")]
    fn property(old: Vec<(u8, u8, u8)>, new: Vec<(u8, u8, u8)>) -> bool {
        let pair = Pair::new();
        grow(&pair.src, &old);
        grow(&pair.dst, &new);
        let changed = pair.changes();
        changed.is_empty() == (snapshot(&pair.src) == snapshot(&pair.dst))
            && changed.is_empty() == changes(&pair.dst, &pair.src).is_empty()
    }
    quickcheck::QuickCheck::new()
        .rng(quickcheck::Gen::new(6))
        .tests(60)
        .quickcheck(property as fn(Vec<(u8, u8, u8)>, Vec<(u8, u8, u8)>) -> bool);
}

#[test]
fn who_compares_or_measures_may_make_an_end_at_any_point() {
    let pair = Pair::new();
    fill(&pair.src);
    pair.copy().unwrap();
    let often = |run: &dyn Fn(Stop<'_>) -> Result<(), DiskError>| {
        let is_over = |asked: usize| {
            let left = std::cell::Cell::new(asked);
            let ended = run(&|| left.replace(left.get().saturating_sub(1)) == 0);
            ended.map_err(|error| assert_eq!(error.source.kind(), std::io::ErrorKind::Interrupted)).is_ok()
        };
        (0..10_000).find(|asked| is_over(*asked)).unwrap()
    };
    let compared = often(&|stop| {
        let how = Compare { stop: Some(stop), ..Compare::default() };
        compare_with(Some(&pair.src), &pair.dst, &how, &mut |_| ControlFlow::Continue(()))
    });
    let measured = often(&|stop| measure_unshared(&pair.src, false, stop).map(drop));
    assert!(compared > measured, "it is not asked within a file");
}
