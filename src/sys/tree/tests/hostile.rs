//! A tree whose owner works against the engine.

use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::*;
use crate::sys::tree::entry::handle::{open_beneath_checked, open_root};

/// Exchanges `left` and `right` again and again while `work` runs.
pub(super) fn while_swapping(left: &Path, right: &Path, work: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, left, CWD, right, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let _end = StopAtEnd(&stop);
        work();
    });
}

/// Exchanges the directory `door` of the pair's source and a symlink that leads to a secret outside
/// again and again while `work` runs.
pub(super) fn while_a_trap_is_swapped_in(pair: &Pair, work: impl FnOnce()) {
    let home = pair.src.parent().unwrap();
    make_dir(&home.join("outside"));
    make_file(&home.join("outside/secret"), b"secret");
    make_dir(&pair.src.join("door"));
    symlink(home.join("outside"), home.join("trap")).unwrap();
    while_swapping(&pair.src.join("door"), &home.join("trap"), work);
}

/// Sets the flag even if a check fails, so that the test ends.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_symlink_that_is_swapped_in_is_not_followed() {
    let pair = Pair::new();
    let home = pair.src.parent().unwrap();
    while_a_trap_is_swapped_in(&pair, || {
        for round in 0..150 {
            let dst = home.join(format!("copy-{round}"));
            make_dir(&dst);
            copy_tree(&pair.src, &dst, &CopyOptions::default()).unwrap();
            let door = dst.join("door");
            assert!(door.is_symlink() || !door.join("secret").exists());
            measure_tree(&pair.src).unwrap();
            compare_trees(&pair.src, &dst, &mut |change| {
                assert!(!change.path.ends_with("secret"));
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        }
    });
}

#[test]
fn removing_does_not_follow_a_symlink_that_is_swapped_in() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    make_dir(&home.join("outside"));
    make_file(&home.join("outside/precious"), b"");
    symlink(home.join("outside"), home.join("trap")).unwrap();
    for _ in 0..100 {
        let tree = home.join("tree");
        make_dir(&tree);
        make_dir(&tree.join("door"));
        make_file(&tree.join("door/x"), b"");
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let _ =
                        renameat_with(CWD, tree.join("door"), CWD, home.join("trap"), RenameFlags::EXCHANGE);
                }
            });
            let _end = StopAtEnd(&stop);
            let _ = remove_tree(&tree);
        });
        assert!(home.join("outside/precious").exists());
        remove_tree(&tree).unwrap();
        remove_tree(&home.join("trap")).unwrap();
        symlink(home.join("outside"), home.join("trap")).unwrap();
    }
}

/// The kernel must not take a look-up that races with a rename for one that meets a mount point.
#[test]
fn a_file_that_moves_between_directories_is_no_mount_point() {
    let pair = Pair::new();
    let home = pair.src.parent().unwrap();
    make_file(&pair.src.join("file"), b"content");
    make_dir(&pair.src.join("sub"));
    make_file(&pair.src.join("sub/file"), b"content");
    while_swapping(&pair.src.join("file"), &pair.src.join("sub/file"), || {
        for round in 0..150 {
            let dst = home.join(format!("copy-{round}"));
            make_dir(&dst);
            copy_tree(&pair.src, &dst, &CopyOptions::default()).unwrap();
        }
    });
}

/// Opening a FIFO for reading waits for a writer: this test would not end.
#[test]
fn a_fifo_is_never_opened() {
    let pair = Pair::new();
    let home = pair.src.parent().unwrap();
    make_file(&pair.src.join("file"), b"content");
    make_node(&home.join("fifo"), FileType::Fifo, 0);
    while_swapping(&pair.src.join("file"), &home.join("fifo"), || {
        for round in 0..150 {
            let dst = home.join(format!("copy-{round}"));
            make_dir(&dst);
            copy_tree(&pair.src, &dst, &CopyOptions::default()).unwrap();
            compare_trees(&pair.src, &dst, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
        }
    });
}

/// Opening a device without a driver is an error, and opening others has effects.
#[test]
fn a_device_is_never_opened() {
    if !root_or_skip() {
        return;
    }
    let pair = Pair::new();
    let home = pair.src.parent().unwrap();
    make_file(&pair.src.join("file"), b"content");
    make_node(&home.join("device"), FileType::CharacterDevice, rustix::fs::makedev(511, 77));
    assert!(fs::File::open(home.join("device")).is_err());
    while_swapping(&pair.src.join("file"), &home.join("device"), || {
        for round in 0..150 {
            let dst = home.join(format!("copy-{round}"));
            make_dir(&dst);
            copy_tree(&pair.src, &dst, &CopyOptions::default()).unwrap();
            compare_trees(&pair.src, &dst, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
        }
    });
}

/// Changes the file `live` again and again while copying the tree by each rung; returns the copies.
fn copies_while(pair: &Pair, rounds: usize, change: impl Fn(&fs::File, u64) + Sync) -> Vec<Vec<u8>> {
    let stop = AtomicBool::new(false);
    let file = fs::OpenOptions::new().write(true).open(pair.src.join("live")).unwrap();
    let mut copies = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            for step in 0.. {
                change(&file, step);
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let _end = StopAtEnd(&stop);
        for round in 0..rounds {
            let dst = pair.src.with_file_name(format!("copy-{round}"));
            make_dir(&dst);
            let ladder = Ladder::new(round % 3 == 0, round % 3 != 2);
            copy_with(&pair.src, &dst, &CopyOptions::default(), ladder).unwrap();
            compare_trees(&pair.src, &dst, &mut |_| std::ops::ControlFlow::Continue(())).unwrap();
            copies.push(fs::read(dst.join("live")).unwrap());
        }
    });
    copies
}

/// A copy that went on to the end of the file would never come to it.
#[test]
fn a_file_that_grows_without_end_is_copied_up_to_where_it_was() {
    let pair = Pair::new();
    make_file(&pair.src.join("live"), b"");
    let block = vec![b'x'; 256 * 1024];
    let copies = copies_while(&pair, 12, |file, step| {
        use std::os::unix::fs::FileExt as _;
        // Not the whole disk if the copy is slow.
        file.write_all_at(&block, (step % 400) * block.len() as u64).unwrap();
        if step % 400 == 0 {
            file.set_len(0).unwrap();
        }
    });
    assert!(copies.iter().any(|copy| !copy.is_empty()));
    assert!(copies.iter().all(|copy| copy.len() <= 400 * block.len()));
}

#[test]
fn a_file_that_is_truncated_while_it_is_read_gives_what_there_is() {
    let pair = Pair::new();
    let content = noise(8_000_000);
    make_file(&pair.src.join("live"), &content);
    let copies = copies_while(&pair, 30, |file, step| {
        use std::os::unix::fs::FileExt as _;
        match step % 2 {
            0 => file.set_len(1_000 + step % 5_000_000).unwrap(),
            _ => file.write_all_at(&content, 0).unwrap(),
        }
    });
    for copy in copies {
        // Only bytes that were there at some time: the file's, or those of a hole.
        let strange = copy.iter().zip(&content).position(|(byte, was)| byte != was && *byte != 0);
        assert!(copy.len() <= content.len() && strange.is_none(), "{} bytes, {strange:?}", copy.len());
    }
}

#[test]
fn a_mount_inside_is_refused_and_named() {
    if !root_or_skip() {
        return;
    }
    let pair = Pair::new();
    let home = pair.src.parent().unwrap();
    make_dir(&home.join("other"));
    make_file(&home.join("other/precious"), b"");
    make_dir(&pair.src.join("a"));
    let at = pair.src.join("a/mounted");
    make_dir(&at);
    let from_home = |name: &str| home.join(name).into_os_string();
    let check = |at: &Path, what: &OsStr| {
        let _mount = Mount::new(at, &["--bind".as_ref(), what]);
        let expect = |error: DiskError| {
            assert_eq!(error.source.kind(), std::io::ErrorKind::CrossesDevices, "{error}");
            assert_eq!(error.path, at, "{error}");
            assert!(error.to_string().contains("mount point"), "{error}");
        };
        let dst = tempfile::tempdir_in(home).unwrap();
        expect(copy_tree(&pair.src, dst.path(), &CopyOptions::default()).unwrap_err());
        expect(measure_tree(&pair.src).unwrap_err());
        let go_on = &mut |_| std::ops::ControlFlow::Continue(());
        expect(compare_trees(&pair.src, &pair.dst, go_on).unwrap_err());
        expect(remove_tree(&pair.src).unwrap_err());
        expect(remove_tree(at).unwrap_err());
        assert!(home.join("other/precious").exists());
        // The check for kernels without openat2.
        let parent = open_root(at.parent().unwrap()).unwrap();
        let name = std::ffi::CString::new(at.file_name().unwrap().as_bytes()).unwrap();
        let opened = open_beneath_checked(parent.as_fd(), &name, OFlags::PATH | OFlags::NOFOLLOW);
        assert_eq!(opened.unwrap_err(), Errno::XDEV);
    };
    // A directory of the same file system, and a single file.
    check(&at, &from_home("other"));
    make_file(&pair.src.join("a/file"), b"");
    check(&pair.src.join("a/file"), &from_home("other/precious"));
}

#[test]
fn a_root_that_is_a_mount_point_can_be_copied() {
    if !root_or_skip() {
        return;
    }
    let pair = Pair::new();
    let _mount = Mount::new(&pair.src, &["-t", "tmpfs", "tmpfs"].map(OsStr::new));
    make_file(&pair.src.join("x"), b"x");
    assert_eq!(pair.copy().unwrap().files, 1);
    assert_eq!(pair.changes(), []);
}

#[test]
fn a_root_that_is_a_symlink_is_refused() {
    let pair = Pair::new();
    let link = pair.src.with_file_name("link");
    symlink("src", &link).unwrap();
    let error = copy_tree(&link, &pair.dst, &CopyOptions::default()).unwrap_err();
    assert_eq!(error.path, link);
}

/// A live tree: whatever appears and vanishes, the copy does not fail.
#[test]
fn entries_that_come_and_go_do_no_harm() {
    let pair = Pair::new();
    let home = pair.src.parent().unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0_u64.. {
                let name = |kind: &str, round: u64| pair.src.join(format!("{kind}-{}", round % 50));
                match round % 4 {
                    0 => make_file(&name("file", round / 4), &noise(100)),
                    1 => {
                        let _ = rustix::fs::unlink(name("file", round / 4 + 25));
                    }
                    2 => {
                        let _ = rustix::fs::mkdir(name("dir", round / 4), Mode::RWXU);
                    }
                    _ => {
                        let _ = rustix::fs::rmdir(name("dir", round / 4 + 25));
                    }
                }
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let _end = StopAtEnd(&stop);
        for round in 0..100 {
            let dst = home.join(format!("copy-{round}"));
            make_dir(&dst);
            let copied = copy_tree(&pair.src, &dst, &CopyOptions::default());
            let measured = measure_tree(&pair.src);
            let compared = compare_trees(&pair.src, &dst, &mut |_| std::ops::ControlFlow::Continue(()));
            copied.unwrap();
            measured.unwrap();
            compared.unwrap();
        }
    });
}
