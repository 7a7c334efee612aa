//! `protect`: what no reset, forget, expiry or rm touches without --force.

use crate::harness::{Driver, Pool, json, json_lines};

fn protected(pool: &Pool) -> String {
    pool.ok(["protect"])
}

#[test]
fn a_protected_branch_is_reset_and_deleted_with_force_only() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["branch", "-C", "db", "side", "HEAD~1"]);
    assert_eq!(pool.ok(["protect", "db:master"]), "Branch db:master is protected now\n");
    assert_eq!(pool.ok(["protect", "db:master"]), "Branch db:master is protected already\n");
    assert_eq!(protected(&pool), "branch db:master\n");
    pool.write("db", "state", "draft");
    let refused = "cannot reset branch master of volume db: branch master is protected";
    for words in
        [&["reset", "--hard", "HEAD"][..], &["reset", "--hard", "HEAD~1"], &["ensure", "key", "--", "true"]]
    {
        let said = pool.fails(1, words, refused);
        assert!(said.contains("hint: end the protection: dvol unprotect db:master"), "{said}");
        assert!(said.contains("--force"), "{said}");
    }
    pool.fails(1, ["restore", "state"], "cannot restore files of branch master of volume db");
    pool.fails(1, ["checkout", "HEAD", "--", "state"], "is protected");
    pool.ok(["checkout", "-f", "side"]);
    pool.fails(1, ["checkout", "-B", "master", "side"], refused);
    pool.fails(1, ["branch", "-d", "master"], "cannot delete branch master of volume db");
    // Nothing of that was done, and what adds to a branch is not refused.
    pool.ok(["checkout", "-f", "master"]);
    assert_eq!(pool.read("db", "state"), "draft");
    pool.commit("three");
    // A rename takes the protection along, and force gets past it.
    pool.ok(["branch", "-m", "main"]);
    assert_eq!(protected(&pool), "branch db:main\n");
    pool.ok(["reset", "--hard", "--force", "HEAD~1"]);
    assert_eq!(pool.read("db", "state"), "two");
    pool.ok(["checkout", "side"]);
    pool.ok(["checkout", "-f", "-B", "main", "side"]);
    assert_eq!(protected(&pool), "branch db:main\n");
    pool.ok(["checkout", "side"]);
    pool.ok(["branch", "-D", "main"]);
    assert_eq!(protected(&pool), "");
    // It comes back with its protection.
    pool.ok(["undo", "db"]);
    assert_eq!(protected(&pool), "branch db:main\n");
}

#[test]
fn a_protected_volume_stays_with_all_that_is_in_it() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["tag", "-C", "db", "v1", "HEAD~1"]);
    pool.ok(["branch", "-C", "db", "side"]);
    assert_eq!(pool.ok(["protect", "db"]), "Volume db is protected now\n");
    for words in [
        &["reset", "--hard", "HEAD", "db"][..],
        &["branch", "-C", "db", "-d", "side"],
        &["tag", "-C", "db", "-d", "v1"],
        &["forget", "-C", "db", "side"],
        &["rm", "db"],
    ] {
        let said = pool.run(words);
        assert_eq!(said.code, 1, "{words:?}: {said:?}");
        assert!(
            said.err.contains("the whole volume is protected") || said.err.contains("the head of branch"),
            "{words:?}: {said:?}"
        );
    }
    // Neither does the engine get past it: `docker compose down -v`.
    let driver = Driver::start(&pool);
    let said = driver.call("VolumeDriver.Remove", &serde_json::json!({"Name": "db"})).to_string();
    assert!(said.contains("the whole volume is protected"), "{said}");
    assert!(said.contains("dvol unprotect db"), "{said}");
    drop(driver);
    pool.ok(["rename", "db", "data"]);
    assert_eq!(protected(&pool), "volume data\n");
    assert_eq!(pool.ok(["unprotect", "data"]), "Volume data is no longer protected\n");
    pool.ok(["undo", "data"]);
    assert_eq!(protected(&pool), "volume data\n");
    pool.ok(["rm", "--force", "data"]);
    assert_eq!(protected(&pool), "");
    pool.ok(["undo", "data"]);
    assert_eq!(protected(&pool), "volume data\n");
}

#[test]
fn a_volume_with_a_protected_branch_or_tag_is_not_deleted() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["tag", "-C", "db", "v1", "HEAD~1"]);
    pool.ok(["protect", "v1", "db"]);
    pool.fails(1, ["rm", "db"], "cannot delete volume db: tag v1 is protected");
    pool.fails(1, ["tag", "-C", "db", "-d", "v1"], "cannot delete tag v1 of volume db");
    pool.fails(1, ["tag", "-C", "db", "v1"], "tag v1 already exists");
    // A tag that is moved on purpose stays protected.
    pool.ok(["tag", "-C", "db", "-f", "v1"]);
    assert_eq!(protected(&pool), "tag    db:v1\n");
    pool.ok(["tag", "-C", "db", "-d", "-f", "v1"]);
    pool.ok(["rm", "-f", "db"]);
}

#[test]
fn commits_of_a_protected_branch_keep_their_data() {
    let pool = Pool::with_commits(&["one", "two", "three"]);
    let data = |pool: &Pool| {
        let log = json_lines(&pool.ok(["log", "db", "--format", "json"]));
        log.iter().filter(|commit| commit.get("forgotten").is_none_or(|gone| gone != true)).count()
    };
    pool.ok(["protect", "db:master"]);
    pool.fails(1, ["forget", "HEAD~1"], "branch master is protected");
    let done = json(&pool.ok(["forget", "--keep-last", "1", "db", "--format", "json"]));
    assert_eq!((&done["commits"], &done["kept"]), (&serde_json::json!([]), &serde_json::json!(3)));
    // Nor does expiry touch them.
    pool.ok(["config", "-C", "db", "commits.keep", "last=1"]);
    pool.commit("four");
    assert_eq!(data(&pool), 4);
    pool.ok(["forget", "--force", "HEAD~1"]);
    pool.ok(["unprotect", "db:master"]);
    pool.commit("five");
    let log = pool.ok(["forget", "--keep-last", "1", "db", "--format", "json"]);
    assert_eq!(json(&log)["kept"], 1, "{log}");
}

#[test]
fn scripts_see_what_is_protected() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["tag", "-C", "db", "v1"]);
    pool.ok(["init", "other"]);
    let done = json(&pool.ok(["protect", "v1", "db", "--format", "json"]));
    let wanted = serde_json::json!({
        "volume": "db", "kind": "tag", "name": "v1", "protected": true, "changed": true
    });
    assert_eq!(done, wanted);
    pool.ok(["protect", "--whole", "-C", "other"]);
    let list = json_lines(&pool.ok(["protect", "--format", "json"]));
    assert_eq!(list.len(), 2);
    assert_eq!(list[1], serde_json::json!({"volume": "other", "kind": "volume", "name": null}));
    assert_eq!(pool.ok(["protect", "-C", "db"]), "tag    db:v1\n");
    let tags = json_lines(&pool.ok(["tag", "-C", "db", "--format", "json"]));
    assert_eq!(tags[0]["protected"], true);
    let branches = json_lines(&pool.ok(["branch", "-C", "other", "--format", "json"]));
    assert_eq!(branches[0]["protected"], true);
    let volumes = json_lines(&pool.ok(["list", "--format", "json"]));
    assert_eq!((&volumes[0]["protected"], &volumes[1]["protected"]), (&false.into(), &true.into()));
    let shown = json(&pool.ok(["inspect", "db", "--format", "json"]));
    assert_eq!(shown["protected"], serde_json::json!(["db:v1"]));
    pool.fails(1, ["protect", "db:HEAD"], "names neither a branch nor a tag of volume db");
    pool.fails(1, ["protect", "db:v1~1"], "names neither a branch nor a tag of volume db");
    pool.fails(1, ["protect", "nosuch"], "'nosuch' names neither");
}

#[test]
fn fsck_rebuilds_protections_from_the_second_copy() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["protect", "db:master"]);
    std::fs::write(pool.root().join(".dvol/metadata.redb"), "gone").unwrap();
    pool.run(["fsck", "--repair", "--yes"]);
    assert_eq!(protected(&pool), "branch db:master\n");
    assert_eq!(pool.run(["fsck"]).code, 0);
}
