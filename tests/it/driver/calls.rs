//! The driver of the binary, spoken to over its socket as an engine does.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::{Value, json};

use crate::harness::plain::{Pool, json as parse, steps};

pub(crate) struct Driver {
    child: Child,
    socket: PathBuf,
}

impl Driver {
    pub(crate) fn start(pool: &Pool) -> Self {
        let socket = pool.path().join("../plugins/dvol.sock");
        let mut command = pool.command();
        command.args(["plugin", "--socket"]).arg(&socket).stderr(Stdio::null());
        let driver = Driver { child: command.spawn().unwrap(), socket };
        let start = Instant::now();
        while UnixStream::connect(&driver.socket).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "the driver does not serve");
            thread::sleep(Duration::from_millis(10));
        }
        driver
    }

    fn call(&self, name: &str, body: &Value) -> Value {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        let body = body.to_string();
        write!(
            stream,
            "POST /{name} HTTP/1.1\r\nHost: \r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        parse(answer.split_once("\r\n\r\n").unwrap().1.trim())
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        assert!(!self.socket.exists());
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_volumes_life_over_the_socket() {
    let pool = Pool::new();
    let driver = Driver::start(&pool);
    assert_eq!(driver.call("Plugin.Activate", &json!({}))["Implements"][0], "VolumeDriver");
    assert_eq!(fs::metadata(&driver.socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert_ne!(driver.call("VolumeDriver.Get", &json!({"Name": "db"}))["Err"], "");
    assert_eq!(driver.call("VolumeDriver.Create", &json!({"Name": "db", "Opts": null}))["Err"], "");
    assert_eq!(driver.call("VolumeDriver.Create", &json!({"Name": "db", "Opts": {}}))["Err"], "");
    let got = driver.call("VolumeDriver.Get", &json!({"Name": "db"}));
    assert_eq!(got["Volume"]["Mountpoint"], pool.path().join("db/running_point").to_str().unwrap());
    assert_eq!(got["Volume"]["Status"]["branch"], "master");
    let mounted = driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "a1"}));
    assert_eq!(mounted["Mountpoint"], pool.path().join("db/branches/master").to_str().unwrap());
    let path = driver.call("VolumeDriver.Path", &json!({"Name": "db"}));
    assert_eq!(path["Mountpoint"], mounted["Mountpoint"]);
    assert_eq!(driver.call("VolumeDriver.List", &json!({}))["Volumes"][0]["Name"], "db");
    for _ in 0..2 {
        assert_eq!(driver.call("VolumeDriver.Unmount", &json!({"Name": "db", "ID": "a1"}))["Err"], "");
    }
    assert_ne!(driver.call("VolumeDriver.Create", &json!({"Name": "../x"}))["Err"], "");
    // Neither Create nor Mount chooses the current volume.
    pool.run(&["status"]).fails(1, "no volume is chosen");
    assert_eq!(driver.call("VolumeDriver.Remove", &json!({"Name": "db"}))["Err"], "");
    assert_ne!(driver.call("VolumeDriver.Get", &json!({"Name": "db"}))["Err"], "");
    assert_eq!(fs::read_dir(pool.path().join(".dvol/trash")).unwrap().count(), 1);
    driver.stop();
}

#[test]
fn a_volume_is_made_from_anothers_commit_with_a_branch_of_that_name() {
    let pool = Pool::with_commit();
    let first = pool.read("db", "data");
    pool.write("db", "data", "two");
    pool.run(&["commit", "-m", "two"]).ok();
    let driver = Driver::start(&pool);
    let create = |name: &str, opts: Value| {
        let answer = driver.call("VolumeDriver.Create", &json!({"Name": name, "Opts": opts}));
        answer["Err"].as_str().unwrap().to_owned()
    };
    for _ in 0..2 {
        assert_eq!(create("worker", json!({"from": "db:HEAD~1", "branch": "tests/w1"})), "");
    }
    assert_eq!((pool.read("worker", "data"), pool.read("db", "data")), (first, "two".to_owned()));
    assert_eq!(
        driver.call("VolumeDriver.Get", &json!({"Name": "worker"}))["Volume"]["Status"]["branch"],
        "tests/w1"
    );
    assert_eq!(create("newest", json!({"from": "db"})), "");
    assert_eq!(pool.read("newest", "data"), "two");
    assert_eq!(create("named", json!({"branch": "main"})), "");
    // Made again with none is the same one; with others it would be another.
    assert_eq!(create("worker", json!(null)), "");
    let said = create("worker", json!({"from": "db"}));
    assert!(said.contains("branch=tests/w1, from=db:HEAD~1"), "{said}");

    for (opts, reason) in [
        (json!({"form": "db"}), "only from=VOLUME[:REVISION], branch=NAME and size=SIZE"),
        (json!({"size": "much"}), "'much' is not a value of volume.max-size"),
        (json!({"size": ""}), "such as 20G"),
        (json!({"from": "db", "size": "1K"}), "volume refused may take 1024"),
        (json!({"from": "nosuch"}), "'nosuch' does not exist"),
        (json!({"from": "db:HEAD~7"}), "past the root"),
        (json!({"from": "db:^"}), "from=db:^"),
        (json!({"from": "named"}), "no commit yet"),
        (json!({"branch": "../x"}), "not a valid branch name"),
    ] {
        let said = create("refused", opts.clone());
        assert!(said.contains(reason), "{opts}: {said}");
        assert!(!pool.path().join("refused").exists(), "{opts}");
    }
    assert!(pool.staging().is_empty());
}

#[test]
fn a_size_is_a_limit_to_what_is_committed() {
    let pool = Pool::new();
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
    pool.run(&["commit", "-C", "db", "-m", "large"]).fails(1, "may take 102400");
    // Whoever is over it can go on all the same.
    assert_eq!(driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "a1"}))["Err"], "");
    // A copy of it has no limit, nor has one that is made anew once it is gone.
    pool.run(&["config", "-C", "db", "volume.max-size", "1m"]).ok();
    pool.run(&["commit", "-C", "db", "-m", "large"]).ok();
    pool.run(&["clone", "db", "copy"]).ok();
    driver.call("VolumeDriver.Unmount", &json!({"Name": "db", "ID": "a1"}));
    assert_eq!(driver.call("VolumeDriver.Remove", &json!({"Name": "db"}))["Err"], "");
    pool.run(&["undo", "db"]).ok();
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
    let pool = Pool::new();
    let driver = Driver::start(&pool);
    let sizes = || {
        let du = pool.run(&["du", "db", "--format", "json"]).ok();
        let (mut tree, mut commits) = (json!({"logical": 0}), json!({"logical": 0}));
        for line in du.lines().map(parse) {
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
    pool.write("db", "data", "one");
    check(true);
    pool.run(&["commit", "-m", "one", "-C", "db"]).ok();
    check(false);
    pool.write("db", "data", "other");
    check(true);
    pool.run(&["commit", "-m", "two", "-C", "db"]).ok();
    pool.run(&["reset", "--hard", "HEAD~1", "-C", "db"]).ok();
    check(false);
    pool.run(&["undo", "db"]).ok();
    check(false);
    driver.stop();
}

#[test]
fn get_leaves_out_what_takes_long_to_tell() {
    let pool = Pool::with_commit();
    let big = fs::File::create(pool.file("db", "big")).unwrap();
    rustix::fs::fallocate(&big, rustix::fs::FallocateFlags::empty(), 0, 512 << 20).unwrap();
    pool.run(&["commit", "-m", "big"]).ok();
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
    let pool = Pool::new();
    let driver = Driver::start(&pool);
    let name = "ab".repeat(32);
    driver.call("VolumeDriver.Create", &json!({"Name": name}));
    assert_eq!(driver.call("VolumeDriver.Remove", &json!({"Name": name}))["Err"], "");
    assert_eq!(fs::read_dir(pool.path().join(".dvol/trash")).unwrap().count(), 0);
}

#[test]
fn a_volume_whose_metadata_is_damaged_is_still_there() {
    let pool = Pool::with_commit();
    let driver = Driver::start(&pool);
    let metadata = pool.path().join(".dvol/metadata.redb");
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
        assert_eq!(pool.run(&["fsck", "--repair"]).code, Some(1));
        assert_eq!(driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "x"}))["Err"], "");
    }
    driver.stop();
}

#[test]
fn the_driver_takes_the_checksums_of_commits() {
    let pool = Pool::with_commit();
    let driver = Driver::start(&pool);
    let sums = pool.path().join(".dvol/checksums").join(format!("db.{}", pool.ids("db")[0]));
    let start = Instant::now();
    while !sums.exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "no checksums");
        thread::sleep(Duration::from_millis(50));
    }
    driver.stop();
}

#[test]
fn mount_waits_while_the_gate_is_shut() {
    let pool = Pool::with_commit();
    let driver = Driver::start(&pool);
    driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "a0"}));
    let gate = fs::OpenOptions::new().write(true).open(pool.path().join(".dvol/locks/gate/db")).unwrap();
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
    let pool = Pool::with_commit();
    let mut driver = Driver::start(&pool);
    let second = pool.command().args(["plugin", "--socket"]).arg(&driver.socket).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let nowhere = pool.command().args(["plugin", "--socket", "/proc/self/dvol.sock"]).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&nowhere.stderr).contains("cannot make the socket /proc/self/dvol.sock: ")
    );
    driver.child.kill().unwrap();
    driver.child.wait().unwrap();
    assert!(driver.socket.exists());
    let again = Driver::start(&pool);
    assert_eq!(again.call("VolumeDriver.Get", &json!({"Name": "db"}))["Err"], "");
    again.stop();
}

#[test]
fn the_driver_finishes_what_a_killed_command_left() {
    let pool = Pool::with_commit();
    let _driver = Driver::start(&pool);
    let trace = pool.path().join("../trace");
    let probe = Pool::with_commit();
    probe.write("db", "data", "two");
    probe.command().env("DVOL_FAULT_TRACE", &trace).args(["reset", "--hard", "HEAD"]).status().unwrap();
    let points = fs::read_to_string(&trace).unwrap();
    let exchange = 2 + steps(&points).position(|point| point.ends_with(".exchange")).unwrap();
    pool.write("db", "data", "two");
    let mut reset = pool.command();
    let status =
        reset.env("DVOL_FAULT", format!("{exchange}:kill")).args(["reset", "--hard", "HEAD"]).status();
    assert_eq!(status.unwrap().signal(), Some(9));
    let start = Instant::now();
    while !pool.staging().is_empty() || pool.read("db", "data") != "two" {
        assert!(start.elapsed() < Duration::from_secs(60), "the driver did not undo the reset");
        thread::sleep(Duration::from_millis(50));
    }
}
