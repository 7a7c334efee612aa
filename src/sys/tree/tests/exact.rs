//! A copy is exact.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::Mutex;

use rustix::fs::{chown, makedev};

use super::*;

/// Copies, and checks with the snapshot, with `compare_trees` and with rsync.
fn copies_exactly(pair: &Pair) -> CopyStats {
    set_times(&pair.src);
    let before = snapshot(&pair.src);
    set_mode(&pair.dst, 0o755);
    let stats = pair.copy().unwrap();
    assert_same(&before, &snapshot(&pair.dst));
    assert_same(&before, &snapshot(&pair.src));
    assert_eq!(pair.changes(), []);
    if Command::new("rsync").arg("--version").stdout(Stdio::null()).status().is_ok() {
        let slash = |path: &Path| path.join("").into_os_string();
        let (src, dst) = (slash(&pair.src), slash(&pair.dst));
        let flags = ["-anciHAX", "--devices", "--specials", "--delete"].map(OsStr::new);
        let said = run("rsync", &[&flags[..], &[&src, &dst]].concat());
        assert_eq!(String::from_utf8_lossy(&said), "");
    }
    assert!(!pair.dst.with_file_name("dst.links").exists());
    stats
}

#[test]
fn everything_that_anybody_can_make() {
    let pair = Pair::new();
    fill(&pair.src);
    let stats = copies_exactly(&pair);
    assert_eq!((stats.files, stats.directories, stats.others, stats.hard_links), (7, 3, 4, 3));
    assert_eq!(stats.bytes, 3_000_001 + 5 + 8 + 2 + 3 + 2);
    assert_eq!(
        stats.by_way[CopyWay::Cloned].files
            + stats.by_way[CopyWay::Ranged].files
            + stats.by_way[CopyWay::Written].files,
        6
    );
}

/// Adds to a filled tree: devices, other owners, and a capability.
pub(super) fn add_what_only_root_can_make(root: &Path) {
    let at = |name: &str| root.join(name);
    make_node(&at("null"), FileType::CharacterDevice, makedev(1, 3));
    make_node(&at("loop"), FileType::BlockDevice, makedev(7, 300));
    for name in ["small", "link", "fifo", "socket", "null", "sub", "setuid"] {
        rustix::fs::chownat(
            CWD,
            at(name),
            Some(Uid::from_raw(999)),
            Some(Gid::from_raw(70_000)),
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .unwrap();
    }
    set_mode(&at("setuid"), 0o6711);
    // Version 2 of the format, effective, cap_net_bind_service permitted.
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    set_xattr(&at("open-to-all"), "security.capability", &capability);
}

#[test]
fn everything_that_only_root_can_make() {
    if !root_or_skip() {
        return;
    }
    let pair = Pair::new();
    fill(&pair.src);
    let at = |name: &str| pair.src.join(name);
    add_what_only_root_can_make(&pair.src);
    for name in ["small", "link", "fifo", "null", "sub"] {
        set_xattr(&at(name), "trusted.mark", name.as_bytes());
    }
    run("setfacl", &["-m".as_ref(), "u:1234:rwx,g:55:r".as_ref(), at("small").as_os_str()]);
    run("setfacl", &["-d".as_ref(), "-m".as_ref(), "u:1234:rwx".as_ref(), at("empty").as_os_str()]);
    run("setfacl", &["-d".as_ref(), "-m".as_ref(), "u:7:rwx".as_ref(), pair.src.as_os_str()]);
    run("setfacl", &["-m".as_ref(), "u:8:rwx".as_ref(), at("sub").as_os_str()]);
    // What the target directory has of its own must go.
    run("setfacl", &["-d".as_ref(), "-m".as_ref(), "u:4321:rwx".as_ref(), pair.dst.as_os_str()]);
    chown(&pair.src, Some(Uid::from_raw(5)), Some(Gid::from_raw(6))).unwrap();
    copies_exactly(&pair);
}

#[test]
fn an_ordinary_user_copies_what_is_his_and_is_told_of_what_is_not() {
    if !root_or_skip() {
        return;
    }
    let pair = Pair::new();
    fill(&pair.src);
    give_to_nobody(pair.src.parent().unwrap());
    set_mode(&pair.src.join("setuid"), 0o6755);
    set_times(&pair.src);
    let before = snapshot(&pair.src);
    as_nobody(|| pair.copy()).unwrap();
    assert_same(&before, &snapshot(&pair.dst));

    make_file(&pair.src.join("of-root"), b"");
    as_nobody(|| remove_tree(&pair.dst)).unwrap();
    make_dir(&pair.dst);
    give_to_nobody(&pair.dst);
    let error = as_nobody(|| pair.copy()).unwrap_err();
    assert_eq!(error.path, pair.dst.join("of-root"));
    assert!(error.to_string().contains("only root"), "{error}");
    set_mode(&pair.src.join("of-root"), 0);
    as_nobody(|| remove_tree(&pair.dst)).unwrap();
    make_dir(&pair.dst);
    give_to_nobody(&pair.dst);
    let error = as_nobody(|| pair.copy()).unwrap_err();
    assert_eq!((error.path, error.action), (pair.src.join("of-root"), "open"));
}

#[test]
fn holes_are_kept() {
    let pair = Pair::new();
    let file = fs::File::create(pair.src.join("sparse")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &noise(10_000), 5_000_000).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &noise(10_000), 20_000_000).unwrap();
    file.set_len(50_000_000).unwrap();
    fs::File::create(pair.src.join("one-hole")).unwrap().set_len(1 << 40).unwrap();
    for ladder in [Ladder::new(true, true), Ladder::new(false, true), Ladder::new(false, false)] {
        let dst = tempfile::tempdir_in(pair.dst.parent().unwrap()).unwrap();
        let stats = copy_with(&pair.src, dst.path(), &CopyOptions::default(), ladder).unwrap();
        assert_eq!(stats.bytes, 50_000_000 + (1 << 40));
        assert_eq!(fs::read(pair.src.join("sparse")).unwrap(), fs::read(dst.path().join("sparse")).unwrap());
        let meta = dst.path().join("one-hole").metadata().unwrap();
        assert_eq!((meta.len(), meta.blocks()), (1 << 40, 0));
        let meta = dst.path().join("sparse").metadata().unwrap();
        assert!(meta.blocks() * 512 < 100_000, "{} blocks", meta.blocks());
        assert_eq!(changes(&pair.src, dst.path()), []);
    }
}

#[test]
fn progress_ends_at_what_measure_says() {
    let pair = Pair::new();
    fill(&pair.src);
    let most = Arc::new(Mutex::new((0, 0)));
    let seen = Arc::clone(&most);
    let progress: Progress = Arc::new(move |bytes, entries| {
        let mut most = seen.lock().unwrap();
        *most = (most.0.max(bytes), most.1.max(entries));
    });
    let options = CopyOptions { progress: Some(progress), workers: 3, ..CopyOptions::default() };
    let stats = copy_tree(&pair.src, &pair.dst, &options).unwrap();
    let usage = measure_tree(&pair.src).unwrap();
    assert_eq!(*most.lock().unwrap(), (usage.bytes, usage.entries));
    assert_eq!(stats.bytes, usage.bytes);
    assert_eq!(usage.entries, stats.files + stats.directories + stats.others + stats.hard_links);
    let du = run(
        "du",
        &["-s", "-B1"].map(OsStr::new).into_iter().chain([pair.src.as_os_str()]).collect::<Vec<_>>(),
    );
    let du: u64 = String::from_utf8(du).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(usage.blocks, du);
}

#[test]
fn a_directory_of_many_entries_and_many_directories() {
    let pair = Pair::new();
    // Several pieces of what the kernel gives at once.
    for index in 0..3_000 {
        make_file(&pair.src.join(format!("file-{index}-{}", "x".repeat(index % 90))), b"1");
    }
    for index in 0..2_000 {
        make_dir(&pair.src.join(format!("directory-{index}-{}", "x".repeat(index % 90))));
    }
    make_file(&pair.src.join("directory-0-/inside"), b"");
    let stats = pair.copy().unwrap();
    assert_eq!((stats.files, stats.directories), (3_001, 2_000));
    assert_eq!(pair.changes(), []);
    assert_eq!(measure_tree(&pair.dst).unwrap().entries, 5_001);
    remove_tree(&pair.dst).unwrap();
    assert!(!pair.dst.exists());
}

/// Much deeper than any path can be long.
#[test]
fn deeper_than_path_max() {
    let pair = Pair::new();
    let name = "n".repeat(200);
    let open = |parent: &rustix::fd::OwnedFd| {
        rustix::fs::openat(parent, &*name, rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap()
    };
    let mut handle = rustix::fs::open(&pair.src, rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..400 {
        rustix::fs::mkdirat(&handle, &*name, Mode::RWXU).unwrap();
        handle = open(&handle);
    }
    rustix::fs::symlinkat("deep", &handle, "link").unwrap();
    rustix::fs::mknodat(&handle, "fifo", FileType::Fifo, Mode::RWXU, 0).unwrap();
    let stats = pair.copy().unwrap();
    assert_eq!((stats.directories, stats.others), (400, 2));
    assert_eq!(pair.changes(), []);
    assert_eq!(measure_tree(&pair.dst).unwrap().entries, 402);

    let mut copy = rustix::fs::open(&pair.dst, rustix::fs::OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..400 {
        copy = open(&copy);
    }
    rustix::fs::unlinkat(&copy, "link", AtFlags::empty()).unwrap();
    assert_eq!(pair.changes().len(), 1);
    remove_tree(&pair.src).unwrap();
    remove_tree(&pair.dst).unwrap();
    assert!(!pair.src.exists() && !pair.dst.exists());
}

#[test]
fn a_target_that_is_not_empty_is_refused() {
    let pair = Pair::new();
    make_file(&pair.dst.join("x"), b"");
    assert_eq!(pair.copy().unwrap_err().source.kind(), std::io::ErrorKind::DirectoryNotEmpty);
    let missing = copy_tree(&pair.src.join("missing"), &pair.dst, &CopyOptions::default()).unwrap_err();
    assert!(missing.to_string().contains("src/missing"), "{missing}");
}

#[test]
fn a_cancelled_copy_ends() {
    let pair = Pair::new();
    make_file(&pair.src.join("x"), b"");
    let cancel = Some(Arc::new(std::sync::atomic::AtomicBool::new(true)));
    let options = CopyOptions { cancel, ..CopyOptions::default() };
    let error = copy_tree(&pair.src, &pair.dst, &options).unwrap_err();
    assert_eq!(error.source.kind(), std::io::ErrorKind::Interrupted);
}
