//! A pool that cannot be read: the driver knows its volumes and refuses to mount them. An engine
//! that gets an error for Get makes a local volume of that name.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::{LoopImage, eventually};

use crate::harness::{Driver, Pool};

/// Checks that the driver knows `db` and nothing else, and refuses what needs the pool, with
/// `reason`.
#[track_caller]
fn knows_and_refuses(driver: &Driver, reason: &str) {
    let got = driver.call("VolumeDriver.Get", &json!({"Name": "db"}));
    assert_eq!((&got["Err"], &got["Volume"]["Name"]), (&json!(""), &json!("db")), "{got}");
    assert!(got["Volume"]["Mountpoint"].as_str().unwrap().ends_with("/db/running_point"), "{got}");
    let listed = driver.call("VolumeDriver.List", &json!({}));
    let names: Vec<&Value> =
        listed["Volumes"].as_array().unwrap().iter().map(|volume| &volume["Name"]).collect();
    assert_eq!(names, ["db"], "{listed}");
    for (call, body) in [
        ("Mount", json!({"Name": "db", "ID": "m"})),
        ("Path", json!({"Name": "db"})),
        ("Create", json!({"Name": "new"})),
        ("Remove", json!({"Name": "db"})),
    ] {
        let refused = driver.call(&format!("VolumeDriver.{call}"), &body);
        assert!(refused["Err"].as_str().unwrap().contains(reason), "{call}: {refused}");
    }
}

/// Starts a driver that has read the pool by now: one whose socket is there may be about to.
#[track_caller]
fn start(pool: &Pool) -> Driver {
    let driver = Driver::start(pool);
    driver.call("VolumeDriver.List", &json!({}));
    driver
}

#[track_caller]
fn mounts(driver: &Driver) {
    let mounted = driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "after"}));
    assert_eq!(mounted["Err"], "", "{mounted}");
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().all(|entry| entry.unwrap().file_name() == "lost+found")
}

#[test]
fn a_pool_whose_directory_is_gone_is_known_by_this_driver_and_by_the_next() {
    let pool = Pool::with_volume();
    let mut driver = start(&pool);
    let away = pool.dir().join("away");
    for bare in [false, true] {
        fs::rename(pool.root(), &away).unwrap();
        if bare {
            fs::create_dir(pool.root()).unwrap();
        }
        knows_and_refuses(&driver, "may not be mounted");
        // A container can end, and a name of another driver can be made.
        let unmounted = driver.call("VolumeDriver.Unmount", &json!({"Name": "db", "ID": "m"}));
        let unknown = driver.call("VolumeDriver.Get", &json!({"Name": "other"}));
        assert_eq!((unmounted["Err"].as_str(), unknown["Volume"].is_null()), (Some(""), true), "{unknown}");

        driver.stop();
        driver = Driver::start(&pool);
        knows_and_refuses(&driver, "may not be mounted");
        assert!(driver.log().contains("is missing"), "{}", driver.log());
        if bare {
            assert!(is_empty(&pool.root()), "something was made in the mount point");
            fs::remove_dir(pool.root()).unwrap();
        }
        assert!(!pool.root().exists());
        fs::rename(&away, pool.root()).unwrap();
        mounts(&driver);
    }
    // A volume that was removed meanwhile is not claimed afterwards.
    driver.call("VolumeDriver.Unmount", &json!({"Name": "db", "ID": "after"}));
    assert_eq!(driver.call("VolumeDriver.Remove", &json!({"Name": "db"}))["Err"], "");
    assert_eq!(driver.call("VolumeDriver.Create", &json!({"Name": "new"}))["Err"], "");
    driver.stop();
    fs::rename(pool.root(), &away).unwrap();
    let driver = Driver::start(&pool);
    assert!(driver.call("VolumeDriver.Get", &json!({"Name": "db"}))["Volume"].is_null());
    assert_eq!(driver.call("VolumeDriver.Get", &json!({"Name": "new"}))["Volume"]["Name"], "new");
}

#[test]
fn a_pool_whose_file_system_is_not_mounted_is_known_and_nothing_is_made_in_the_mount_point() {
    let Some(image) = LoopImage::new("ext4", &[], 64) else { return };
    let pool = Pool::empty();
    // The pool is the mount point itself.
    std::os::unix::fs::symlink(image.path(), pool.root()).unwrap();
    pool.ok(["init", "db"]);
    let driver = Driver::start(&pool);
    mounts(&driver);
    let run = |program: &str, words: &[&str]| {
        assert!(Command::new(program).args(words).arg(image.path()).status().unwrap().success());
    };
    run("umount", &[]);
    knows_and_refuses(&driver, "may not be mounted");
    driver.stop();
    let driver = Driver::start(&pool);
    knows_and_refuses(&driver, "may not be mounted");
    assert!(is_empty(&image.path()), "something was made in the mount point");
    run("mount", &["-o", "loop", image.path().with_file_name("image").to_str().unwrap()]);
    mounts(&driver);
    driver.stop();
}

#[test]
fn a_pool_with_damaged_metadata_is_known_whatever_is_left() {
    let pool = Pool::with_volume();
    let metadata = pool.root().join(".dvol/metadata.redb");
    let mut driver = start(&pool);
    let damages: [(&str, &dyn Fn()); 4] = [
        ("damaged", &|| fs::write(&metadata, "not a database").unwrap()),
        ("missing", &|| fs::remove_file(&metadata).unwrap()),
        ("cannot", &|| {
            fs::remove_file(&metadata).unwrap();
            fs::create_dir(&metadata).unwrap();
        }),
        // Of the volume itself nothing is left either.
        ("damaged", &|| {
            fs::write(&metadata, "not a database").unwrap();
            fs::rename(pool.root().join("db"), pool.dir().join("db")).unwrap();
        }),
    ];
    for (reason, damage) in damages {
        damage();
        knows_and_refuses(&driver, reason);
        driver.stop();
        driver = Driver::start(&pool);
        knows_and_refuses(&driver, reason);
        let _ = fs::remove_dir(&metadata);
        let _ = fs::rename(pool.dir().join("db"), pool.root().join("db"));
        pool.fails(1, ["fsck", "--repair", "--yes"], "");
        mounts(&driver);
    }
}

#[test]
fn a_driver_that_could_never_read_the_pool_claims_every_name_that_a_person_chose() {
    let pool = Pool::with_volume();
    let metadata = pool.root().join(".dvol/metadata.redb");
    fs::write(&metadata, "not a database").unwrap();
    fs::rename(pool.root().join("db"), pool.dir().join("db")).unwrap();
    let driver = Driver::start(&pool);
    assert_eq!(driver.call("VolumeDriver.Get", &json!({"Name": "db"}))["Volume"]["Name"], "db");
    let anonymous = driver.call("VolumeDriver.Get", &json!({"Name": "0a".repeat(32)}));
    assert!(anonymous["Volume"].is_null(), "{anonymous}");
}

#[test]
fn a_trouble_that_lasts_is_logged_once() {
    let pool = Pool::with_volume();
    let metadata = pool.root().join(".dvol/metadata.redb");
    let whole = fs::read(&metadata).unwrap();
    let driver = start(&pool);
    let count = |text: &str| driver.log().matches(text).count();
    // All at once: a file that is half written is another trouble, which is logged too.
    let put = |bytes: &[u8]| {
        let new = pool.dir().join("new");
        fs::write(&new, bytes).unwrap();
        fs::rename(new, &metadata).unwrap();
    };
    // It looks for wanted checksums less often than at the journal.
    for round in 1..=2 {
        put(b"not a database");
        eventually("the driver could take no checksums", || count("cannot compute the checksums") == round);
        assert_eq!(count("cannot read the journal now"), round, "{}", driver.log());
        put(&whole);
        eventually("the driver says that it can again", || {
            count("can read the journal again") == round
                && count("can compute the checksums of commits again") == round
        });
    }
}

#[test]
fn a_full_pool_is_served_by_this_driver_and_by_the_next() {
    let Some(image) = LoopImage::new("ext4", &[], 16) else { return };
    let pool = Pool::empty();
    std::os::unix::fs::symlink(image.directory("pool"), pool.root()).unwrap();
    pool.ok(["init", "db"]);
    let mut driver = start(&pool);
    let mut dd = Command::new("dd");
    dd.args(["if=/dev/zero", "bs=4096", "status=none"])
        .arg(format!("of={}", image.path().join("full").display()));
    assert!(String::from_utf8_lossy(&dd.output().unwrap().stderr).contains("No space left"));
    for _ in 0..2 {
        assert_eq!(driver.call("VolumeDriver.Get", &json!({"Name": "db"}))["Volume"]["Name"], "db");
        let listed = driver.call("VolumeDriver.List", &json!({}));
        assert_eq!(listed["Volumes"][0]["Name"], "db", "{listed}");
        let refused = driver.call("VolumeDriver.Create", &json!({"Name": "new"}));
        assert!(refused["Err"].as_str().unwrap().contains("space"), "{refused}");
        driver.kill();
        driver = Driver::start(&pool);
    }
}
