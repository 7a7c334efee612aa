//! Attributes that chattr sets, such as `+C` of btrfs: commits, resets and copies keep those that
//! the file system lets them keep, and say so of the others.

use std::fs;
use std::path::Path;
use std::process::Command;

use support::LoopImage;

use crate::harness::{Pool, Said};

/// A file system, the attributes that it keeps of directories and of files, and one that a copy
/// does not get.
const KINDS: [(&str, &str, &str, &str); 3] =
    [("ext4", "ADSTdstu", "ASdstu", ""), ("xfs", "ASd", "ASd", "P"), ("btrfs", "ACDSd", "ACSd", "")];

fn chattr(change: &str, path: &Path) {
    let output = Command::new("chattr").arg(change).arg(path).output().unwrap();
    assert!(output.status.success(), "{change}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Returns the attributes of an entry, without those that the file system sets itself.
fn attributes(path: &Path) -> String {
    let output = Command::new("lsattr").arg("-d").arg(path).output().unwrap();
    let said = Said::from(output).ok();
    let letters = said.split(' ').next().unwrap().chars();
    let mut letters: Vec<char> = letters.filter(|one| one.is_alphabetic() && !"eIN".contains(*one)).collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

/// A volume with all that a file system of this kind keeps, committed.
fn committed(image: &LoopImage, of_directory: &str, of_file: &str) -> Pool {
    let pool = Pool::inside(&image.path());
    pool.ok(["init", "db"]);
    fs::create_dir_all(pool.file("db", "dir/plain")).unwrap();
    for name in ["file", "dir/file", "empty", "plain"] {
        pool.write("db", name, "");
        if name != "plain" {
            chattr(&format!("+{of_file}"), &pool.file("db", name));
        }
        if name != "empty" {
            pool.write("db", name, &"text ".repeat(10_000));
        }
    }
    chattr(&format!("+{of_directory}"), &pool.file("db", "dir"));
    // Young entries are not taken for unchanged.
    std::thread::sleep(std::time::Duration::from_millis(60));
    pool.ok(["commit", "-m", "One"]);
    pool
}

/// Checks the attributes of every entry of the tree at `tree`.
#[track_caller]
fn holds(tree: &Path, of_directory: &str, of_file: &str) {
    for name in ["file", "dir/file", "empty"] {
        assert_eq!(attributes(&tree.join(name)), of_file, "{name}");
    }
    assert_eq!(attributes(&tree.join("dir")), of_directory);
    for name in ["plain", "dir/plain", ""] {
        assert_eq!(attributes(&tree.join(name)), "", "{name:?}");
    }
}

#[test]
fn every_verb_that_copies_a_tree_keeps_what_chattr_set() {
    for (kind, of_directory, of_file, _) in KINDS {
        let options: &[&str] = if kind == "ext4" { &["-q", "-F"] } else { &["-q"] };
        let Some(image) = LoopImage::new(kind, options, 400) else { return };
        let pool = committed(&image, of_directory, of_file);
        let tree = pool.file("db", "");
        let holds = |tree: &Path| holds(tree, of_directory, of_file);
        holds(&tree);
        holds(&pool.root().join("db/commits").join(&pool.ids("db")[0]));
        assert_eq!(pool.ok(["status", "--short"]), "", "{kind}");

        // Taken away where they were, and set where they were not.
        for name in ["file", "dir/file", "empty"] {
            chattr(&format!("-{}", of_file.replace('C', "")), &tree.join(name));
        }
        chattr(&format!("-{of_directory}"), &tree.join("dir"));
        chattr("+A", &tree.join("plain"));
        chattr("+A", &tree.join("dir/plain"));
        let status = pool.ok(["status", "--short"]);
        assert_eq!(status.lines().count(), 6, "{kind}: {status}");
        assert_eq!(pool.ok(["reset", "--hard", "HEAD"]).lines().count(), 1);
        holds(&tree);
        pool.ok(["undo"]);
        assert_eq!(attributes(&tree.join("dir")), "");
        assert_eq!(attributes(&tree.join("plain")), "A");
        pool.ok(["redo"]);
        holds(&tree);
        assert_eq!(pool.ok(["status", "--short"]), "", "{kind}");

        pool.ok(["clone", "db", "copy"]);
        holds(&pool.file("copy", ""));
        pool.ok(["checkout", "-b", "side"]);
        holds(&pool.file("db", ""));
        pool.ok(["checkout", "-B", "side", "HEAD"]);
        holds(&pool.file("db", ""));
        pool.ok(["rm", "-f", "copy"]);
        pool.ok(["undo", "copy"]);
        holds(&pool.file("copy", ""));
        pool.ok(["fsck", "--deep"]);
    }
}

#[test]
fn a_new_file_in_a_directory_without_copy_on_write_inherits_that_after_a_reset() {
    let Some(image) = LoopImage::new("btrfs", &["-q"], 400) else { return };
    let pool = Pool::inside(&image.path());
    pool.ok(["init", "db"]);
    let tree = pool.file("db", "");
    chattr("+C", &tree);
    pool.write("db", "old", "old");
    pool.ok(["commit", "-m", "One"]);
    chattr("-C", &tree);
    pool.write("db", "between", "copied on write");
    pool.ok(["reset", "--hard", "HEAD"]);
    pool.write("db", "new", "new");
    assert_eq!(["", "old", "new"].map(|name| attributes(&tree.join(name))), ["C", "C", "C"]);
    pool.ok(["undo"]);
    assert_eq!(["", "between"].map(|name| attributes(&tree.join(name))), ["", ""]);
}

#[test]
fn btrfs_keeps_whether_data_is_compressed() {
    let Some(image) = LoopImage::new("btrfs", &["-q"], 400) else { return };
    let pool = committed(&image, "c", "c");
    chattr("-c", &pool.file("db", "dir"));
    chattr("+m", &pool.file("db", "dir"));
    pool.ok(["commit", "-m", "Two"]);
    pool.ok(["reset", "--hard", "HEAD~1"]);
    holds(&pool.file("db", ""), "c", "c");
    pool.ok(["undo"]);
    assert_eq!(attributes(&pool.file("db", "dir")), "m");
}

/// Sets `A` and `j` on entries of the tree of `db`, while the file system is not mounted: to set
/// `j` takes a capability that even root does not have everywhere.
fn journal(image: &LoopImage, pool: &Pool, names: &[&str]) {
    let mounted = image.path();
    let tree = fs::canonicalize(pool.file("db", "")).unwrap();
    let disk = mounted.parent().unwrap().join("image");
    let run = |command: &mut Command| Said::from(command.output().unwrap()).ok();
    run(Command::new("umount").arg(&mounted));
    for name in names {
        let path = Path::new("/").join(tree.join(name).strip_prefix(&mounted).unwrap());
        // With `e`, which the file system itself has set.
        let change = format!("set_inode_field {} flags 0x84080", path.display());
        run(Command::new("debugfs").args(["-w", "-R", &change]).arg(&disk));
    }
    run(Command::new("mount").args(["-o", "loop"]).arg(&disk).arg(&mounted));
}

/// To set `j` takes a capability that an engine does not give to containers, nor to dvol in one.
#[test]
fn what_the_file_system_refuses_is_counted_and_told_once() {
    let Some(image) = LoopImage::new("ext4", &["-q", "-F"], 400) else { return };
    let pool = committed(&image, "A", "A");
    let all = ["file", "dir/file", "empty", "dir"];
    let run = |words: &[&str]| {
        let mut command = pool.command_of("setpriv");
        command.args(["--bounding-set=-sys_resource", "--inh-caps=-sys_resource"]);
        command.arg(support::dvol()).arg("--disable-docker-integration").args(words);
        let said = Said::from(command.output().unwrap());
        assert_eq!(said.code, 0, "{said:?}");
        said.err
    };
    journal(&image, &pool, &all);
    let refused =
        |files: &str| format!("warning: the file system refuses attributes of chattr on {files}: j\n");
    assert_eq!(run(&["commit", "-m", "Two"]), refused("4 files"));
    holds(&pool.root().join("db/commits").join(&pool.ids("db")[0]), "A", "A");
    assert_eq!(run(&["clone", "db", "copy"]), "");

    // The directory of the tree itself stays where it is, and its `j` cannot be taken away.
    journal(&image, &pool, &["dir"]);
    pool.write("db", "dir/file", "changed");
    let said = run(&["reset", "--hard", "HEAD", "db"]);
    assert_eq!(said, refused("1 file") + "hint: undo this: dvol undo db\n");
    assert_eq!(attributes(&pool.file("db", "dir/file")), "A");
    assert_eq!(attributes(&pool.file("db", "dir")), "Aj");
}

/// With `i` and `a` a commit could not be deleted; `P` and a project's id count for a quota of the
/// host. ext4 has `P` only where the kernel has quotas.
#[test]
fn a_copy_leaves_out_what_would_lock_it_or_belongs_to_the_host() {
    for (kind, .., left_out) in KINDS {
        let options: &[&str] = if kind == "ext4" { &["-q", "-F"] } else { &["-q"] };
        let Some(image) = LoopImage::new(kind, options, 400) else { return };
        let pool = committed(&image, "A", "A");
        let left_out = format!("ia{left_out}");
        chattr(&format!("+{left_out}"), &pool.file("db", "dir"));
        let said = pool.run(["commit", "-m", "Two"]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{kind}");
        holds(&pool.root().join("db/commits").join(&pool.ids("db")[0]), "A", "A");
        assert_eq!(pool.ok(["status", "--short"]), "");
        chattr(&format!("-{left_out}"), &pool.file("db", "dir"));
    }
}
