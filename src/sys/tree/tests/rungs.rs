//! Each rung of the copy ladder by itself, and files that change under it.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::io::Errno;

use super::*;
use crate::sys::tree::copy::content::CopiedFile;
use crate::sys::tree::entry::handle::Stat;

#[test]
fn each_rung_copies_the_same() {
    for (clone, range) in [(true, true), (false, true), (false, false)] {
        let pair = Pair::new();
        fill(&pair.src);
        set_times(&pair.src);
        let before = snapshot(&pair.src);
        let ladder = Ladder::new(clone, range);
        let stats = copy_with(&pair.src, &pair.dst, &CopyOptions::default(), ladder).unwrap();
        assert_same(&before, &snapshot(&pair.dst));
        assert!(clone || stats.by_way[CopyWay::Cloned] == Rung::default());
        assert!(range || stats.by_way[CopyWay::Ranged] == Rung::default());
        if !clone && !range {
            assert_eq!(stats.by_way[CopyWay::Written], Rung { files: 6, bytes: stats.bytes });
        }
    }
}

/// Copies `content`, of a file that `change` changes after its stat was taken.
fn copy_changed(content: &[u8], ladder: &Ladder, change: impl FnOnce(&fs::File)) -> (CopiedFile, Vec<u8>) {
    let home = tempfile::tempdir().unwrap();
    let (from, to) = (home.path().join("from"), home.path().join("to"));
    make_file(&from, content);
    let file = fs::OpenOptions::new().read(true).write(true).open(&from).unwrap();
    let stat = Stat::of(file.as_fd()).unwrap();
    change(&file);
    let (source, target): (OwnedFd, OwnedFd) = (file.into(), fs::File::create(&to).unwrap().into());
    let copied = ladder.copy(&source, &target, &stat, &mut Vec::new(), &mut |_| true);
    let Ok(copied) = copied else { panic!("the copy failed") };
    (copied, fs::read(&to).unwrap())
}

/// ZFS answers so for a while about data that it has not written yet.
#[test]
fn a_clone_that_is_put_off_is_tried_again() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let ladder = Ladder::sharing(|from, to| {
        if ASKED.fetch_add(1, Ordering::Relaxed) < 2 {
            return Err(Errno::AGAIN);
        }
        // What the kernel does in the end on a file system that shares no blocks.
        rustix::fs::copy_file_range(from, Some(&mut 0), to, Some(&mut 0), 1 << 20).map(|_| ())
    });
    let content = noise(10_000);
    let (copied, read) = copy_changed(&content, &ladder, |_| ());
    assert_eq!((copied.way, copied.moved), (Some(CopyWay::Cloned), 10_000));
    assert_eq!(ASKED.load(Ordering::Relaxed), 3);
    assert!(read == content);
}

#[test]
fn a_clone_that_is_always_put_off_is_a_copy_and_is_called_one() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let ladder = Ladder::sharing(|_, _| {
        ASKED.fetch_add(1, Ordering::Relaxed);
        Err(Errno::AGAIN)
    });
    let content = noise(10_000);
    let mut asked = 0;
    // The second time as well: another file may succeed, so the rung is not given up for good.
    for _ in 0..2 {
        let (copied, read) = copy_changed(&content, &ladder, |_| ());
        assert_eq!((copied.way, copied.moved), (Some(CopyWay::Ranged), 10_000));
        assert!(read == content);
        let now = ASKED.load(Ordering::Relaxed);
        assert!(now - asked > 1 && now - asked < 20, "asked {} times", now - asked);
        asked = now;
    }
}

#[test]
fn a_file_system_that_cannot_clone_is_asked_once() {
    for refusal in [Errno::OPNOTSUPP, Errno::NOTTY, Errno::XDEV, Errno::NOSYS] {
        static ASKED: AtomicU32 = AtomicU32::new(0);
        static REFUSAL: AtomicU32 = AtomicU32::new(0);
        ASKED.store(0, Ordering::Relaxed);
        REFUSAL.store(refusal.raw_os_error().unsigned_abs(), Ordering::Relaxed);
        let ladder = Ladder::sharing(|_, _| {
            ASKED.fetch_add(1, Ordering::Relaxed);
            Err(Errno::from_raw_os_error(REFUSAL.load(Ordering::Relaxed).cast_signed()))
        });
        for _ in 0..2 {
            let (copied, read) = copy_changed(b"content", &ladder, |_| ());
            assert_eq!((copied.way, &read[..]), (Some(CopyWay::Ranged), &b"content"[..]));
        }
        assert_eq!(ASKED.load(Ordering::Relaxed), 1, "{refusal}");
    }
}

#[test]
fn a_file_that_grows_is_copied_up_to_the_size_it_had() {
    let content = noise(1_000_000);
    for range in [true, false] {
        let (copied, read) = copy_changed(&content, &Ladder::new(false, range), |file| {
            file.set_len(9_000_000).unwrap();
        });
        assert_eq!((copied.size, copied.moved), (1_000_000, 1_000_000));
        assert_eq!(copied.way, Some(if range { CopyWay::Ranged } else { CopyWay::Written }));
        assert!(read == content);
    }
}

#[test]
fn a_file_that_shrinks_gives_what_there_is() {
    let content = noise(1_000_000);
    for range in [true, false] {
        let (copied, read) = copy_changed(&content, &Ladder::new(false, range), |file| {
            file.set_len(300_001).unwrap();
        });
        assert_eq!((copied.size, copied.moved), (300_001, 300_001));
        assert!(read == content[..300_001]);
    }
}

#[test]
fn a_full_disk_is_an_error_that_says_so() {
    if !root_or_skip() {
        return;
    }
    let pair = Pair::new();
    make_file(&pair.src.join("too-large"), &noise(3_000_000));
    for range in [true, false] {
        let _mount = Mount::new(&pair.dst, &["-t", "tmpfs", "-o", "size=1m", "tmpfs"].map(OsStr::new));
        assert!(free_space(&pair.dst).unwrap() <= 1 << 20);
        let ladder = Ladder::new(true, range);
        let error = copy_with(&pair.src, &pair.dst, &CopyOptions::default(), ladder).unwrap_err();
        assert!(error.is_no_space(), "{error}");
        assert_eq!(error.path, pair.dst.join("too-large"), "{error}");
    }
}

#[test]
fn syncing_works_and_names_what_is_missing() {
    let pair = Pair::new();
    sync_filesystem(&pair.dst).unwrap();
    let error = sync_filesystem(&pair.dst.join("missing")).unwrap_err();
    assert_eq!(error.path, pair.dst.join("missing"));
}
