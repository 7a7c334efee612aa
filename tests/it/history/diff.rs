//! `diff` and `status`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use crate::harness::{Pool, json_lines, snapshot};

fn tree(pool: &Pool) -> PathBuf {
    pool.root().join("db/branches/master")
}

fn set_mode(path: &std::path::Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A commit of one of each, and a working tree in which each has changed in its way.
fn changed() -> Pool {
    let pool = Pool::with_volume();
    let root = tree(&pool);
    for directory in ["gone/deep", "kept"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    for (name, text) in
        [("my.cnf", "[mysqld]\nport=1\n"), ("same", "x"), ("mode", "x"), ("gone/deep/f", "x\n"), ("kind", "")]
    {
        pool.write("db", name, text);
    }
    std::fs::write(root.join("table"), [0; 8192]).unwrap();
    symlink("old", root.join("link")).unwrap();
    for name in ["gone", "gone/deep"] {
        set_mode(&root.join(name), 0o755);
    }
    for name in ["mode", "gone/deep/f", "kind"] {
        set_mode(&root.join(name), 0o644);
    }
    pool.ok(["commit", "-m", "one"]);

    pool.write("db", "my.cnf", "[mysqld]\nport=2\nskip=1");
    std::fs::write(root.join("table"), [1; 8192]).unwrap();
    std::fs::write(root.join("kept/table2"), [0; 100]).unwrap();
    std::fs::remove_dir_all(root.join("gone")).unwrap();
    std::fs::remove_file(root.join("link")).unwrap();
    symlink("new", root.join("link")).unwrap();
    std::fs::remove_file(root.join("kind")).unwrap();
    std::fs::create_dir(root.join("kind")).unwrap();
    pool.write("db", "kind/f", "");
    set_mode(&root.join("mode"), 0o600);
    std::fs::create_dir_all(root.join("fresh/deep")).unwrap();
    pool.write("db", "fresh/deep/f", "\x1b[2Jnot shown\n");
    std::fs::write(root.join(OsStr::from_bytes(b"n\xff\x1b")), "").unwrap();
    for name in ["kind", "kind/f", "fresh", "fresh/deep", "fresh/deep/f", "kept/table2"] {
        // Owners and modes as the snapshot has them, whoever runs this.
        let path = root.join(name);
        set_mode(&path, if path.is_dir() { 0o755 } else { 0o644 });
    }
    set_mode(&root.join(OsStr::from_bytes(b"n\xff\x1b")), 0o644);
    pool
}

/// The output with this user's owner numbers as the snapshots have them.
fn owned(out: &str) -> String {
    use std::os::unix::fs::MetadataExt as _;
    let own = std::fs::metadata("/proc/self").unwrap();
    out.replace(&format!("owner {}:{}", own.uid(), own.gid()), "owner UID:GID")
}

#[test]
fn a_patch_tells_all_that_differs() {
    let pool = changed();
    snapshot("diff", &owned(&pool.ok(["diff"])));
    snapshot("diff_stat", &pool.ok(["diff", "--stat"]));
    snapshot("diff_name_status", &pool.ok(["diff", "--name-status"]));
    snapshot("status", &pool.ok(["status"]));
    snapshot("status_short", &pool.ok(["status", "--short"]));
}

#[test]
fn a_diff_of_commits_is_that_of_their_trees() {
    let pool = changed();
    let (patch, names) = (pool.ok(["diff"]), pool.ok(["diff", "--name-status"]));
    pool.ok(["commit", "-m", "two"]);
    assert_eq!(pool.ok(["diff"]), "");
    for words in [
        &["HEAD^", "HEAD"][..],
        &["HEAD^..HEAD"],
        &["HEAD^.."],
        &["HEAD^", "HEAD", "db"],
        &["db:HEAD^", "db:HEAD"],
    ] {
        assert_eq!(pool.ok([&["diff"], words].concat()), patch, "{words:?}");
    }
    // Against the working tree, which is the second commit.
    for words in [&["HEAD^"][..], &["HEAD^", "db"], &["db:HEAD^"]] {
        assert_eq!(pool.ok([&["diff", "--name-status"], words].concat()), names, "{words:?}");
    }
    assert_eq!(pool.ok(["diff", "db"]), "");
    let back = pool.ok(["diff", "--name-status", "HEAD", "HEAD^"]);
    assert_eq!(back.replace('A', "+").replace('D', "A").replace('+', "D"), names);
}

#[test]
fn git_applies_a_patch_of_text() {
    let pool = Pool::with_volume();
    let lines = |skip: usize| -> String {
        (0..200).filter(|n| n % 50 != skip).map(|n| format!("line {n}\n")).collect()
    };
    pool.write("db", "text", &lines(7));
    pool.ok(["commit", "-m", "one"]);
    let before = pool.root().join("../before");
    std::fs::create_dir(&before).unwrap();
    std::fs::copy(tree(&pool).join("text"), before.join("text")).unwrap();
    pool.write("db", "text", &lines(23).replace("line 99\n", "line 99, changed"));
    std::fs::write(before.join("p"), pool.ok(["diff"])).unwrap();
    let applied = Command::new("git").args(["apply", "p"]).current_dir(&before).output().unwrap();
    assert!(applied.status.success(), "{applied:?}");
    assert_eq!(std::fs::read(before.join("text")).unwrap(), std::fs::read(tree(&pool).join("text")).unwrap());
}

#[test]
fn the_exit_code_tells_a_difference_from_a_failure() {
    let pool = Pool::with_commits(&["one"]);
    assert_eq!(pool.run(["diff", "--exit-code"]).code, 0);
    pool.write("db", "state", "two");
    assert_eq!(pool.run(["diff"]).code, 0);
    for how in ["--name-status", "--stat", "--format=json"] {
        let said = pool.run(["diff", "--exit-code", how]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(!said.out.is_empty());
    }
    pool.fails(2, ["diff", "--exit-code", "nope"], "nope");
    pool.fails(1, ["diff", "nope"], "nope");
    pool.fails(2, ["diff", "HEAD", "HEAD~x"], "HEAD~x");
    pool.fails(2, ["diff", "--stat", "--name-status"], "cannot be used with");
}

#[test]
fn same_size_and_restored_times_are_seen() {
    let pool = Pool::with_commits(&["one"]);
    let file = tree(&pool).join("state");
    let before = std::fs::metadata(&file).unwrap().modified().unwrap();
    pool.write("db", "state", "uno");
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(before).unwrap();
    assert_eq!(pool.ok(["diff", "--name-status"]), "M\tstate\n");
    assert_eq!(pool.ok(["status", "-s"]), "M state\n");
}

#[test]
fn a_diff_may_cross_volumes() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["clone", "db:HEAD^", "copy"]);
    assert_eq!(pool.ok(["diff", "--name-status", "copy:HEAD", "HEAD"]), "M\tstate\n");
    assert_eq!(pool.ok(["diff", "--name-status", "-C", "db", "copy:HEAD"]), "M\tstate\n");
    assert_eq!(pool.ok(["diff", "--name-status", "copy:HEAD"]), "");
    assert_eq!(pool.ok(["diff", "--name-status", "copy:HEAD..db:HEAD^"]), "");
    pool.fails(1, ["diff", "none:HEAD"], "'none'");
}

#[test]
fn before_the_first_commit_all_is_new() {
    let pool = Pool::with_volume();
    assert_eq!(pool.ok(["diff"]), "");
    std::fs::create_dir(tree(&pool).join("dir")).unwrap();
    pool.write("db", "dir/f", "x");
    assert_eq!(pool.ok(["diff", "--name-status"]), "A\tdir\nA\tdir/f\n");
    assert_eq!(pool.ok(["status", "--short"]), "A dir/\n");
}

#[test]
fn json_has_both_sides() {
    let pool = Pool::with_commits(&["one", "two"]);
    let entry = &json_lines(&pool.ok(["diff", "HEAD^", "HEAD", "--format", "json"]))[0];
    assert_eq!(entry["kind"], "modified");
    assert_eq!((&entry["added"], &entry["deleted"]), (&1.into(), &1.into()));
    assert_eq!(entry["old"]["size"], 3);
    assert_eq!(entry["new"]["type"], "file");
    assert!(entry["patch"].as_str().unwrap().starts_with("@@ -1 +1 @@\n-one\n"), "{entry}");
}
