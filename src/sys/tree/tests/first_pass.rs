//! Two passes over a tree that changes: the copy must be what the tree is at the second pass.

#![allow(clippy::disallowed_methods, reason = "the tests make their trees without the code under test")]

use super::*;
use crate::sys::tree::copy::tree::first_pass_after;

/// Makes names with contents of one size, in directories of the same names.
fn quiet_tree() -> Pair {
    let pair = Pair::new();
    for directory in ["a", "b"] {
        make_dir(&pair.src.join(directory));
        for name in ["f", "g", "h", "i", "j", "k"] {
            make_file(&pair.src.join(directory).join(name), format!("{directory}{name}").as_bytes());
        }
    }
    make_file(&pair.src.join("empty"), b"");
    set_times(&pair.src);
    settle();
    pair
}

/// Waits until everything done so far is older than a tick.
fn settle() {
    FileTime::a_tick_after(FileTime::fine());
    FileTime::a_tick_after(FileTime::fine());
}

/// Runs both passes with `meanwhile` between them; returns what each did.
fn both_passes(pair: &Pair, meanwhile: impl FnOnce(&Path)) -> (CopyStats, CopyStats) {
    both_passes_by(pair, None, meanwhile)
}

/// Runs both passes, the first one at another time.
fn both_passes_by(
    pair: &Pair,
    settled: Option<FileTime>,
    meanwhile: impl FnOnce(&Path),
) -> (CopyStats, CopyStats) {
    let options = CopyOptions::default();
    let sync = |path: &Path| sync_filesystem(path).map(|()| true);
    let copied = first_pass_after(sync, &pair.src, &pair.dst, &options, FileTime::now()).unwrap();
    let (mut early, first) = copied.unwrap();
    early.settled = settled.unwrap_or(early.settled);
    meanwhile(&pair.src);
    let update = Update { first_pass: FirstPass::ByMark(&early), ..Update::default() };
    let second = update_tree(&pair.src, &pair.dst, &options, &update).unwrap();
    assert_eq!(pair.changes(), []);
    assert_eq!(snapshot(&pair.src), snapshot(&pair.dst));
    (first, second)
}

#[test]
fn untouched_entries_are_copied_once() {
    let pair = quiet_tree();
    let (first, second) = both_passes(&pair, |_| {});
    assert_eq!(first.files, 13);
    assert_eq!((second.files, second.kept, second.directories), (0, 13, 2));
    assert_eq!(fs::read_dir(pair.dst.with_file_name("dst.early")).unwrap().count(), 0);
}

#[test]
fn every_change_between_the_passes_is_seen() {
    if root_or_skip() {
        change_everything(None);
    }
}

#[test]
fn every_change_is_seen_also_when_the_clock_was_set_back() {
    // Changes made now get times from before the first pass.
    let FileTime(seconds, nanoseconds) = FileTime::now();
    if root_or_skip() {
        change_everything(Some(FileTime(seconds + 3600, nanoseconds)));
    }
}

fn change_everything(settled: Option<FileTime>) {
    let pair = quiet_tree();
    let (_, second) = both_passes_by(&pair, settled, |root| {
        let keep_time = |name: &str, change: &dyn Fn(&Path)| {
            let path = root.join(name);
            let meta = fs::metadata(&path).unwrap();
            change(&path);
            let time = |seconds, part| Timespec { tv_sec: seconds, tv_nsec: part };
            let times = Timestamps {
                last_access: time(meta.atime(), meta.atime_nsec()),
                last_modification: time(meta.mtime(), meta.mtime_nsec()),
            };
            rustix::fs::utimensat(CWD, &path, &times, AtFlags::empty()).unwrap();
        };
        keep_time("a/f", &|path| fs::write(path, "xx").unwrap());
        set_mode(&root.join("a/g"), 0o4755);
        set_xattr(&root.join("a/h"), "user.x", b"1");
        fs::hard_link(root.join("a/i"), root.join("a/link")).unwrap();
        rustix::fs::chownat(
            CWD,
            root.join("a/j"),
            Some(Uid::from_raw(7)),
            Some(Gid::from_raw(8)),
            AtFlags::empty(),
        )
        .unwrap();
        fs::write(root.join("other"), "bk").unwrap();
        fs::rename(root.join("other"), root.join("b/k")).unwrap();
        fs::remove_file(root.join("b/j")).unwrap();
        fs::rename(root.join("b/h"), root.join("b/moved")).unwrap();
        fs::remove_file(root.join("b/i")).unwrap();
        symlink("f", root.join("b/i")).unwrap();
        // In the future, so that a look does not move it.
        let new = [root.join("b/i"), root.join("b/k")];
        run(
            "touch",
            &["-hd", "2100-01-01"]
                .map(OsStr::new)
                .into_iter()
                .chain(new.iter().map(|p| p.as_os_str()))
                .collect::<Vec<_>>(),
        );
    });
    // empty, a/k, b/f and b/g are left as they were.
    assert_eq!(second.kept, 4);
}

#[test]
fn directories_that_change_places_mislead_no_pass() {
    let swap = |root: &Path| {
        let exchange = rustix::fs::RenameFlags::EXCHANGE;
        rustix::fs::renameat_with(CWD, root.join("a"), CWD, root.join("b"), exchange).unwrap();
    };
    let pair = quiet_tree();
    let (_, second) = both_passes(&pair, swap);
    assert_eq!(second.kept, 13);

    // Before the first pass, and back: no file has a mark of it.
    let pair = quiet_tree();
    swap(&pair.src);
    let (_, second) = both_passes(&pair, swap);
    assert_eq!(second.kept, 13);
}

#[test]
fn what_was_written_just_now_is_left_to_the_second_pass() {
    let pair = quiet_tree();
    fs::write(pair.src.join("a/f"), "yy").unwrap();
    let (first, second) = both_passes(&pair, |_| {});
    assert_eq!((first.files, second.kept, second.files), (12, 12, 1));
}

#[test]
fn inodes_with_several_names_are_left_to_the_second_pass() {
    let pair = quiet_tree();
    fs::hard_link(pair.src.join("a/f"), pair.src.join("b/link")).unwrap();
    settle();
    let (first, second) = both_passes(&pair, |_| {});
    assert_eq!((first.files, second.kept, second.files, second.hard_links), (12, 12, 1, 1));
}

#[test]
fn a_file_that_was_only_read_keeps_the_time_of_that() {
    let pair = quiet_tree();
    run("touch", &[OsStr::new("-ad"), OsStr::new("2001-01-01"), pair.src.join("a/f").as_os_str()]);
    settle();
    // Where access is recorded at all: reading moves that time, and leaves the time of change
    // alone.
    let (_, second) = both_passes(&pair, |root| drop(fs::read(root.join("a/f")).unwrap()));
    assert_eq!(second.kept, 13);
}

#[test]
fn nothing_is_inherited_from_where_the_copies_wait() {
    let pair = quiet_tree();
    let home = pair.dst.parent().unwrap();
    run("setfacl", &[OsStr::new("-d"), OsStr::new("-m"), OsStr::new("u:1234:rwx"), home.as_os_str()]);
    let (_, second) = both_passes(&pair, |_| {});
    assert_eq!(second.kept, 13);
}

#[test]
fn a_mount_point_is_refused_before_anything_is_held() {
    if !root_or_skip() {
        return;
    }
    let pair = quiet_tree();
    let inside = pair.src.join("a/mnt");
    make_dir(&inside);
    let _mount = Mount::new(&inside, &["-t", "tmpfs", "tmpfs"].map(OsStr::new));
    let copied = copy_first_pass(&pair.src, &pair.dst, &CopyOptions::default(), FileTime::now());
    let error = copied.map(drop).unwrap_err();
    assert_eq!(error.source.kind(), std::io::ErrorKind::CrossesDevices);
}

/// A write marks its file when it begins and may go on long after; a copy that begins later has all
/// of it.
#[test]
fn a_write_that_is_under_way_is_waited_for() {
    const SIZE: usize = 200_000_000;
    let pair = Pair::new();
    let path = pair.src.join("f");
    fs::write(&path, vec![b'a'; SIZE]).unwrap();
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            let bytes = vec![b'b'; SIZE];
            assert_eq!(std::os::unix::fs::FileExt::write_at(&file, &bytes, 0).unwrap(), SIZE);
        });
        while fs::metadata(&path).unwrap().modified().unwrap() == before {
            std::thread::yield_now();
        }
        pair.copy().unwrap();
    });
    assert!(fs::read(pair.dst.join("f")).unwrap().iter().all(|byte| *byte == b'b'));
}

/// Makes a file that is large enough for a draft, among smaller ones.
fn large_tree() -> Pair {
    let pair = Pair::new();
    make_file(&pair.src.join("large"), &noise(5_000_000));
    make_file(&pair.src.join("small"), &noise(5_000));
    set_times(&pair.src);
    settle();
    pair
}

fn write_into(root: &Path, name: &str, offset: u64) {
    let file = fs::OpenOptions::new().write(true).open(root.join(name)).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"changed", offset).unwrap();
    set_times(root);
}

/// Returns whether the tests' file system gets drafts: not if it shares blocks.
fn has_drafts(pair: &Pair) -> bool {
    !crate::sys::disk::can_clone(pair.dst.parent().unwrap())
}

#[test]
fn of_a_large_file_only_what_changed_is_copied_again() {
    let pair = large_tree();
    let (first, second) = both_passes(&pair, |root| {
        write_into(root, "large", 10_000);
        write_into(root, "small", 0);
    });
    assert_eq!((first.files, second.files, second.kept), (2, 2, 0));
    if has_drafts(&pair) {
        assert_eq!(second.by_way[CopyWay::Patched], Rung { files: 1, bytes: 4096 });
        assert_eq!(second.moved(), 4096 + 5_000);
    }
}

#[test]
fn a_large_file_that_is_written_to_all_the_time_has_a_draft() {
    let pair = large_tree();
    fs::write(pair.src.join("small"), "new").unwrap();
    write_into(&pair.src, "large", 0);
    let (first, second) = both_passes(&pair, |_| {});
    if has_drafts(&pair) {
        assert_eq!(
            (first.files, second.kept, second.by_way[CopyWay::Patched]),
            (1, 0, Rung { files: 1, bytes: 0 })
        );
    }
}

#[test]
fn a_draft_is_exact_in_all_that_is_not_bytes() {
    if !root_or_skip() {
        return;
    }
    let pair = large_tree();
    let large = pair.src.join("large");
    set_mode(&large, 0o6755);
    set_xattr(&large, "user.goes", b"1");
    set_xattr(&large, "user.changes", b"1");
    run("setfacl", &["-m".as_ref(), "u:1234:rwx".as_ref(), large.as_os_str()]);
    settle();
    let home = pair.dst.parent().unwrap();
    run("setfacl", &["-d".as_ref(), "-m".as_ref(), "u:4321:rwx".as_ref(), home.as_os_str()]);
    let (_, second) = both_passes(&pair, |root| {
        let large = root.join("large");
        run("setfacl", &["-b".as_ref(), large.as_os_str()]);
        rustix::fs::lremovexattr(&large, "user.goes").unwrap();
        set_xattr(&large, "user.changes", b"2");
        let (owner, group) = (Some(Uid::from_raw(7)), Some(Gid::from_raw(8)));
        rustix::fs::chownat(CWD, &large, owner, group, AtFlags::empty()).unwrap();
        write_into(root, "large", 4_999_999);
        // Writing cleared them.
        set_mode(&large, 0o4711);
        set_times(root);
    });
    assert_eq!(second.by_way[CopyWay::Patched].files, u64::from(has_drafts(&pair)));
}

#[test]
fn a_draft_is_of_an_inode_and_not_of_a_name() {
    let pair = large_tree();
    let (_, second) = both_passes(&pair, |root| {
        fs::rename(root.join("large"), root.join("moved")).unwrap();
        make_file(&root.join("large"), &noise(4_000_000));
        set_times(root);
    });
    assert_eq!(second.by_way[CopyWay::Patched], Rung { files: u64::from(has_drafts(&pair)), bytes: 0 });

    // An inode with two names, which has one draft; and a name that is no longer a file.
    let pair = large_tree();
    let (_, second) = both_passes(&pair, |root| {
        fs::hard_link(root.join("large"), root.join("again")).unwrap();
        set_times(root);
    });
    assert_eq!((second.by_way[CopyWay::Patched].files, second.hard_links), (0, 1));
    let pair = large_tree();
    both_passes(&pair, |root| {
        fs::remove_file(root.join("large")).unwrap();
        make_dir(&root.join("large"));
        set_times(root);
    });
}

#[test]
fn a_draft_that_its_owner_may_not_write_is_copied_anew() {
    if !root_or_skip() {
        return;
    }
    let pair = large_tree();
    give_to_nobody(pair.src.parent().unwrap());
    set_mode(&pair.src.join("large"), 0o444);
    settle();
    as_nobody(|| {
        both_passes(&pair, |root| {
            rustix::fs::utimensat(
                CWD,
                root.join("large"),
                &Timestamps {
                    last_access: Timespec { tv_sec: 4_000_000_000, tv_nsec: 1 },
                    last_modification: Timespec { tv_sec: 1, tv_nsec: 1 },
                },
                AtFlags::empty(),
            )
            .unwrap();
        });
    });
}
