//! The driver of the binary, spoken to over its socket as an engine does.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::{Value, json};

use support::{eventually, steps};

use crate::harness::{Driver, Pool, json_lines};

#[test]
fn a_volume_lives_its_life_over_the_socket() {
    let pool = Pool::empty();
    let driver = Driver::start(&pool);
    assert_eq!(driver.call("Plugin.Activate", &json!({}))["Implements"][0], "VolumeDriver");
    assert_eq!(fs::metadata(driver.socket()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_ne!(driver.call("VolumeDriver.Get", &json!({"Name": "db"}))["Err"], "");
    assert_eq!(driver.call("VolumeDriver.Create", &json!({"Name": "db", "Opts": null}))["Err"], "");
    assert_eq!(driver.call("VolumeDriver.Create", &json!({"Name": "db", "Opts": {}}))["Err"], "");
    let got = driver.call("VolumeDriver.Get", &json!({"Name": "db"}));
    assert_eq!(got["Volume"]["Mountpoint"], pool.root().join("db/running_point").to_str().unwrap());
    assert_eq!(got["Volume"]["Status"]["branch"], "master");
    let mounted = driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "a1"}));
    assert_eq!(mounted["Mountpoint"], pool.root().join("db/branches/master").to_str().unwrap());
    let path = driver.call("VolumeDriver.Path", &json!({"Name": "db"}));
    assert_eq!(path["Mountpoint"], mounted["Mountpoint"]);
    assert_eq!(driver.call("VolumeDriver.List", &json!({}))["Volumes"][0]["Name"], "db");
    for _ in 0..2 {
        assert_eq!(driver.call("VolumeDriver.Unmount", &json!({"Name": "db", "ID": "a1"}))["Err"], "");
    }
    assert_ne!(driver.call("VolumeDriver.Create", &json!({"Name": "../x"}))["Err"], "");
    // Neither Create nor Mount chooses the current volume.
    pool.fails(1, ["status"], "no volume is chosen");
    assert_eq!(driver.call("VolumeDriver.Remove", &json!({"Name": "db"}))["Err"], "");
    assert_ne!(driver.call("VolumeDriver.Get", &json!({"Name": "db"}))["Err"], "");
    assert_eq!(fs::read_dir(pool.root().join(".dvol/trash")).unwrap().count(), 1);
    driver.stop();
}

#[test]
fn a_volume_is_made_from_anothers_commit_with_a_branch_of_that_name() {
    let pool = Pool::with_commits(&["one"]);
    let first = pool.read("db", "state");
    pool.write("db", "state", "two");
    pool.ok(["commit", "-m", "two"]);
    let driver = Driver::start(&pool);
    let create = |name: &str, opts: Value| {
        let answer = driver.call("VolumeDriver.Create", &json!({"Name": name, "Opts": opts}));
        answer["Err"].as_str().unwrap().to_owned()
    };
    for _ in 0..2 {
        assert_eq!(create("worker", json!({"from": "db:HEAD~1", "branch": "tests/w1"})), "");
    }
    assert_eq!((pool.read("worker", "state"), pool.read("db", "state")), (first, "two".to_owned()));
    assert_eq!(
        driver.call("VolumeDriver.Get", &json!({"Name": "worker"}))["Volume"]["Status"]["branch"],
        "tests/w1"
    );
    assert_eq!(create("newest", json!({"from": "db"})), "");
    assert_eq!(pool.read("newest", "state"), "two");
    assert_eq!(create("named", json!({"branch": "main"})), "");
    // Made again with none is the same one; with others it would be another.
    assert_eq!(create("worker", json!(null)), "");
    let said = create("worker", json!({"from": "db"}));
    assert!(said.contains("branch=tests/w1, from=db:HEAD~1"), "{said}");

    for (opts, reason) in [
        (json!({"form": "db"}), "only from=[REMOTE/]VOLUME[:REVISION], branch=NAME, size=SIZE"),
        (json!({"size": "much"}), "invalid value 'much' for volume.max-size"),
        (json!({"size": ""}), "such as 20G"),
        (json!({"from": "db", "size": "1K"}), "volume refused may take 1.0 KiB"),
        (json!({"from": "nosuch"}), "'nosuch' does not exist"),
        (json!({"from": "db:HEAD~7"}), "past the root"),
        (json!({"from": "db:^"}), "from=db:^"),
        (json!({"from": "named"}), "no commit yet"),
        (json!({"branch": "../x"}), "not a valid branch name"),
    ] {
        let said = create("refused", opts.clone());
        assert!(said.contains(reason), "{opts}: {said}");
        assert!(!pool.root().join("refused").exists(), "{opts}");
    }
    assert!(pool.staging().is_empty());
}

#[test]
fn a_size_is_a_limit_to_what_is_committed() {
    let pool = Pool::empty();
    let driver = Driver::start(&pool);
    let create = || driver.call("VolumeDriver.Create", &json!({"Name": "db", "Opts": {"size": "100kb"}}));
    assert_eq!(create()["Err"], "");
    // As a compose file that is brought up again asks.
    assert_eq!(create()["Err"], "");
    pool.write("db", "large", &"x".repeat(200 << 10));
    let start = Instant::now();
    let limit = loop {
        let limit =
            driver.call("VolumeDriver.Get", &json!({"Name": "db"}))["Volume"]["Status"]["limit"].take();
        assert_eq!(limit["max_size"], 102_400);
        if limit["allocated"].is_u64() {
            break limit;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{limit}");
        thread::sleep(Duration::from_millis(100));
    };
    assert!(limit["allocated"].as_u64() > Some(200 << 10), "{limit}");
    pool.fails(1, ["commit", "-C", "db", "-m", "large"], "may take 100.0 KiB");
    // Whoever is over it can go on all the same.
    assert_eq!(driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "a1"}))["Err"], "");
    // A copy of it has no limit, nor has one that is made anew once it is gone.
    pool.ok(["config", "-C", "db", "volume.max-size", "1m"]);
    pool.ok(["commit", "-C", "db", "-m", "large"]);
    pool.ok(["clone", "db", "copy"]);
    driver.call("VolumeDriver.Unmount", &json!({"Name": "db", "ID": "a1"}));
    assert_eq!(driver.call("VolumeDriver.Remove", &json!({"Name": "db"}))["Err"], "");
    pool.ok(["undo", "db"]);
    for (volume, limit) in [("db", json!(1 << 20)), ("copy", json!(null))] {
        let status = driver.call("VolumeDriver.Get", &json!({"Name": volume}))["Volume"]["Status"].take();
        assert_eq!(status["limit"]["max_size"], limit, "{volume}: {status}");
    }
}

/// What Get says of `db` beside its branch and head.
fn looked_at(driver: &Driver) -> (Value, Value) {
    let status = driver.call("VolumeDriver.Get", &json!({"Name": "db"}))["Volume"]["Status"].take();
    assert_eq!(status["branch"], "master", "{status}");
    (status["dirty"].clone(), status["sizes"].clone())
}

#[test]
fn get_says_whether_there_are_changes_and_how_big_the_trees_are() {
    let pool = Pool::empty();
    let driver = Driver::start(&pool);
    let sizes = || {
        let du = pool.ok(["du", "db", "--format", "json"]);
        let (mut tree, mut commits) = (json!({"logical": 0}), json!({"logical": 0}));
        for line in json_lines(&du) {
            let of = match line["kind"].as_str() {
                Some("branch") => &mut tree,
                Some("commit") => &mut commits,
                _ => continue,
            };
            of["logical"] = json!(of["logical"].as_u64().unwrap() + line["logical"].as_u64().unwrap());
        }
        json!({"working_tree": tree, "commits": commits})
    };
    let check = |dirty: bool| {
        let start = Instant::now();
        // On a machine that is busy even this may take too long now and then.
        let (told, mut told_sizes) = loop {
            let (told, sizes) = looked_at(&driver);
            if !told.is_null() && sizes.as_object().is_some_and(|sizes| sizes.len() == 2) {
                break (told, sizes);
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{told} {sizes}");
            thread::sleep(Duration::from_millis(100));
        };
        assert_eq!(told, dirty);
        for of in ["working_tree", "commits"] {
            // Told where no blocks are shared; what was not written out yet has none.
            told_sizes[of].as_object_mut().unwrap().remove("unshared");
        }
        assert_eq!(told_sizes, sizes());
    };
    driver.call("VolumeDriver.Create", &json!({"Name": "db"}));
    check(false);
    pool.write("db", "state", "one");
    check(true);
    pool.ok(["commit", "-m", "one", "-C", "db"]);
    check(false);
    pool.write("db", "state", "other");
    check(true);
    pool.ok(["commit", "-m", "two", "-C", "db"]);
    pool.ok(["reset", "--hard", "HEAD~1", "-C", "db"]);
    check(false);
    pool.ok(["undo", "db"]);
    check(false);
    driver.stop();
}

#[test]
fn get_leaves_out_what_takes_long_to_tell() {
    let pool = Pool::with_commits(&["one"]);
    let big = fs::File::create(pool.file("db", "big")).unwrap();
    rustix::fs::fallocate(&big, rustix::fs::FallocateFlags::empty(), 0, 512 << 20).unwrap();
    pool.ok(["commit", "-m", "big"]);
    let driver = Driver::start(&pool);
    // Only all its bytes could tell that it is as it was.
    big.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(looked_at(&driver), (json!(null), json!(null)));
    // Told so again at once, without another look.
    assert_eq!(looked_at(&driver), (json!(null), json!(null)));
    driver.stop();
}

#[test]
fn an_anonymous_volume_without_a_commit_leaves_nothing() {
    let pool = Pool::empty();
    let driver = Driver::start(&pool);
    let name = "ab".repeat(32);
    driver.call("VolumeDriver.Create", &json!({"Name": name}));
    assert_eq!(driver.call("VolumeDriver.Remove", &json!({"Name": name}))["Err"], "");
    assert_eq!(fs::read_dir(pool.root().join(".dvol/trash")).unwrap().count(), 0);
}

#[test]
fn a_volume_whose_metadata_is_damaged_is_still_there() {
    let pool = Pool::with_commits(&["one"]);
    let driver = Driver::start(&pool);
    let metadata = pool.root().join(".dvol/metadata.redb");
    for damage in
        [&|| fs::write(&metadata, "nothing of ours").unwrap(), &|| fs::remove_file(&metadata).unwrap()]
            as [&dyn Fn(); 2]
    {
        damage();
        let answer = driver.call("VolumeDriver.Get", &json!({"Name": "db"}));
        assert_eq!(answer["Err"], "", "an engine would make a local volume");
        assert!(answer["Volume"]["Mountpoint"].as_str().unwrap().ends_with("db/running_point"));
        assert_eq!(driver.call("VolumeDriver.List", &json!({}))["Volumes"].as_array().unwrap().len(), 1);
        let mount = driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "x"}));
        assert!(mount["Err"].as_str().unwrap().contains("dvol fsck --repair"), "{mount}");
        assert_eq!(pool.run(["fsck", "--repair"]).code, 1);
        assert_eq!(driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "x"}))["Err"], "");
    }
    driver.stop();
}

#[test]
fn the_driver_takes_the_checksums_of_commits() {
    let pool = Pool::with_commits(&["one"]);
    let driver = Driver::start(&pool);
    let sums = pool.root().join(".dvol/checksums").join(format!("db.{}", pool.ids("db")[0]));
    eventually("the commit has checksums", || sums.exists());
    driver.stop();
}

#[test]
fn mount_waits_while_the_gate_is_shut() {
    let pool = Pool::with_commits(&["one"]);
    let driver = Driver::start(&pool);
    driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "a0"}));
    let gate = fs::OpenOptions::new().write(true).open(pool.root().join(".dvol/locks/gate/db")).unwrap();
    fs2::FileExt::lock_exclusive(&gate).unwrap();
    thread::scope(|scope| {
        let mount = scope.spawn(|| driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "a1"})));
        thread::sleep(Duration::from_millis(300));
        assert!(!mount.is_finished());
        // Get waits for no operation, and has no time for a look while something is mounted.
        assert_eq!(driver.call("VolumeDriver.Get", &json!({"Name": "db"}))["Err"], "");
        assert_eq!(looked_at(&driver), (json!(null), json!(null)));
        drop(gate);
        assert_eq!(mount.join().unwrap()["Err"], "");
    });
}

#[test]
fn a_killed_drivers_socket_is_replaced_and_a_live_ones_is_not() {
    let pool = Pool::with_commits(&["one"]);
    let driver = Driver::start(&pool);
    let second = pool.command(["plugin", "--socket"]).arg(driver.socket()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let nowhere = pool.command(["plugin", "--socket", "/proc/self/dvol.sock"]).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&nowhere.stderr).contains("cannot create the socket /proc/self/dvol.sock: ")
    );
    let socket = driver.socket().to_owned();
    driver.kill();
    assert!(socket.exists());
    let again = Driver::start(&pool);
    assert_eq!(again.call("VolumeDriver.Get", &json!({"Name": "db"}))["Err"], "");
    again.stop();
}

#[test]
fn the_driver_finishes_what_a_killed_command_left() {
    let pool = Pool::with_commits(&["one"]);
    let _driver = Driver::start(&pool);
    let trace = pool.dir().join("trace");
    let probe = Pool::with_commits(&["one"]);
    probe.write("db", "state", "two");
    probe.command(["reset", "--hard", "HEAD"]).env("DVOL_FAULT_TRACE", &trace).status().unwrap();
    let exchange = 2 + steps(&trace).iter().position(|point| point.ends_with(".exchange")).unwrap();
    pool.write("db", "state", "two");
    let mut reset = pool.command(["reset", "--hard", "HEAD"]);
    let status = reset.env("DVOL_FAULT", format!("{exchange}:kill")).status();
    assert_eq!(status.unwrap().signal(), Some(9));
    eventually("the driver undoes the reset", || {
        pool.staging().is_empty() && pool.read("db", "state") == "two"
    });
}
