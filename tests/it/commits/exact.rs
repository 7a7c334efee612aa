//! Trees come back exactly.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

use support::is_root;

use crate::harness::Pool;

#[test]
fn the_roots_own_mode_and_owner_come_back() {
    let pool = Pool::empty();
    pool.ok(["init", "db"]);
    let root = pool.file("db", ".");
    assert_eq!(fs::metadata(&root).unwrap().mode() & 0o7777, 0o777);
    if !is_root() {
        return;
    }
    chown(&root, Some(999), Some(998)).unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o700)).unwrap();
    pool.ok(["commit", "-m", "As PostgreSQL wants it"]);
    chown(&root, Some(0), Some(0)).unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(pool.ok(["status"]).contains("attributes:"));
    pool.ok(["reset", "--hard", "HEAD"]);
    let metadata = fs::metadata(&root).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (999, 998, 0o700));
}

#[test]
fn odd_names_links_holes_and_times_come_back() {
    let pool = Pool::empty();
    pool.ok(["init", "db"]);
    let root = pool.file("db", ".");
    let odd = root.join(OsStr::from_bytes(b"not \xff text\n"));
    fs::write(&odd, "odd").unwrap();
    fs::hard_link(&odd, root.join("twin")).unwrap();
    symlink("/etc/passwd", root.join("link")).unwrap();
    let sparse = fs::File::create(root.join("sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    fs::create_dir(root.join("sticky")).unwrap();
    fs::set_permissions(root.join("sticky"), fs::Permissions::from_mode(0o1777)).unwrap();
    let before = fs::metadata(&odd).unwrap();
    pool.ok(["commit", "-m", "Odd"]);
    fs::remove_file(&odd).unwrap();
    fs::remove_file(root.join("link")).unwrap();
    pool.ok(["reset", "--hard", "HEAD"]);
    let after = fs::metadata(&odd).unwrap();
    assert_eq!(fs::read(&odd).unwrap(), b"odd");
    assert_eq!((after.mtime(), after.mtime_nsec()), (before.mtime(), before.mtime_nsec()));
    assert_eq!(after.ino(), fs::metadata(root.join("twin")).unwrap().ino());
    assert_eq!(fs::read_link(root.join("link")).unwrap(), OsStr::new("/etc/passwd"));
    let sparse = fs::metadata(root.join("sparse")).unwrap();
    assert!(sparse.len() == 64 << 20 && sparse.blocks() * 512 < 1 << 20);
    assert_eq!(fs::metadata(root.join("sticky")).unwrap().mode() & 0o7777, 0o1777);
    assert!(pool.ok(["status"]).contains("working tree clean"));
}
