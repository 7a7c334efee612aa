//! An image is mounted by whoever needs it, once, and nothing is written beneath it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use serde_json::json;
use support::{eventually, is_mounted};

use super::Imaged;
use crate::harness::{Driver, Said};

#[test]
fn a_pool_in_an_image_is_mounted_by_the_next_command_of_root() {
    let Some(pool) = Imaged::new("xfs") else { return };
    pool.ok(["init", "db"]);
    pool.commit("first");
    pool.ok(["pool", "unmount"]);
    assert!(!is_mounted(&pool.root()) && fs::read_dir(pool.root()).unwrap().next().is_none());
    // The kernel gives the image up with its last mount.
    pool.ok(["pool", "mount"]);
    pool.ok(["pool", "unmount"]);
    assert!(pool.ok(["log", "db"]).contains("first"));
    let image = &pool.info()["image"];
    assert_eq!((&image["is_mounted"], &image["discard"]), (&json!(true), &json!(true)), "{image}");
    assert_eq!(fs::metadata(pool.root()).unwrap().permissions().mode() & 0o7777, 0o710);
    pool.ok(["fsck"]);
}

#[test]
fn a_look_at_the_loop_device_does_not_stand_in_the_way_of_a_mount() {
    let Some(pool) = Imaged::new("xfs") else { return };
    let device = pool.info()["image"]["device"].as_str().unwrap().to_owned();
    // As losetup does with every device: the kernel gives the image up when the last one closes it.
    let look = fs::File::open(device).unwrap();
    pool.ok(["pool", "unmount"]);
    let mut child = pool.command(["pool", "mount"]).spawn().unwrap();
    let image = fs::canonicalize(pool.image()).unwrap();
    let files = format!("/proc/{}/fd", child.id());
    eventually("it has the image open, or gave up", || {
        let mut open = fs::read_dir(&files).into_iter().flatten().flatten();
        open.any(|file| fs::read_link(file.path()).is_ok_and(|file| file == image))
            || child.try_wait().unwrap().is_some()
    });
    drop(look);
    assert!(child.wait().unwrap().success() && is_mounted(&pool.root()));
}

#[test]
fn every_verb_of_other_users_names_an_image_that_is_not_mounted() {
    let Some(pool) = Imaged::new("xfs") else { return };
    pool.ok(["pool", "unmount"]);
    fs::set_permissions(pool.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    for words in [&["list"][..], &["init", "db"], &["status"], &["config", "user.name", "x"], &["gc"]] {
        let said = as_another_user(&pool, words).fails(1, "its image");
        assert!(said.contains("is not mounted") && said.contains("sudo dvol pool mount"), "{said}");
    }
    as_another_user(&pool, &["fsck"]).fails(8, "is not mounted");
    assert!(fs::read_dir(pool.root()).unwrap().next().is_none(), "something was made beneath");
    let doctor = pool.run(["doctor"]);
    assert!(doctor.out.contains("is not mounted") && doctor.code == 1, "{doctor:?}");
}

/// Runs dvol as another user, who cannot mount.
fn as_another_user(pool: &Imaged, words: &[&str]) -> Said {
    let dvol = pool.command(words);
    let mut command = pool.command_of("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    // The pool cannot be passed by others, and what lies beneath can.
    command.arg(dvol.get_program()).args(dvol.get_args());
    command.output().unwrap().into()
}

#[test]
fn an_image_that_is_mounted_elsewhere_is_not_mounted_again() {
    let Some(pool) = Imaged::new("xfs") else { return };
    pool.ok(["pool", "unmount"]);
    // By hand, without the lock of dvol.
    let other = pool.dir().join("other");
    fs::create_dir(&other).unwrap();
    let mount = Command::new("mount").args(["-o", "loop"]).arg(pool.image()).arg(&other).status();
    assert!(mount.unwrap().success());
    let said = pool.fails(1, ["list"], "it is in use at");
    assert!(said.contains(&format!("umount {}", other.display())), "{said}");
    pool.fails(1, ["pool", "mount"], "it is in use at");
    pool.fails(1, ["pool", "remove", "-f"], "it is in use");
    assert!(Command::new("umount").arg(&other).status().unwrap().success());
    // In another mount namespace, where this one does not look.
    let dvol = pool.command(["pool", "mount"]);
    let ready = pool.dir().join("ready");
    // It has copies of all mounts, and would keep the images of other tests from being given up.
    let script = "grep -E '/(pool|mounted) .* /dev/loop' /proc/self/mountinfo |
        while read -r _ _ _ _ at _; do umount --lazy \"$at\"; done
        \"$@\" >/dev/null && touch \"$0\" && exec sleep 1000";
    let mut hidden = pool.command_of("unshare");
    hidden.args(["--mount", "--propagation=private", "sh", "-c", script]).arg(&ready);
    hidden.arg(dvol.get_program()).args(dvol.get_args()).stderr(Stdio::null());
    let mut hidden = hidden.spawn().unwrap();
    eventually("it is mounted there", || ready.exists());
    pool.fails(1, ["list"], "it is in use");
    hidden.kill().unwrap();
    hidden.wait().unwrap();
    eventually("the kernel has unmounted it", || pool.run(["list"]).code == 0);
}

#[test]
fn the_driver_mounts_the_image_and_knows_its_volumes_where_it_cannot() {
    let Some(pool) = Imaged::new("xfs") else { return };
    pool.ok(["init", "db"]);
    pool.ok(["pool", "unmount"]);
    let driver = Driver::start(&pool);
    assert!(is_mounted(&pool.root()));
    assert_eq!(driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "m"}))["Err"], "");
    driver.call("VolumeDriver.Unmount", &json!({"Name": "db", "ID": "m"}));
    driver.stop();
    pool.ok(["pool", "unmount"]);

    let other = pool.dir().join("other");
    fs::create_dir(&other).unwrap();
    assert!(
        Command::new("mount").args(["-o", "loop"]).arg(pool.image()).arg(&other).status().unwrap().success()
    );
    let driver = Driver::start(&pool);
    assert_eq!(driver.call("VolumeDriver.Get", &json!({"Name": "db"}))["Volume"]["Name"], "db");
    assert_eq!(driver.call("VolumeDriver.List", &json!({}))["Volumes"][0]["Name"], "db");
    for (call, body) in [
        ("Mount", json!({"Name": "db", "ID": "m"})),
        ("Create", json!({"Name": "new"})),
        ("Remove", json!({"Name": "db"})),
        ("Path", json!({"Name": "db"})),
    ] {
        let answer = driver.call(&format!("VolumeDriver.{call}"), &body);
        assert!(answer["Err"].as_str().unwrap().contains("is not mounted"), "{call}: {answer}");
    }
    assert!(fs::read_dir(pool.root()).unwrap().next().is_none(), "something was made beneath");
    assert!(Command::new("umount").arg(&other).status().unwrap().success());
    // Whoever mounts it, the driver goes on.
    pool.ok(["pool", "mount"]);
    assert_eq!(driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "m"}))["Err"], "");
}

#[test]
fn a_directory_with_other_files_is_not_hidden_by_an_image() {
    let Some(pool) = Imaged::new("xfs") else { return };
    pool.ok(["pool", "unmount"]);
    fs::write(pool.root().join("precious"), "mine").unwrap();
    pool.fails(1, ["list"], "the directory is not empty");
    assert_eq!(fs::read_to_string(pool.root().join("precious")).unwrap(), "mine");
    fs::remove_file(pool.root().join("precious")).unwrap();
    pool.ok(["list"]);
}

#[test]
fn doctor_names_missing_shared_blocks_direct_io_and_discard_with_their_cure() {
    let Some((_host, pool)) = Imaged::on_ext4(500) else { return };
    pool.ok(["init", "db"]);
    let named = |found: &str, cure: &str| {
        let said = pool.run(["doctor"]).out;
        assert!(said.contains(found) && said.contains(cure), "{said}");
    };
    named("ext4, which shares no blocks", "dvol pool move image --size SIZE");
    pool.ok(["pool", "move", "image", "--size", "400M"]);
    named("direct I/O, discard", "XFS, which shares blocks");
    let device = pool.info()["image"]["device"].as_str().unwrap().to_owned();
    let run = |program: &str, words: &[&str]| {
        let said = Command::new(program).args(words).output().unwrap();
        assert!(said.status.success(), "{program} {words:?}: {said:?}");
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    };
    run("losetup", &["--direct-io=off", &device]);
    named("is mounted without direct I/O", "dvol pool unmount && dvol pool mount");
    pool.ok(["pool", "unmount"]);
    // As a person mounts it by hand.
    let (image, at) = (pool.image(), pool.root());
    let device = run("losetup", &["--find", "--show", "--direct-io=on", image.to_str().unwrap()]);
    run("mount", &["-o", "nouuid", &device, at.to_str().unwrap()]);
    named("is mounted without discard", "dvol pool unmount && dvol pool mount");
    run("umount", &[at.to_str().unwrap()]);
    run("losetup", &["--detach", &device]);
    pool.ok(["pool", "mount"]);
    named("direct I/O, discard", "");
}
