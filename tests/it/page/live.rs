//! What open pages hear of: changes by whatever program, and commands of the page.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;

use super::open;
use crate::harness::{Driver, Pool};
use serde_json::json;

/// Waits for an event of this name.
#[track_caller]
fn hears(events: &mut BufReader<TcpStream>, name: &str) {
    let mut line = String::new();
    while !line.contains(&format!("event: {name}")) {
        line.clear();
        assert!(events.read_line(&mut line).unwrap() > 0, "the events ended before {name}");
    }
}

/// Reads what is said until a moment after the last change has been told.
fn settle(page: &support::page::Page) {
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(page.get("/").status, 200);
}

#[test]
fn a_change_by_a_command_the_driver_or_the_page_is_told() {
    let pool = Pool::with_commits(&["one"]);
    let page = open(&pool);
    let mut events = page.events();
    settle(&page);
    let mut events_after = page.events();
    pool.commit("two");
    hears(&mut events, "changed");
    hears(&mut events_after, "changed");
    let driver = Driver::start(&pool);
    settle(&page);
    let mut events = page.events();
    driver.call("VolumeDriver.Create", &json!({ "Name": "made", "Opts": {} }));
    hears(&mut events, "changed");
    assert!(page.get("/").body.contains("/v/made"));
    settle(&page);
    let mut events = page.events();
    page.act("commit", "volume=db&message=three");
    hears(&mut events, "job");
    hears(&mut events, "changed");
}

#[test]
fn reading_pages_tells_no_change() {
    let pool = Pool::with_commits(&["one"]);
    let page = open(&pool);
    settle(&page);
    let mut events = page.events();
    for path in ["/", "/v/db", "/v/db/status", "/operations", "/pool", "/pool/doctor"] {
        assert_eq!(page.get(path).status, 200);
    }
    pool.ok(["log", "db"]);
    pool.ok(["list"]);
    // The next event is that of a command that fails: had a page read changed anything, its event
    // would come first.
    std::thread::sleep(std::time::Duration::from_millis(300));
    page.act("reset", "volume=db&revision=nothing");
    let mut line = String::new();
    while !line.starts_with("event: ") {
        line.clear();
        assert!(events.read_line(&mut line).unwrap() > 0);
    }
    assert_eq!(line.trim(), "event: job");
}

#[test]
fn the_events_end_when_the_server_does() {
    let pool = Pool::with_commits(&["one"]);
    let mut page = open(&pool);
    let mut events = page.events();
    page.end();
    hears(&mut events, "stopping");
}
