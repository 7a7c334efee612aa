//! Archives that dvol writes: the importer, GNU tar and bsdtar make the same tree of them again.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dvol::sys::tree::{ArchiveWriter, OpenTree};

use super::by_tools::{PROGRAMS, Reach, fill};
use super::contest::{Arena, can_run, import};
use super::tree_state::{differences, root_of, take_down};

/// Times of directories count always.
const NEVER: (i64, i64) = (i64::MAX, 0);

fn export(tree: &Path) -> Vec<u8> {
    let (mut archive, cancel) = (Vec::new(), Arc::new(AtomicBool::new(false)));
    let mut writer = ArchiveWriter::new(&mut archive, cancel);
    writer.tree(OpenTree::open(tree).unwrap(), ".").unwrap();
    writer.finish().unwrap();
    archive
}

/// Gives entries of several kinds attributes whose names are not UTF-8, and a file `others`.
fn name_attributes(tree: &Path, others: &[&[u8]]) {
    let set = |entry: &str, name: &[u8], value: &[u8]| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::lsetxattr(tree.join(entry), OsStr::from_bytes(name), value, flags).unwrap();
    };
    // One is of a file whose own name needs a record that says how names are encoded.
    let not_text = tree.join(OsStr::from_bytes(&[0xff; 120]));
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(not_text, OsStr::from_bytes(b"user.\xff"), b"x", flags).unwrap();
    for name in [&b"user.not-\xff-text"[..], b"user.\xc3", b"user.\xed\xa0\x80", b"user.line\n"] {
        set("empty", name, b"\0\xff\n");
        set("a", name, b"of a directory");
    }
    for entry in ["fifo", "link-to-bytes"] {
        set(entry, b"trusted.\xff", b"x");
    }
    for name in others {
        set("empty", name, b"x");
    }
}

#[test]
fn an_exported_tree_comes_back_exactly() {
    if !can_run(&PROGRAMS) {
        return;
    }
    let arena = Arena::new();
    let tree = arena.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fill(&tree, Reach::All);
    name_attributes(&tree, &[b"user.50%=half", b"user.%3D%25"]);
    let archive = export(&tree);
    // Times of access first: comparing the trees changes them.
    let again = arena.path().join("again");
    fs::create_dir(&again).unwrap();
    import(&archive, &again).unwrap();
    for name in ["a/plain", "sparse", "fifo", "setuid", "empty"] {
        let [before, after] = [&tree, &again].map(|root| fs::symlink_metadata(root.join(name)).unwrap());
        assert_eq!(before.accessed().unwrap(), after.accessed().unwrap(), "{name}");
    }
    arena.accept("exported", &archive);
    let original = take_down(&tree);
    for made in arena.results() {
        let found = differences(&original, &take_down(&made), NEVER);
        assert!(found.is_empty(), "{}: {}", made.display(), found.join("\n"));
        assert_eq!(root_of(&tree), root_of(&made), "{}", made.display());
    }
}

#[test]
fn bsdtar_unpacks_an_exported_tree() {
    if !can_run(&PROGRAMS) {
        return;
    }
    let arena = Arena::new();
    let (tree, out) = (arena.path().join("tree"), arena.path().join("out"));
    fs::create_dir(&tree).unwrap();
    fs::create_dir(&out).unwrap();
    fill(&tree, Reach::All);
    // bsdtar does not read `%` and `=` in names as GNU tar does.
    name_attributes(&tree, &[]);
    let file = arena.path().join("tree.tar");
    fs::write(&file, export(&tree)).unwrap();
    let mut bsdtar = Command::new("bsdtar");
    bsdtar.env("LC_ALL", "C.UTF-8").args(["--acls", "--xattrs", "--numeric-owner", "-xpf"]).arg(&file);
    let done = bsdtar.current_dir(&out).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let (original, mut unpacked) = (take_down(&tree), take_down(&out));
    for (name, entry) in &mut unpacked {
        // bsdtar reads -4.75 as -4 and 0.75.
        if original[name].modified.0 < 0 {
            entry.modified = original[name].modified;
        }
    }
    let found = differences(&original, &unpacked, NEVER);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
