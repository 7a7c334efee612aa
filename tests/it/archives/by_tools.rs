//! Archives of GNU tar, bsdtar and Python, in each format that they write: the importer makes of
//! them what GNU tar makes.

use std::ffi::OsStr;
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown, lchown, symlink};
use std::path::Path;
use std::process::Command;

use super::contest::{Arena, Verdict, can_run};

/// What the archives and the trees in them are made with.
pub(super) const PROGRAMS: [&str; 5] = ["tar", "bsdtar", "python3", "setfacl", "mknod"];

/// What a format can hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Reach {
    /// Files and links with short names.
    V7,
    /// FIFOs and devices as well.
    Ustar,
    /// Anything.
    All,
}

/// Fills `root` with what archives find hard, as far as a format of this reach can hold it.
pub(super) fn fill(root: &Path, reach: Reach) {
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/plain"), "plain").unwrap();
    fs::hard_link(root.join("a/plain"), root.join("a/linked")).unwrap();
    symlink("/etc/passwd", root.join("a/outside")).unwrap();
    symlink("../a/plain", root.join("a/up")).unwrap();
    symlink("plain", root.join("a/inside")).unwrap();
    fs::hard_link(root.join("a/outside"), root.join("a/outside-too")).unwrap();
    fs::hard_link(root.join("a/inside"), root.join("a/inside-too")).unwrap();
    lchown(root.join("a/inside"), Some(5), Some(6)).unwrap();
    fs::write(root.join(OsStr::from_bytes(b"not-\xff-text")), "x").unwrap();
    fs::write(root.join("empty"), "").unwrap();
    fs::write(root.join("block"), [7; 512]).unwrap();
    fs::write(root.join("big"), [7; 300_000]).unwrap();
    fs::write(root.join("setuid"), "x").unwrap();
    let mut sparse = fs::File::create(root.join("sparse")).unwrap();
    for hole in 1..12 {
        sparse.seek(SeekFrom::Start(hole << 16)).unwrap();
        sparse.write_all(&[7; 4096]).unwrap();
    }
    sparse.write_all(b"an odd end").unwrap();
    let mut sparse = fs::File::create(root.join("ends-with-hole")).unwrap();
    sparse.write_all(&[7; 5000]).unwrap();
    sparse.set_len(600_000).unwrap();
    fs::File::create(root.join("hole")).unwrap().set_len(300_000).unwrap();
    if reach >= Reach::Ustar {
        for (kind, name) in [("p", "fifo"), ("c", "character"), ("b", "block-device")] {
            let numbers = if kind == "p" { &[][..] } else { &["7", "200"] };
            let made = Command::new("mknod").arg(root.join(name)).arg(kind).args(numbers).status().unwrap();
            assert!(made.success());
        }
    }
    chown(root.join("a/plain"), Some(70_000), Some(1_000_000)).unwrap();
    chown(root.join("setuid"), Some(12), Some(13)).unwrap();
    fs::set_permissions(root.join("setuid"), fs::Permissions::from_mode(0o6511)).unwrap();
    fs::set_permissions(root.join("a/b"), fs::Permissions::from_mode(0o1777)).unwrap();
    if reach == Reach::All {
        symlink("x".repeat(300), root.join("a/long-link")).unwrap();
        fs::create_dir(root.join("d".repeat(200))).unwrap();
        let name = root.join("d".repeat(200)).join("f".repeat(200));
        fs::write(&name, "long").unwrap();
        fs::hard_link(&name, root.join("linked-to-long")).unwrap();
        let not_text = OsStr::from_bytes(&[0xff; 120]);
        symlink(not_text, root.join("link-to-bytes")).unwrap();
        fs::write(root.join("d".repeat(200)).join(not_text), "x").unwrap();
        fs::File::create(root.join(not_text)).unwrap().set_len(50_000).unwrap();
        chown(root.join("big"), Some(3_000_000_000), Some(4_000_000_000)).unwrap();
    }
    decorate(root);
    age(root, reach);
}

/// Sets extended attributes and access lists.
fn decorate(root: &Path) {
    let set = |path: &str, name: &[u8], value: &[u8]| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::lsetxattr(root.join(path), OsStr::from_bytes(name), value, flags).unwrap();
    };
    set("a/plain", b"user.colour", b"blue\n\0x");
    set("a/plain", b"user.empty", b"");
    set("a", b"user.dir", b"1");
    set("empty", b"trusted.secret", b"x");
    set("a/inside", b"trusted.on-a-link", b"x");
    let capability = b"\x01\0\0\x02\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    set("block", b"security.capability", capability);
    for (path, list) in [
        ("a/plain", "u:1234:rw,g:4321:r,m::rw"),
        ("a", "u:1234:rwx,d:u::rwx,d:u:99:r,d:g::rx,d:m::rwx,d:o::-"),
        ("a/b", "d:u::rwx,d:g::-,d:o::-"),
        ("setuid", "g:13:x"),
    ] {
        let done = Command::new("setfacl").args(["-m", list]).arg(root.join(path)).status().unwrap();
        assert!(done.success());
    }
    // chown and an access list take these bits away.
    fs::set_permissions(root.join("setuid"), fs::Permissions::from_mode(0o6511)).unwrap();
}

/// Gives all entries times of the past, some of them before 1970.
fn age(root: &Path, reach: Reach) {
    let entries = walkdir::WalkDir::new(root).contents_first(true).into_iter();
    for (number, entry) in (0..).zip(entries) {
        let entry = entry.unwrap();
        let (seconds, nanos) = if number % 7 == 3 && reach == Reach::All {
            (-5, 250_000_000)
        } else {
            (1_000_000_000 + number, number)
        };
        let time = rustix::fs::Timespec { tv_sec: seconds, tv_nsec: nanos };
        let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::utimensat(rustix::fs::CWD, entry.path(), &times, flags).unwrap();
    }
}

/// Runs `program` in `tree`; it writes an archive to standard output.
pub(super) fn written(tree: &Path, program: &str, words: &[&str]) -> Vec<u8> {
    let made = Command::new(program).env("LC_ALL", "C.UTF-8").args(words).current_dir(tree).output().unwrap();
    assert!(made.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

/// Returns archives of each program in each format, with what they are.
pub(super) fn all(arena: &Arena) -> Vec<(String, Vec<u8>)> {
    let [v7, ustar, any] = [Reach::V7, Reach::Ustar, Reach::All].map(|reach| {
        let root = arena.path().join(format!("tree-{}", reach as u8));
        fs::create_dir(&root).unwrap();
        fill(&root, reach);
        root
    });
    let mut archives = Vec::new();
    let mut add = |name: &str, archive: Vec<u8>| archives.push((name.to_owned(), archive));
    let keep = ["--xattrs", "--xattrs-include=*", "--acls"];
    for (format, tree) in [("v7", &v7), ("oldgnu", &any), ("gnu", &any), ("ustar", &ustar), ("posix", &any)] {
        let format = format!("--format={format}");
        add(&format, written(tree, "tar", &["-c", &format, "."]));
        if tree == &any {
            add(&format!("{format} -S"), written(tree, "tar", &["-cS", &format, "."]));
        }
    }
    for version in ["0.0", "0.1", "1.0"] {
        let version = format!("--sparse-version={version}");
        let words = ["-cS", "--format=posix", &version, "."];
        add(&version, written(&any, "tar", &[&words[..], &keep].concat()));
    }
    add("with a label", written(&any, "tar", &["-c", "--format=posix", "-V", "label", "."]));
    add("with a label (gnu)", written(&any, "tar", &["-c", "--format=gnu", "-V", "label", "."]));
    add("incremental", written(&any, "tar", &["-c", "--format=gnu", "-G", "."]));
    add("incremental (pax)", written(&any, "tar", &["-c", "--format=posix", "-G", "."]));
    add(
        "without names",
        written(&any, "tar", &["-c", "--format=posix", "--pax-option=globexthdr.name=g,comment=x", "."]),
    );
    for (format, tree) in [("v7", &v7), ("ustar", &ustar), ("pax", &any), ("paxr", &any), ("gnutar", &any)] {
        let words = ["--acls", "--xattrs", "--format", format, "-cf", "-", "."];
        add(&format!("bsdtar {format}"), written(tree, "bsdtar", &words));
    }
    for (format, tree) in [("USTAR", &ustar), ("GNU", &any), ("PAX", &any)] {
        let program = format!(
            "import sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode='w|', format=tarfile.{format}_FORMAT) as archive:
    archive.add('.')"
        );
        add(&format!("python {format}"), written(tree, "python3", &["-c", &program]));
    }
    archives
}

#[test]
fn archives_of_every_program_become_what_tar_makes_of_them() {
    if !can_run(&PROGRAMS) {
        return;
    }
    let arena = Arena::new();
    let mut wrong = Vec::new();
    for (name, archive) in all(&arena) {
        match arena.judge(&archive) {
            Verdict::Same(stats) if stats.entries > 15 && stats.unknown == 0 && !stats.has_more => {}
            other => wrong.push(format!("{name}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
