//! A working tree that cannot be moved: refused before anything is done, and named by fsck.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::is_root;

use crate::harness::Pool;

fn sh(program: &str, words: &[&OsStr]) {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Something that is done to a path, and undone in the end.
struct Undone<'a>(&'a str, Vec<&'a OsStr>);

impl Drop for Undone<'_> {
    fn drop(&mut self) {
        sh(self.0, &self.1);
    }
}

fn flag<'a>(name: &'a str, path: &'a Path) -> Undone<'a> {
    sh("chattr", &[OsStr::new(&format!("+{name}")), path.as_os_str()]);
    let off = if name == "i" { "-i" } else { "-a" };
    Undone("chattr", vec![OsStr::new(off), path.as_os_str()])
}

fn mount<'a>(what: &'a Path, at: &'a Path) -> Undone<'a> {
    sh("mount", &[OsStr::new("--bind"), what.as_os_str(), at.as_os_str()]);
    Undone("umount", vec![at.as_os_str()])
}

/// What each verb would move, with the directory that cannot be moved.
fn refused(pool: &Pool, verbs: &[&[&str]], hint: &str) {
    let before = pool.ok(["reflog", "db"]);
    for words in verbs {
        pool.fails(1, *words, hint);
        assert!(pool.staging().is_empty(), "{words:?}");
    }
    assert_eq!(pool.ok(["reflog", "db"]), before);
}

const RESETS: [&[&str]; 3] = [&["reset", "--hard", "HEAD"], &["reset", "--hard", "HEAD~1"], &["undo", "db"]];

fn pool() -> (Pool, PathBuf) {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.write("db", "state", "three");
    pool.ok(["reset", "--hard", "HEAD"]);
    let tree = pool.root().join("db/branches/master");
    (pool, tree)
}

#[test]
fn a_tree_that_is_a_mount_point_is_refused_and_found() {
    if !is_root() {
        return;
    }
    let (pool, tree) = pool();
    let other = pool.dir().join("other");
    fs::create_dir(&other).unwrap();
    let mounted = mount(&other, &tree);
    refused(&pool, &RESETS, &format!("umount {}", tree.display()));
    refused(&pool, &[&["branch", "-m", "other"], &["rm", "-f", "db"], &["rename", "db", "new"]], "umount");
    let said = pool.run(["fsck"]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.out.contains("cannot be moved: it is a mount point"), "{said:?}");
    drop(mounted);
    pool.ok(["fsck"]);
    pool.ok(["reset", "--hard", "HEAD~1"]);
}

#[test]
fn a_mount_in_a_tree_is_named_by_its_place() {
    if !is_root() {
        return;
    }
    let (pool, tree) = pool();
    let (other, inside) = (pool.dir().join("other"), tree.join("inside"));
    [&other, &inside].iter().for_each(|path| fs::create_dir(path).unwrap());
    let mounted = mount(&other, &inside);
    refused(&pool, &RESETS, &format!("umount {}", inside.display()));
    refused(&pool, &[&["rm", "-f", "db"]], &format!("umount {}", inside.display()));
    drop(mounted);
    pool.ok(["reset", "--hard", "HEAD~1"]);
}

#[test]
fn flags_that_forbid_changes_are_named_with_their_path() {
    if !is_root() {
        return;
    }
    let (pool, tree) = pool();
    for (name, path, words) in [
        ("i", tree.clone(), RESETS[0]),
        ("a", tree.clone(), RESETS[1]),
        ("i", pool.root().join("db/branches"), RESETS[0]),
        ("i", tree.join("state"), RESETS[1]),
        ("i", pool.root().join("db/commits"), &["commit", "-m", "three"]),
        ("i", pool.root().join("db"), &["rm", "-f", "db"]),
    ] {
        let flagged = flag(name, &path);
        refused(&pool, &[words], &format!("chattr -{name} {}", path.display()));
        drop(flagged);
    }
    pool.ok(["reset", "--hard", "HEAD~1"]);
    pool.ok(["fsck"]);
}

#[test]
fn a_symlink_in_the_place_of_a_tree_is_refused_found_and_repaired() {
    let (pool, tree) = pool();
    let other = pool.dir().join("other");
    fs::rename(&tree, &other).unwrap();
    symlink(&other, &tree).unwrap();
    refused(&pool, &RESETS, "dvol fsck --repair");
    let said = pool.run(["fsck"]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.out.contains("is a symlink"), "{said:?}");
    assert_eq!(pool.run(["fsck", "--repair", "--yes"]).code, 1);
    pool.ok(["fsck"]);
    assert!(tree.is_dir() && !tree.is_symlink());
    assert_eq!(pool.read("db", "state"), "two");
    assert_eq!(fs::read_to_string(other.join("state")).unwrap(), "two");
}
