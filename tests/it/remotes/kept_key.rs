//! `remote add --keep-key`: the pool keeps what the password opens. And plain HTTP, which has to be
//! asked for.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::Team;
use crate::harness::json_lines;

#[test]
fn a_kept_key_opens_what_the_password_opened_and_is_its_owners_alone() {
    let team = Team::with_clone();
    let pool = &team.there;
    let said = pool.ok(["remote", "add", "--keep-key", "kept", &team.url()]);
    assert!(said.contains("whoever reads that file opens everything at"), "{said}");
    // Not there yet, and no person can be asked.
    pool.fails(1, ["ls-remote", "kept"], "no password for");
    pool.ok(["ls-remote", "kept", "--password-file", &team.password()]);
    let shown = json_lines(&pool.ok(["remote", "show", "kept", "--format", "json"]));
    let file = shown[0]["kept_key"].as_str().expect("it says where the key is").to_owned();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    let keys = std::path::Path::new(&file).parent().unwrap();
    assert_eq!(fs::metadata(keys).unwrap().permissions().mode() & 0o7777, 0o700);
    assert!(keys.starts_with(pool.root()), "{file}");

    assert_eq!(pool.ok(["ls-remote", "kept"]).lines().count(), 2, "no password is needed");
    pool.commit("three");
    pool.ok(["push", "kept", "master"]);
    team.here.ok(["pull"]);
    assert_eq!(team.here.read("db", "state"), "three");

    // Another repository took its place.
    fs::remove_dir_all(team.repository()).unwrap();
    team.here.ok(["push", "-y", "origin", "master"]);
    let said = pool.fails(1, ["fetch", "kept"], "the kept key is not its key");
    assert!(said.contains("--password-file"), "{said}");
    pool.ok(["fetch", "kept", "--password-file", &team.password()]);
    pool.ok(["fetch", "kept"]);
    pool.ok(["remote", "rm", "kept"]);
    assert!(!std::path::Path::new(&file).exists(), "a removed remote leaves its key");
}

#[test]
fn plain_http_to_another_machine_has_to_be_asked_for() {
    let team = Team::new();
    let url = "s3:http://192.0.2.1:9000/team/catalog";
    team.here.fails(2, ["remote", "add", "plain", url], "--insecure-http");
    team.here.ok(["remote", "add", "--insecure-http", "plain", url]);
    assert_eq!(team.here.ok(["remote", "get-url", "plain"]), format!("{url}\n"));
    team.here.fails(2, ["remote", "set-url", "origin", url], "--insecure-http");
    team.here.ok(["remote", "set-url", "--insecure-http", "origin", url]);
}
