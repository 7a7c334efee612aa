//! Archives: out and in again without loss, readable by tar, and safe whoever made them.

use std::ffi::OsStr;
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use dvol::sys::tree::compare_trees;

use crate::harness::{Pool, json_lines};

/// A tree with what archives find hard.
fn fill(root: &Path) {
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/plain"), "plain").unwrap();
    fs::hard_link(root.join("a/plain"), root.join("a/linked")).unwrap();
    symlink("/etc/passwd", root.join("a/outside")).unwrap();
    symlink("x".repeat(300), root.join("a/long-link")).unwrap();
    fs::write(root.join(OsStr::from_bytes(b"not-\xff-text")), "x").unwrap();
    fs::create_dir(root.join("d".repeat(200))).unwrap();
    fs::write(root.join("d".repeat(200)).join("f".repeat(200)), "long").unwrap();
    fs::write(root.join("empty"), "").unwrap();
    fs::write(root.join("locked"), "x").unwrap();
    fs::set_permissions(root.join("locked"), fs::Permissions::from_mode(0o4501)).unwrap();
    let mut sparse = fs::File::create(root.join("sparse")).unwrap();
    for offset in [1 << 20, 5 << 20] {
        sparse.seek(SeekFrom::Start(offset)).unwrap();
        sparse.write_all(&[7; 5000]).unwrap();
    }
    sparse.set_len(8 << 20).unwrap();
    fs::File::create(root.join("hole")).unwrap().set_len(1 << 20).unwrap();
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(root.join("a/plain"), "user.colour", b"blue\n\0x", flags).unwrap();
    rustix::fs::setxattr(root.join("a"), "user.dir", b"1", flags).unwrap();
    assert!(Command::new("mkfifo").arg(root.join("fifo")).status().unwrap().success());
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(root.join("a/plain"), Some(70_000), Some(4_000_000)).unwrap();
    }
    fs::set_permissions(root, fs::Permissions::from_mode(0o700)).unwrap();
    let old = std::time::UNIX_EPOCH - std::time::Duration::from_millis(1500);
    fs::File::options().write(true).open(root.join("empty")).unwrap().set_modified(old).unwrap();
}

fn differences(a: &Path, b: &Path) -> Vec<String> {
    let mut found = Vec::new();
    compare_trees(a, b, &mut |change| {
        found.push(format!("{:?} {}", change.kind, change.path.display()));
        ControlFlow::Continue(())
    })
    .unwrap();
    found
}

#[test]
fn a_commit_comes_back_exactly() {
    let pool = Pool::with_volume();
    fill(&pool.root().join("db/branches/master"));
    pool.ok(["commit", "-m", "Hard things", "--author", "Eve <eve@example.org>"]);
    let said = pool.ok(["export", "db", "db.tar"]);
    assert!(said.starts_with("Exported db:00000201: "), "{said}");
    assert_eq!(fs::metadata(pool.dir().join("db.tar")).unwrap().mode() & 0o777, 0o600);
    // Holes take no room.
    assert!(fs::metadata(pool.dir().join("db.tar")).unwrap().len() < 100_000);

    pool.ok(["import", "db.tar", "copy"]);
    let (from, to) = (pool.root().join("db/running_point/"), pool.root().join("copy/running_point/"));
    assert_eq!(
        differences(&fs::canonicalize(from).unwrap(), &fs::canonicalize(to).unwrap()),
        Vec::<String>::new()
    );
    let copy = pool.root().join("copy/running_point");
    for (name, most) in [("sparse", 64 * 1024), ("hole", 4096)] {
        let metadata = fs::metadata(copy.join(name)).unwrap();
        assert!(metadata.blocks() * 512 <= most, "{name}: {} blocks", metadata.blocks());
    }
    let empty = fs::metadata(copy.join("empty")).unwrap();
    assert_eq!((empty.mtime(), empty.mtime_nsec()), (-2, 500_000_000));
    assert!(pool.ok(["status", "copy"]).contains("clean"));
    let (old, new) = (
        json_lines(&pool.ok(["log", "db", "--format", "json"])),
        json_lines(&pool.ok(["log", "copy", "--format", "json"])),
    );
    for field in ["id", "message", "author", "date"] {
        assert_eq!(old[0][field], new[0][field]);
    }
    pool.ok(["fsck"]);
}

#[test]
fn tar_reads_what_is_exported() {
    let pool = Pool::with_volume();
    fill(&pool.root().join("db/branches/master"));
    pool.ok(["commit", "-m", "Hard things"]);
    let exported = pool.command(["export", "db:HEAD", "-"]).output().unwrap();
    assert!(exported.status.success());
    fs::write(pool.dir().join("db.tar"), exported.stdout).unwrap();
    let out = pool.dir().join("out");
    fs::create_dir(&out).unwrap();
    let flags = ["--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-p", "-xf"];
    let tar = Command::new("tar").args(flags).arg("../db.tar").current_dir(&out).output().unwrap();
    // It only finds a file of 1969 old.
    let said = String::from_utf8_lossy(&tar.stderr).into_owned();
    assert!(tar.status.success() && said.lines().all(|line| line.contains("implausibly old")), "{tar:?}");
    let tree = fs::canonicalize(pool.root().join("db/running_point")).unwrap();
    assert_eq!(differences(&tree, &out.join("data")), Vec::<String>::new());
    assert!(fs::metadata(out.join("data/sparse")).unwrap().blocks() * 512 <= 64 * 1024);
    let manifest: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("dvol.json")).unwrap()).unwrap();
    assert_eq!((&manifest["format"], &manifest["commit"]["message"]), (&1.into(), &"Hard things".into()));
}

#[test]
fn any_tar_archive_becomes_a_volume() {
    let pool = Pool::empty();
    let tree = pool.dir().join("tree");
    fs::create_dir(&tree).unwrap();
    fill(&tree);
    for format in ["gnu", "posix", "pax"] {
        let flags = ["--xattrs", "--xattrs-include=*", "-S", "-cf", "../any.tar", "."];
        let tar = Command::new("tar")
            .arg(format!("--format={format}"))
            .args(flags)
            .current_dir(&tree)
            .output()
            .unwrap();
        assert!(tar.status.success(), "{tar:?}");
        let name = format!("from-{format}");
        let file = fs::File::open(pool.dir().join("any.tar")).unwrap();
        let output = pool.command(["import", "-", &name]).stdin(file).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let there = fs::canonicalize(pool.root().join(&name).join("running_point")).unwrap();
        let mut found = differences(&tree, &there);
        // The older format has no extended attributes.
        found.retain(|change| format != "gnu" || !change.starts_with("Attributes a"));
        assert_eq!(found, Vec::<String>::new(), "{format}");
        assert!(fs::metadata(there.join("sparse")).unwrap().blocks() * 512 <= 64 * 1024, "{format}");
        assert_eq!(pool.ok(["log", &name, "--format", "{subject} {name}"]), "Import of standard input Ada\n");
    }
}

fn hostile(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, link) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        if !link.is_empty() {
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        }
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(if kind.is_file() { 3 } else { 0 });
        header.set_cksum();
        builder.append(&header, if kind.is_file() { &b"bad"[..] } else { &b""[..] }).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn nothing_is_written_outside_whatever_the_archive_says() {
    use tar::EntryType as Kind;
    let pool = Pool::with_volume();
    let outside = pool.dir().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("kept"), "kept").unwrap();
    let link = outside.display().to_string();
    for (words, entries) in [
        ("leads out of the tree", vec![("../bad", Kind::Regular, "")]),
        ("leads out of the tree", vec![("a/../../bad", Kind::Regular, "")]),
        (
            "way above it is not a directory",
            vec![("way", Kind::Symlink, link.as_str()), ("way/bad", Kind::Regular, "")],
        ),
        (
            "way above it is not a directory",
            vec![("way", Kind::Symlink, link.as_str()), ("x", Kind::Link, "way/kept")],
        ),
        ("cannot extract x: the archive has no entry nosuch", vec![("x", Kind::Link, "nosuch")]),
    ] {
        let said = pool.feed(["import", "-", "evil"], &hostile(&entries));
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains(words), "{said:?}");
        assert!(!pool.root().join("evil").exists());
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    // An absolute name is taken as one inside.
    assert_eq!(pool.feed(["import", "-", "inside"], &hostile(&[("/bad", Kind::Regular, "")])).code, 0);
    assert_eq!(fs::read_to_string(pool.root().join("inside/running_point/bad")).unwrap(), "bad");
    pool.ok(["fsck"]);
}

#[test]
fn what_is_no_archive_of_ours_is_refused_with_the_reason() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["export", "db", "db.tar"]);
    let whole = fs::read(pool.dir().join("db.tar")).unwrap();
    let text = String::from_utf8_lossy(&whole[..4096]).into_owned();
    let at = text.find("\"format\": 1").unwrap();
    let mut newer = whole.clone();
    newer[at + 10] = b'9';
    let cut = whole[..whole.len() - 2048 - 700].to_vec();
    for (bytes, words) in [
        (newer, "this dvol reads 1"),
        (cut, "cannot"),
        (
            whole[..whole.len() - 1024].to_vec(),
            "it has no end, so it may have been cut off\nhint: append an end if",
        ),
        (Vec::new(), "it is empty"),
        (
            b"\x1f\x8b and so on".to_vec(),
            "it is compressed with gzip\nhint: decompress the archive: gunzip -c",
        ),
        (b"\x28\xb5\x2f\xfd and so on".to_vec(), "zstd -dc FILE | dvol import - VOLUME"),
        (vec![b'x'; 2000], "it is not a tar archive"),
    ] {
        let said = pool.feed(["import", "-", "other"], &bytes);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains(words), "{said:?}");
        assert!(!pool.root().join("other").exists());
    }
    pool.fails(1, ["import", "db.tar", "db"], "already exists");
    pool.fails(1, ["import", "nosuch.tar", "x"], "cannot read nosuch.tar");
    pool.fails(1, ["export", "db", "nosuch/x.tar"], "cannot write nosuch/x.tar");
    pool.fails(1, ["import", "--from-docker", "pgdata"], "no volume 'pgdata'");
    pool.fails(2, ["export", "db"], "a file");
    pool.ok(["fsck"]);
}

#[test]
fn what_is_left_out_is_said() {
    let pool = Pool::empty();
    let mut builder = tar::Builder::new(Vec::new());
    let attribute: [(&str, &[u8]); 2] =
        [("SCHILY.xattr.com.apple.x", b"1"), ("RHT.security.selinux", b"label")];
    builder.append_pax_extensions(attribute).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::new(b'A'));
    header.set_mode(0o644);
    header.set_size(0);
    builder.append_data(&mut header, "f", &b""[..]).unwrap();
    let mut archive = builder.into_inner().unwrap();
    archive.extend_from_slice(b"more");
    let said = pool.feed(["import", "-", "notes"], &archive);
    assert_eq!(said.code, 0, "{said:?}");
    for note in [
        "note: took 1 entry of an unknown type for a regular file",
        "note: left out 1 attribute that Linux cannot store: com.apple.x of f",
        "note: left out 1 label of the host",
        "note: ignored what follows the end of the archive",
    ] {
        assert!(said.err.contains(note), "{note}: {said:?}");
    }
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let pool = Pool::with_volume();
    pool.write("db", "big", &"x".repeat(1 << 20));
    pool.ok(["commit", "-m", "Big"]);
    let mut command = pool.command(["export", "db", "-"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
}

#[test]
fn the_metadata_of_the_pool_is_one_record_a_line() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["tag", "v1"]);
    pool.ok(["config", "user.name", "Ada"]);
    let lines = json_lines(&pool.ok(["export", "--metadata"]));
    let of = |kind: &str| lines.iter().filter(|line| line["record"] == kind).count();
    assert_eq!(
        (of("pool"), of("volume"), of("branch"), of("commit"), of("tag"), of("setting")),
        (1, 1, 1, 2, 1, 1)
    );
    assert_eq!(lines[0]["current_volume"], "db");
    pool.ok(["export", "--metadata", "pool.jsonl"]);
    assert_eq!(json_lines(&fs::read_to_string(pool.dir().join("pool.jsonl")).unwrap()).len(), 7);
}

#[test]
fn a_pipe_or_a_device_is_written_to_and_never_replaced() {
    let pool = Pool::with_commits(&["one"]);
    let pipe = pool.dir().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let path = pipe.clone();
    let reader = std::thread::spawn(move || fs::read(path).unwrap());
    pool.ok(["export", "db", pipe.to_str().unwrap()]);
    assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    assert!(reader.join().unwrap().starts_with(b"dvol.json"));
}
