//! Entries made in existing directories are as exact as those made in new ones.

#![allow(clippy::disallowed_methods, reason = "the tests make their trees without the code under test")]

use std::ops::ControlFlow;

use super::*;

fn assert_equal(pair: &Pair) {
    compare_trees(&pair.src, &pair.dst, &mut |change| -> ControlFlow<()> { panic!("{change:?}") }).unwrap();
}

/// Makes a source with a file in a directory, and a copy of it that lacks the file.
fn missing(make: impl FnOnce(&Path)) -> Pair {
    let pair = Pair::new();
    let directory = pair.src.join("a");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("f"), "one").unwrap();
    make(&directory);
    copy_tree(&pair.src, &pair.dst, &CopyOptions::default()).unwrap();
    fs::remove_file(pair.dst.join("a/f")).unwrap();
    pair
}

fn default_acl(directory: &Path) {
    // Set after the file was made, so that the file has none of it.
    run("setfacl", &[OsStr::new("-d"), OsStr::new("-m"), OsStr::new("u:1234:rwx"), directory.as_os_str()]);
}

fn complete(pair: &Pair) {
    let update = Update { keep: Keep::All, ..Update::default() };
    update_tree(&pair.src, &pair.dst, &CopyOptions::default(), &update).unwrap();
}

#[test]
fn a_file_does_not_inherit_from_a_directory_that_has_its_acl_already() {
    let pair = missing(default_acl);
    complete(&pair);
    assert_equal(&pair);
}

#[test]
fn a_directory_that_its_owner_may_not_write_is_filled_and_closed_again() {
    if !root_or_skip() {
        return;
    }
    let pair = missing(|_| {});
    for root in [&pair.src, &pair.dst] {
        fs::set_permissions(root.join("a"), fs::Permissions::from_mode(0o555)).unwrap();
    }
    give_to_nobody(pair.src.parent().unwrap());
    as_nobody(|| complete(&pair));
    assert_equal(&pair);
}

#[test]
fn nothing_is_known_beneath_directories_that_changed_places() {
    let pair = Pair::new();
    for name in ["a", "b", "quiet"] {
        fs::create_dir_all(pair.src.join("top").join(name)).unwrap();
        fs::write(pair.src.join("top").join(name).join("f"), name).unwrap();
    }
    fs::create_dir(pair.src.join("still")).unwrap();
    fs::write(pair.src.join("still/f"), "one").unwrap();
    FileTime::a_tick_after(FileTime::fine());
    FileTime::a_tick_after(FileTime::fine());
    let bounds = Bounds::now();
    let top = pair.src.join("top");
    let exchange = rustix::fs::RenameFlags::EXCHANGE;
    rustix::fs::renameat_with(CWD, top.join("a"), CWD, top.join("b"), exchange).unwrap();
    let mut known = Vec::new();
    scan_tree(&pair.src, bounds, None, &mut |seen| {
        if let ScanEvent::Piece(path, ..) = seen {
            known.push(path.to_owned());
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(known, [PathBuf::from("still")]);
}
