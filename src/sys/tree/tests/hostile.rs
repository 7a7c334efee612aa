//! A tree whose owner works against us.

use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::*;
use crate::sys::tree::handle::{open_beneath_checked, open_root};

/// Exchanges `left` and `right` all the time while `work` runs.
fn while_swapping(left: &Path, right: &Path, work: impl FnOnce()) {
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

/// Sets the flag also if a check fails, so that the test ends.
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
    make_dir(&home.join("outside"));
    make_file(&home.join("outside/secret"), b"secret");
    make_dir(&pair.src.join("door"));
    symlink(home.join("outside"), home.join("trap")).unwrap();
    while_swapping(&pair.src.join("door"), &home.join("trap"), || {
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

/// A live tree: whatever comes and goes, the copy does not fail.
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
