//! Worktrees behind the driver.

use serde_json::json;

use crate::harness::{Driver, Pool, json_lines};

#[test]
fn an_engine_gets_the_branch_of_each() {
    let pool = Pool::with_commits(&["one", "two"]);
    let driver = Driver::start(&pool);
    let options = json!({"worktree": "db", "branch": "side", "start": "HEAD~1", "expires": "7d"});
    let created = || driver.call("VolumeDriver.Create", &json!({"Name": "feat", "Opts": options}));
    assert_eq!(created(), json!({"Err": ""}));
    assert_eq!(created(), json!({"Err": ""}));
    let tree = |name: &str, branch: &str| pool.root().join(name).join("branches").join(branch);
    let mounted = driver.call("VolumeDriver.Mount", &json!({"Name": "feat", "ID": "m1"}));
    assert_eq!(mounted["Mountpoint"], tree("db", "side").to_str().unwrap());
    let path = driver.call("VolumeDriver.Path", &json!({"Name": "feat"}));
    assert_eq!(path["Mountpoint"], mounted["Mountpoint"]);
    let mounted = driver.call("VolumeDriver.Mount", &json!({"Name": "db", "ID": "m2"}));
    assert_eq!(mounted["Mountpoint"], tree("db", "master").to_str().unwrap());
    let got = driver.call("VolumeDriver.Get", &json!({"Name": "feat"}));
    assert_eq!(got["Volume"]["Status"]["branch"], "side");
    assert_eq!(got["Volume"]["Mountpoint"], pool.root().join("feat/running_point").to_str().unwrap());
    assert_eq!(pool.read("feat", "state"), "one");
    let entries = json_lines(&pool.ok(["worktree", "list", "--format", "json"]));
    let expires = entries[1]["expires"].as_str().unwrap();
    assert!(expires.contains('T') && entries[1]["expired"] == false, "{expires}");
    assert_eq!(entries[0]["expires"], json!(null));
    let list = driver.call("VolumeDriver.List", &json!({}));
    assert_eq!(list["Volumes"].as_array().unwrap().len(), 2);
    for id in ["m1", "m2"] {
        let name = if id == "m1" { "feat" } else { "db" };
        driver.call("VolumeDriver.Unmount", &json!({"Name": name, "ID": id}));
    }
    let removed = driver.call("VolumeDriver.Remove", &json!({"Name": "db"}));
    assert!(removed["Err"].as_str().unwrap().contains("it has the worktree feat"), "{removed}");
    assert_eq!(driver.call("VolumeDriver.Remove", &json!({"Name": "feat"})), json!({"Err": ""}));
    // One that an engine made expires as any other.
    let short = json!({"worktree": "db", "expires": "0m"});
    assert_eq!(
        driver.call("VolumeDriver.Create", &json!({"Name": "short", "Opts": short})),
        json!({"Err": ""})
    );
    assert_eq!(pool.ok(["branch", "--show-current", "short"]), "short\n");
    assert_eq!(pool.ok(["worktree", "prune"]), "Removed worktree short; branch db/short stays\n");
    // The branch is there, and an engine that makes the volume again gets it.
    assert_eq!(created(), json!({"Err": ""}));
    assert_eq!(pool.read("feat", "state"), "one");
    for (options, part) in [
        (json!({"worktree": "nosuch"}), "Volume 'nosuch' does not exist"),
        (json!({"worktree": "db", "branch": "side"}), "is checked out in worktree feat"),
        (json!({"worktree": "db", "from": "db"}), "a worktree shares the data of its volume"),
        (json!({"start": "HEAD"}), "only a worktree has it"),
        (json!({"worktree": "db", "expires": "soon"}), "give an age such as 7d"),
    ] {
        let answer = driver.call("VolumeDriver.Create", &json!({"Name": "other", "Opts": options}));
        assert!(answer["Err"].as_str().unwrap().contains(part), "{answer}");
    }
    pool.ok(["fsck"]);
}
