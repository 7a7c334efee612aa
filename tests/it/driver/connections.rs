//! Clients that hold connections open: the driver goes on answering others.

use std::os::unix::net::UnixStream;

use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;

use crate::harness::{Driver, Pool};

/// Makes a volume, mounts and removes it, each on a connection of its own.
#[track_caller]
fn works(driver: &Driver, name: &str) {
    for (call, body) in [
        ("Create", json!({"Name": name})),
        ("Get", json!({"Name": name})),
        ("Mount", json!({"Name": name, "ID": "m"})),
        ("Unmount", json!({"Name": name, "ID": "m"})),
        ("Remove", json!({"Name": name})),
    ] {
        let answer = driver.call(&format!("VolumeDriver.{call}"), &body);
        assert_eq!(answer["Err"], "", "{call}: {answer}");
    }
}

/// Lets this process open as many files as it may; returns how many.
fn raise_limit() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let files = limit.maximum.unwrap_or(u64::MAX);
    setrlimit(Resource::Nofile, limit).unwrap();
    files
}

#[test]
fn a_thousand_idle_connections_keep_no_request_out() {
    if raise_limit() < 2048 {
        support::skip("this user may not open 2048 files");
        return;
    }
    let pool = Pool::empty();
    // As a shell starts it: the driver raises the limit by itself.
    let driver = Driver::start_with_limit(&pool, 256, 2048);
    let idle: Vec<_> = (0..1000).map(|_| UnixStream::connect(driver.socket()).unwrap()).collect();
    works(&driver, "db");
    // All of them are still open.
    for mut stream in idle {
        let answer = Driver::ask(&mut stream, "Plugin.Activate", &json!({}));
        assert_eq!(answer["Implements"][0], "VolumeDriver");
    }
    driver.stop();
}

#[test]
fn more_connections_than_the_driver_may_have_cost_the_ones_idle_the_longest() {
    let pool = Pool::empty();
    let driver = Driver::start_with_limit(&pool, 96, 96);
    let mut engine = UnixStream::connect(driver.socket()).unwrap();
    let mut idle = Vec::new();
    for _ in 0..300 {
        let mut stream = UnixStream::connect(driver.socket()).unwrap();
        Driver::ask(&mut stream, "Plugin.Activate", &json!({}));
        idle.push(stream);
        // One that is in use stays, however old it is.
        if idle.len() % 10 == 0 {
            Driver::ask(&mut engine, "Plugin.Activate", &json!({}));
        }
    }
    works(&driver, "db");
    assert_eq!(Driver::ask(&mut engine, "VolumeDriver.List", &json!({}))["Err"], "");
    driver.stop();
}
