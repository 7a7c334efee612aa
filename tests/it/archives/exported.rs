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

#[test]
fn an_exported_tree_comes_back_exactly() {
    if !can_run(&PROGRAMS) {
        return;
    }
    let arena = Arena::new();
    let tree = arena.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fill(&tree, Reach::All);
    for name in [&b"user.not-\xff-text"[..], b"user.50%=half", b"user.%3D%25"] {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(tree.join("empty"), OsStr::from_bytes(name), b"x", flags).unwrap();
    }
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
