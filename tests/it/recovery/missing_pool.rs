//! An empty directory that is the mount point of a pool: dvol makes no second pool in it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use support::{is_root, skip};

use crate::harness::{Driver, Pool, Said};

/// Runs dvol where `/etc/fstab` holds `line`, in a mount namespace of its own.
fn with_fstab(pool: &Pool, line: &str, words: &[&str]) -> Said {
    let table = pool.dir().join("fstab");
    fs::write(&table, format!("# a comment\n{line}\n")).unwrap();
    let script = "mount --bind \"$0\" /etc/fstab && exec \"$@\"";
    let dvol = pool.command(words);
    let mut command = pool.command_of("unshare");
    command.args(["--mount", "sh", "-c", script]).arg(table).arg(dvol.get_program()).args(dvol.get_args());
    command.output().unwrap().into()
}

fn is_bare(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
}

/// Whether this machine has a table of mounts, and lets a process have another.
fn can_have_tables() -> bool {
    let can = Path::new("/etc/fstab").exists()
        && is_root()
        && Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success());
    if !can {
        skip("needs root, /etc/fstab and mount namespaces");
    }
    can
}

#[test]
fn no_pool_is_made_in_a_mount_point_where_nothing_is_mounted() {
    if !can_have_tables() {
        return;
    }
    let pool = Pool::empty();
    let point = pool.dir().join("the disk");
    let escaped = point.to_str().unwrap().replace(' ', "\\040");
    let line = format!("/dev/disk/by-label/pools {escaped} ext4 defaults 0 2");
    // The pool is a link into the file system, or the mount point itself, or lies beneath it.
    fs::create_dir(&point).unwrap();
    std::os::unix::fs::symlink(point.join("pool"), pool.root()).unwrap();
    for bare in [true, false] {
        for words in [&["init", "db"][..], &["list"], &["config", "user.name", "x"]] {
            let said = with_fstab(&pool, &line, words);
            let error = said.fails(1, &format!("nothing is mounted at {}", point.display()));
            assert!(error.contains(&format!("mount it: mount {}", point.display())), "{error}");
        }
        with_fstab(&pool, &line, &["fsck", "--repair"]).fails(8, "nothing is mounted");
        let root = if bare { point.clone() } else { pool.root() };
        assert!(is_bare(&root), "something was made");
        if bare {
            fs::create_dir(point.join("pool")).unwrap();
        }
    }
    // A mount point elsewhere means nothing, nor does swap space.
    let elsewhere = format!("/dev/x {}/other ext4\n/dev/y none swap sw", pool.dir().display());
    with_fstab(&pool, &elsewhere, &["list"]).ok();
    with_fstab(&pool, &line, &["init", "--new-pool", "db"]).ok();
    // It is a pool from then on.
    with_fstab(&pool, &line, &["init", "other"]).ok();
    assert_eq!(with_fstab(&pool, &line, &["list", "--format", "json"]).ok().lines().count(), 2);
}

#[test]
fn no_pool_is_made_where_the_driver_remembers_one() {
    let pool = Pool::with_volume();
    let driver = Driver::start(&pool);
    driver.call("VolumeDriver.List", &json!({}));
    driver.stop();
    let away = pool.dir().join("away");
    fs::rename(pool.root(), &away).unwrap();
    fs::create_dir(pool.root()).unwrap();
    for words in [&["init", "db"][..], &["list"], &["status"], &["gc"]] {
        let said = pool.fails(1, words, "is missing; its file system may not be mounted");
        assert!(said.contains("dvol init --new-pool NAME"), "{said}");
    }
    pool.fails(8, ["fsck"], "is missing");
    assert!(is_bare(&pool.root()), "something was made");
    // What needs no pool works, and so does the pool when it is back.
    pool.ok(["help"]);
    fs::remove_dir(pool.root()).unwrap();
    fs::rename(&away, pool.root()).unwrap();
    pool.ok(["status", "db"]);
    // A pool that was deleted can be made again.
    fs::rename(pool.root(), &away).unwrap();
    pool.fails(1, ["init", "fresh"], "is missing");
    pool.ok(["init", "--new-pool", "fresh"]);
    let driver = Driver::start(&pool);
    assert_eq!(driver.call("VolumeDriver.Get", &json!({"Name": "fresh"}))["Volume"]["Name"], "fresh");
}
