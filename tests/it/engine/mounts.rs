//! What the driver has on record of mounts is brought in line with what the engine says.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::fake_engine::{Container, Containers, Engine, Status};
use crate::harness::{Pool, json};

struct Driver<'p> {
    pool: &'p Pool,
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

impl<'p> Driver<'p> {
    /// A driver that asks the engine at `engine`. Its clock stands a minute later than that of the one before.
    fn start(pool: &'p Pool, engine: &Path) -> Self {
        let (socket, log) = (pool.dir().join("driver.sock"), pool.dir().join("driver.log"));
        let mut command = pool.command_with(engine, ["plugin", "--socket"]);
        command
            .arg(&socket)
            .env("DVOL_LOG", "debug")
            .stderr(File::create(&log).unwrap())
            .stdout(Stdio::null());
        let driver = Driver { pool, child: command.spawn().unwrap(), socket, log };
        driver.eventually("it serves", || UnixStream::connect(&driver.socket).is_ok());
        driver
    }

    fn call(&self, name: &str, body: &str) {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        let length = body.len();
        let head =
            format!("POST /{name} HTTP/1.1\r\nHost: \r\nConnection: close\r\nContent-Length: {length}");
        write!(stream, "{head}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("200 OK") && !answer.contains("dvol driver"), "{answer}");
    }

    fn mount(&self, volume: &str, id: &str) {
        self.call("VolumeDriver.Mount", &format!(r#"{{"Name":"{volume}","ID":"{id}"}}"#));
    }

    fn unmount(&self, volume: &str, id: &str) {
        self.call("VolumeDriver.Unmount", &format!(r#"{{"Name":"{volume}","ID":"{id}"}}"#));
    }

    /// The mounts on record of the whole pool.
    fn mounts(&self) -> BTreeSet<String> {
        let records = json(&self.pool.ok(["export", "--metadata"])).into_iter();
        let bindings = records.filter(|record| record["record"] == "binding");
        let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        bindings.map(|binding| format!("{} {}", word(&binding["volume"]), word(&binding["id"]))).collect()
    }

    fn has(&self, mounts: &[&str]) {
        let wanted: BTreeSet<String> = mounts.iter().map(ToString::to_string).collect();
        let mut now = BTreeSet::new();
        self.eventually(&format!("{wanted:?}"), || {
            now = self.mounts();
            now == wanted
        });
    }

    #[track_caller]
    fn eventually(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_so() {
            let log = || std::fs::read_to_string(&self.log).unwrap_or_default();
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "not {what}, but {:?}: {}",
                self.mounts(),
                log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Driver<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn containers(list: &[(&str, &'static str, Status)]) -> Containers {
    let one = |(name, volume, status): &(&str, &'static str, Status)| {
        ((*name).to_owned(), Container { volume, status: *status, auto_remove: false })
    };
    list.iter().map(one).collect()
}

/// The id that a mount gets which the engine did not tell of, here of the container "web".
fn seen(volume: &str) -> String {
    format!("{volume} seen:{:0<64}", "776562")
}

#[test]
fn what_a_driver_missed_is_made_good_when_it_starts_and_when_its_engine_does() {
    let pool = Pool::with_volume();
    pool.ok(["init", "cache"]);
    pool.ok(["init", "files"]);
    let engine = Engine::new();
    let running = |volume| ("web", volume, Status::Running);
    engine.set(&containers(&[running("db")]));
    let driver = Driver::start(&pool, &engine.socket());
    driver.has(&[&seen("db")]);
    // The engine mounts again, so that nothing need be made up any more.
    driver.mount("db", "d1");
    driver.has(&["db d1"]);
    driver.mount("cache", "c1");
    driver.kill();

    // It was not there when these ended, or when another began.
    engine.set(&containers(&[running("db files"), ("old", "cache", Status::Stopped)]));
    let driver = Driver::start(&pool, &engine.socket());
    driver.has(&["db d1", &seen("files")]);

    // What is young may be of a container that is not listed as running yet.
    driver.mount("cache", "c2");
    engine.set(&containers(&[running("db")]));
    driver.call("Plugin.Activate", "");
    driver.has(&["db d1", "cache c2"]);
    driver.unmount("cache", "c2");

    // An engine that was killed told of no end: of more mounts than containers the oldest are gone.
    driver.kill();
    let driver = Driver::start(&pool, &engine.socket());
    driver.mount("db", "d2");
    driver.has(&["db d2"]);
    driver.unmount("db", "d2");
    driver.call("Plugin.Activate", "");
    driver.has(&[&seen("db")]);
    // Nobody will tell the end of that one, so it is looked for.
    engine.set(&containers(&[]));
    driver.has(&[]);
}

#[test]
fn an_engine_that_does_not_answer_changes_nothing() {
    let pool = Pool::with_volume();
    let engine = Engine::new();
    engine.set(&containers(&[("web", "db", Status::Running)]));
    let driver = Driver::start(&pool, &engine.socket());
    driver.mount("db", "d1");
    driver.has(&["db d1"]);
    driver.kill();
    let nowhere = pool.dir().join("engine.sock");
    let driver = Driver::start(&pool, &nowhere);
    let has_tried =
        || std::fs::read_to_string(&driver.log).unwrap().matches("cannot be brought in line").count() > 1;
    driver.eventually("it has asked", has_tried);
    driver.has(&["db d1"]);
    // It comes up, and has no container any more.
    let late = Engine::new();
    std::fs::hard_link(late.socket(), &nowhere).unwrap();
    driver.has(&[]);
}

#[test]
fn fsck_records_the_mounts_of_containers_that_run_without_one() {
    let (pool, engine) = (Pool::with_commits(&["one"]), Engine::new());
    let container = |status| Container { volume: "db", status, auto_remove: false };
    let both =
        [("runs".to_owned(), container(Status::Paused)), ("ended".to_owned(), container(Status::Stopped))];
    engine.set(&Containers::from(both));
    let fsck = |words: &[&str]| {
        let output = pool.command_with(&engine.socket(), words).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, found) = fsck(&["fsck"]);
    assert_eq!(code, 4, "{found}");
    assert!(
        found.contains("runs") && found.contains("no mount is on record") && !found.contains("ended"),
        "{found}"
    );
    assert_eq!(fsck(&["fsck", "--repair", "--yes"]).0, 1);
    assert_eq!(fsck(&["fsck"]).0, 0);
    let records = json(&pool.ok(["export", "--metadata"]));
    let mounts = records.iter().filter(|record| record["record"] == "binding");
    assert!(mounts.map(|mount| mount["id"].as_str().unwrap()).all(|id| id.starts_with("seen:")));
    engine.set(&Containers::from([("ended".to_owned(), container(Status::Stopped))]));
    pool.ok(["fsck"]);
}
