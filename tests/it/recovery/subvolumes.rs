//! Subvolumes of btrfs in a working tree, as a container engine or a user makes them: a commit has
//! them as directories, and one can go to any commit and back.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use support::{LoopImage, steps};

use crate::harness::Pool;

fn btrfs(words: &[&str], path: &Path) {
    let output = Command::new("btrfs").args(words).arg(path).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn subvolume(path: &Path) {
    btrfs(&["subvolume", "create"], path);
}

fn set_read_only(path: &Path, is: bool) {
    let mut command = Command::new("btrfs");
    command.args(["property", "set", "-ts"]).arg(path).args(["ro", if is { "true" } else { "false" }]);
    assert!(command.status().unwrap().success());
}

fn is_subvolume(path: &Path) -> bool {
    fs::symlink_metadata(path).unwrap().ino() == 256
}

fn image() -> Option<LoopImage> {
    LoopImage::new("btrfs", &["-q"], 400)
}

/// A volume with two subvolumes in its tree, one of which holds another; all committed.
fn with_subvolumes(image: &LoopImage) -> Pool {
    let pool = Pool::inside(&image.path());
    pool.ok(["init", "db"]);
    for name in ["one", "one/inner", "two"] {
        subvolume(&pool.file("db", name));
    }
    fs::create_dir(pool.file("db", "one/dir")).unwrap();
    write(&pool, "committed");
    // Young entries are not taken for unchanged.
    std::thread::sleep(std::time::Duration::from_millis(60));
    pool.ok(["commit", "-m", "One"]);
    pool
}

const FILES: [&str; 5] = ["plain", "one/a", "one/dir/b", "one/inner/c", "two/d"];

fn write(pool: &Pool, words: &str) {
    FILES.iter().for_each(|file| pool.write("db", file, words));
}

#[track_caller]
fn holds(pool: &Pool, words: &str) {
    FILES.iter().for_each(|file| assert_eq!(pool.read("db", file), words, "{file}"));
}

#[test]
fn a_commit_with_subvolumes_can_be_gone_back_to() {
    let Some(image) = image() else { return };
    let pool = with_subvolumes(&image);
    assert_eq!(pool.ok(["status", "--short"]), "");
    // What has not changed stays what it is.
    pool.ok(["reset", "--hard", "HEAD"]);
    assert!(is_subvolume(&pool.file("db", "one")) && is_subvolume(&pool.file("db", "one/inner")));
    holds(&pool, "committed");

    write(&pool, "second");
    pool.ok(["commit", "-m", "Two"]);
    pool.ok(["reset", "--hard", "HEAD~1"]);
    holds(&pool, "committed");
    pool.ok(["undo"]);
    holds(&pool, "second");
    write(&pool, "changed");
    pool.ok(["reset", "--hard", "HEAD"]);
    holds(&pool, "second");
    pool.ok(["undo"]);
    holds(&pool, "changed");
    pool.ok(["commit", "-m", "Three"]);
    pool.ok(["checkout", "-b", "side", "HEAD~2"]);
    holds(&pool, "committed");
    subvolume(&pool.file("db", "late"));
    pool.write("db", "late/e", "late");
    pool.ok(["commit", "-m", "Side"]);
    pool.ok(["checkout", "master"]);
    holds(&pool, "changed");
    pool.ok(["clone", "db:side", "copy"]);
    assert_eq!(pool.read("copy", "late/e"), "late");
    pool.ok(["branch", "-D", "side"]);
    pool.ok(["fsck", "--deep"]);
}

#[test]
fn a_subvolume_that_is_new_or_stands_where_a_file_was_goes_and_comes_back() {
    let Some(image) = image() else { return };
    let pool = with_subvolumes(&image);
    fs::remove_file(pool.file("db", "plain")).unwrap();
    subvolume(&pool.file("db", "plain"));
    pool.write("db", "plain/f", "new");
    fs::create_dir(pool.file("db", "holder")).unwrap();
    subvolume(&pool.file("db", "holder/new"));
    pool.write("db", "holder/new/g", "new");
    btrfs(&["subvolume", "delete"], &pool.file("db", "two"));
    pool.write("db", "two", "a file");
    pool.ok(["reset", "--hard", "HEAD"]);
    holds(&pool, "committed");
    assert!(!pool.file("db", "holder").exists());
    pool.ok(["undo"]);
    assert_eq!(pool.read("db", "plain/f"), "new");
    assert_eq!(pool.read("db", "holder/new/g"), "new");
    assert_eq!(pool.read("db", "two"), "a file");
    pool.ok(["redo"]);
    holds(&pool, "committed");

    pool.ok(["rm", "-f", "db"]);
    pool.ok(["undo", "db"]);
    holds(&pool, "committed");
    pool.ok(["rm", "-f", "db"]);
    assert!(!pool.ok(["gc", "--all", "-f"]).contains("Kept"));
    assert!(pool.staging().is_empty());
    let listed = Command::new("btrfs").args(["subvolume", "list"]).arg(image.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "");
}

#[test]
fn a_read_only_subvolume_stays_if_it_need_not_move_and_is_named_if_it_must() {
    let Some(image) = image() else { return };
    let pool = with_subvolumes(&image);
    let (two, late) = (pool.file("db", "two"), pool.file("db", "late"));
    set_read_only(&two, true);
    ["plain", "one/a"].iter().for_each(|file| pool.write("db", file, "changed"));
    pool.ok(["reset", "--hard", "HEAD"]);
    holds(&pool, "committed");
    assert!(is_subvolume(&two));

    subvolume(&late);
    fs::write(late.join("e"), "late").unwrap();
    set_read_only(&late, true);
    pool.write("db", "plain", "changed");
    let at = pool.root().join("db/branches/master/late");
    let said = pool.fails(1, ["reset", "--hard", "HEAD"], "it is a read-only subvolume");
    assert!(said.contains(&format!("btrfs property set -ts {} ro false", at.display())), "{said}");
    assert_eq!(pool.read("db", "plain"), "changed");
    assert!(pool.staging().is_empty());

    // It moves with the directory that it is in.
    pool.ok(["rm", "-f", "db"]);
    pool.ok(["init", "other"]);
    let said = pool.run(["gc", "--all", "-f"]);
    assert!(said.code == 0 && said.err.contains("it is a read-only subvolume"), "{said:?}");
    pool.ok(["fsck", "other"]);
    let said = pool.ok(["fsck"]);
    assert!(said.contains("btrfs property set -ts"), "{said}");
    for left in walkdir::WalkDir::new(pool.root().join(".dvol/staging")) {
        let left = left.unwrap();
        if left.file_type().is_dir() && is_subvolume(left.path()) {
            set_read_only(left.path(), false);
        }
    }
    pool.ok(["gc"]);
    assert!(pool.staging().is_empty());
    assert_eq!(pool.ok(["fsck"]), "1 volume: clean\n");
}

#[test]
fn a_working_tree_that_is_a_subvolume_is_replaced_as_a_whole() {
    let Some(image) = image() else { return };
    let pool = Pool::inside(&image.path());
    pool.ok(["init", "db"]);
    let tree = pool.root().join("db/branches/master");
    let again = |words: &str| {
        fs::rename(&tree, pool.dir().join(words)).unwrap();
        subvolume(&tree);
        pool.write("db", "state", words);
    };
    again("one");
    pool.ok(["commit", "-m", "One"]);
    pool.ok(["reset", "--hard", "HEAD"]);
    pool.write("db", "state", "two");
    pool.ok(["commit", "-m", "Two"]);
    again("three");
    pool.ok(["reset", "--hard", "HEAD~1"]);
    assert_eq!(pool.read("db", "state"), "one");
    // Two subvolumes change places, whose roots have one inode number.
    again("four");
    pool.ok(["undo"]);
    assert_eq!(pool.read("db", "state"), "three");
    pool.ok(["redo"]);
    assert_eq!(pool.read("db", "state"), "four");
    pool.ok(["rm", "-f", "db"]);
    pool.ok(["gc", "--all", "-f"]);
    assert!(pool.staging().is_empty());
}

/// What the working tree holds, by path.
fn contents(pool: &Pool) -> BTreeSet<(String, String)> {
    let root = fs::canonicalize(pool.file("db", ".")).unwrap();
    let files = walkdir::WalkDir::new(&root).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file());
    let name = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
    files.map(|entry| (name(entry.path()), fs::read_to_string(entry.path()).unwrap())).collect()
}

#[test]
fn a_reset_over_subvolumes_may_die_at_any_step() {
    let Some(image) = image() else { return };
    let changed = || {
        let pool = with_subvolumes(&image);
        write(&pool, "changed");
        pool
    };
    let pool = changed();
    let (old, trace) = (contents(&pool), pool.dir().join("trace"));
    let reset = ["reset", "--hard", "HEAD", "db"];
    assert!(pool.command(reset).env("DVOL_FAULT_TRACE", &trace).status().unwrap().success());
    let (new, count) = (contents(&pool), steps(&trace).len());
    assert!(old != new && count > 20, "{count}");
    drop(pool);
    let (mut went, mut stayed) = (0, 0);
    for point in 1..=count {
        let pool = changed();
        let mut command = pool.command(reset);
        let status = command.env("DVOL_FAULT", format!("{point}:kill")).output().unwrap().status;
        assert!(!status.success(), "{point} of {count}");
        pool.run(["fsck"]);
        pool.ok(["fsck"]);
        let now = contents(&pool);
        assert!(now == old || now == new, "{point} of {count}: {now:?}");
        if now == new {
            went += 1;
        } else {
            stayed += 1;
        }
        assert!(!pool.root().join(".dvol/lost+found").read_dir().is_ok_and(|mut all| all.next().is_some()));
        pool.ok(["reset", "--hard", "HEAD", "db"]);
        assert_eq!(contents(&pool), new, "{point} of {count}");
    }
    assert!(went > 0 && stayed > 0, "{went} went, {stayed} stayed");
}
