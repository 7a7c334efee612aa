//! A pool whose disk went read-only, as ext4 remounts a failing one.

use std::process::Command;

use serde_json::json;
use support::{LoopImage, eventually};

use crate::harness::{Driver, Pool};

#[test]
fn on_a_read_only_pool_every_verb_that_reads_works_and_the_driver_knows_its_volumes() {
    let Some(image) = LoopImage::new("ext4", &[], 64) else { return };
    // The driver's log and socket stay outside.
    let pool = Pool::empty();
    std::os::unix::fs::symlink(image.directory("pool"), pool.root()).unwrap();
    pool.ok(["init", "db"]);
    pool.write("db", "state", "one");
    pool.ok(["commit", "-m", "one"]);
    pool.ok(["init", "fresh"]);
    pool.write("fresh", "only", "copy");
    pool.fails(1, ["export", "fresh", "fresh.tar"], "no commit yet");
    pool.ok(["switch", "db"]);
    let driver = Driver::start(&pool);
    // Refused while the driver has a file open to write.
    let remount = |how: &str| {
        eventually("the file system is mounted anew", || {
            Command::new("mount").args(["-o", how]).arg(image.path()).status().unwrap().success()
        });
    };
    remount("remount,ro");
    for words in [
        &["log"][..],
        &["list"],
        &["status"],
        &["branch"],
        &["reflog"],
        &["diff"],
        &["du"],
        &["inspect"],
        &["export", "db", "/dev/null"],
        &["fsck"],
    ] {
        pool.ok(words);
    }
    // A volume without commits can be saved: none can be made any more.
    let said = pool.ok(["export", "fresh", "fresh.tar"]);
    assert!(said.starts_with("Exported the working tree of fresh: 2 entries"), "{said}");
    let saved = Pool::empty();
    saved.ok(["import", pool.dir().join("fresh.tar").to_str().unwrap(), "fresh"]);
    assert_eq!(saved.read("fresh", "only"), "copy");
    // One that starts now serves as well.
    driver.stop();
    let driver = Driver::start(&pool);
    let got = driver.call("VolumeDriver.Get", &json!({"Name": "db"}));
    let mount = driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "m1"}));
    let listed = driver.call("VolumeDriver.List", &json!({}));
    pool.fails(1, ["commit", "-m", "two"], "Read-only file system");
    remount("remount,rw");
    assert_eq!(got["Err"], "", "{got}");
    assert_eq!(listed["Volumes"][0]["Name"], "db", "{listed}");
    assert_ne!(mount["Err"], "", "{mount}");
    pool.ok(["commit", "-m", "two"]);
    driver.stop();
}
