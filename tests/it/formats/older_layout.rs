//! Pools that an older tool made: per-branch JSON files instead of a database.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::harness::{Pool, json};

/// An id as the older tool had them.
fn id(n: u8) -> String {
    format!("{n:02x}").repeat(20)
}

fn write(pool: &Pool, path: &str, text: &str) {
    let path = pool.root().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// `[{"id": …, "message": …}, …]` of these numbers, and a tree for each.
fn list(pool: &Pool, volume: &str, branch: &str, commits: &[u8]) {
    for n in commits {
        write(pool, &format!("{volume}/commits/{}/file", id(*n)), &format!("content {n}"));
    }
    let entries: Vec<_> = commits
        .iter()
        .map(|n| serde_json::json!({"id": id(*n), "message": format!("message {n}")}))
        .collect();
    write(pool, &format!("{volume}/branches/{branch}.json"), &serde_json::to_string(&entries).unwrap());
    write(pool, &format!("{volume}/branches/{branch}/file"), "working");
}

/// A volume with the branches master (commits 1, 2) and dev (1, 2, 3), of which dev is current.
fn shop(pool: &Pool) {
    list(pool, "shop", "master", &[1, 2]);
    list(pool, "shop", "dev", &[1, 2, 3]);
    write(pool, "shop/current_branch.json", r#"{"current_branch": "dev"}"#);
    let absolute = Path::new("/var/lib/elsewhere/shop/branches/dev");
    symlink(absolute, pool.root().join("shop/running_point")).unwrap();
}

/// All names below a pool but its `.dvol`, with contents.
fn files(pool: &Pool) -> Vec<(String, String)> {
    let walk = walkdir::WalkDir::new(pool.root()).sort_by_file_name().into_iter().map(Result::unwrap);
    let walk = walk.filter(|entry| entry.file_type().is_file());
    let named = walk.map(|entry| {
        let name = entry.path().strip_prefix(pool.root()).unwrap().display().to_string();
        (name, String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned())
    });
    named.filter(|(name, _)| !name.starts_with(".dvol")).collect()
}

fn messages(pool: &Pool, words: &[&str]) -> Vec<String> {
    let log = pool.ok([&["log", "--format", "json"], words].concat());
    log.lines().map(|line| json(line)["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_pool_of_the_older_layout_is_taken_over_at_first_use_and_its_files_stay() {
    let pool = Pool::empty();
    shop(&pool);
    list(&pool, "empty", "master", &[]);
    write(&pool, "empty/current_branch.json", r#"{"current_branch": "master"}"#);
    write(&pool, "current_volume.json", r#"{"current_volume": "shop"}"#);
    write(&pool, "config.yml", "user:\n  name: Grace\n  email: grace@example.org\n");
    let before = files(&pool);

    let first = pool.run(["list", "--format", "json"]);
    assert!(
        first.err.contains("imported volume shop") && first.err.contains("imported volume empty"),
        "{}",
        first.err
    );
    let lines = first.ok();
    let shop: Vec<_> = lines.lines().map(json).filter(|line| line["volume"] == "shop").collect();
    assert_eq!(
        (shop[0]["branch"].as_str(), shop[0]["current"].as_bool()),
        (Some("dev"), Some(true)),
        "{lines}"
    );
    assert_eq!(shop[0]["head"], id(3).as_str());

    let second = pool.run(["list"]);
    assert!(second.err.is_empty(), "a second use says nothing: {}", second.err);
    second.ok();
    assert_eq!(messages(&pool, &[]), ["message 3", "message 2", "message 1"]);
    assert_eq!(messages(&pool, &["master", "shop"]), ["message 2", "message 1"]);
    let log = pool.ok(["log", "-1", "--format", "json"]);
    assert_eq!(json(log.trim())["author"]["name"], "Grace");
    assert_eq!(pool.ok(["config", "user.email"]).trim(), "grace@example.org");
    assert_eq!(fs::read_link(pool.root().join("shop/running_point")).unwrap(), Path::new("branches/dev"));
    assert_eq!(files(&pool), before, "nothing is moved or changed");
    pool.ok(["fsck"]);

    // From there on it is a pool as any other.
    pool.ok(["reset", "--hard", "HEAD~1"]);
    assert_eq!(pool.read("shop", "file"), "content 2");
    pool.ok(["checkout", "-f", "master"]);
    pool.ok(["commit", "-m", "new"]);
    pool.ok(["commit", "-m", "first", "empty"]);
    pool.ok(["undo", "empty"]);
    pool.ok(["fsck"]);
}

#[test]
fn current_volume_and_settings_may_lie_beside_the_pool() {
    let pool = Pool::empty();
    shop(&pool);
    write(&pool, "../current_volume.json", r#"{"current_volume": "shop"}"#);
    write(&pool, "../config.yml", "user.name: Grace\nnot.known: 3\n");
    let run = pool.run(["status"]);
    assert!(run.err.contains("not.known"), "{}", run.err);
    run.ok();
    assert_eq!(pool.ok(["config", "user.name"]).trim(), "Grace");
}

#[test]
fn what_nobody_can_bring_back_is_told_and_the_rest_is_taken_over() {
    let pool = Pool::empty();
    shop(&pool);
    fs::remove_dir_all(pool.root().join("shop/commits").join(id(2))).unwrap();
    fs::remove_dir_all(pool.root().join("shop/branches/master")).unwrap();
    fs::remove_file(pool.root().join("shop/running_point")).unwrap();
    write(&pool, "shop/current_branch.json", r#"{"current_branch": "gone"}"#);
    write(&pool, "current_volume.json", "{");
    write(&pool, "config.yml", "user: [");
    let run = pool.run(["list"]);
    for told in [
        &format!("ignored commit {} of shop/master: its tree is missing", id(2)),
        "branch 'gone' does not exist",
        "master is current now",
        "working tree of branch master of volume shop was missing",
        "no volume is current",
        "its settings are ignored",
    ] {
        assert!(run.err.contains(told), "{told:?} is not in {}", run.err);
    }
    run.ok();
    assert_eq!(messages(&pool, &["dev", "shop"]), ["message 3", "message 1"]);
    pool.ok(["reset", "--hard", "HEAD", "shop"]);
    assert_eq!(pool.read("shop", "file"), "content 1");
    pool.ok(["fsck"]);
}

#[test]
fn a_branch_without_a_list_or_with_an_empty_one_has_no_commits() {
    let pool = Pool::empty();
    shop(&pool);
    write(&pool, "shop/branches/bare/file", "x");
    write(&pool, "shop/branches/blank/file", "x");
    write(&pool, "shop/branches/blank.json", "");
    let branches = pool.ok(["branch", "-C", "shop", "--format", "json"]);
    let heads: Vec<_> = branches.lines().map(json).map(|line| line["head"].is_null()).collect();
    assert_eq!(heads, [true, true, false, false], "{branches}");
}

#[test]
fn an_id_on_several_branches_is_one_commit_and_lists_that_disagree_are_told() {
    let pool = Pool::empty();
    shop(&pool);
    list(&pool, "shop", "odd", &[3, 1, 1]);
    let run = pool.run(["list"]);
    assert!(run.err.contains("has another parent on another branch"), "{}", run.err);
    assert!(run.err.contains(&format!("commit {} is listed twice", id(1))), "{}", run.err);
    run.ok();
    let all = pool.ok(["log", "--all", "shop", "--format", "json"]);
    assert_eq!(all.lines().count(), 3, "{all}");
    pool.ok(["fsck"]);
}

#[test]
fn what_can_be_mended_is_not_taken_over_by_half_and_can_be_had_later() {
    let pool = Pool::empty();
    shop(&pool);
    list(&pool, "torn", "master", &[4]);
    write(&pool, "torn/branches/master.json", r#"[{"id": "#);
    list(&pool, "short", "master", &[5]);
    write(&pool, "short/branches/master.json", r#"[{"id": "abc", "message": "x"}]"#);
    list(&pool, "odd name", "master", &[6]);
    list(&pool, "branchy", "odd branch", &[7]);
    let before = files(&pool);
    let run = pool.run(["list"]);
    for told in [
        "volume torn of the older layout",
        "'abc' is not an id",
        "'odd name' is not a valid volume name",
        "rename branches/odd branch",
        "dvol import --older-layout",
    ] {
        assert!(run.err.contains(told), "{told:?} is not in {}", run.err);
    }
    assert!(run.out.contains("shop") && !run.out.contains("torn"), "{}", run.out);
    run.ok();
    assert_eq!(files(&pool), before);
    pool.fails(1, ["log", "torn"], "torn");

    list(&pool, "torn", "master", &[4]);
    fs::rename(pool.root().join("odd name"), pool.root().join("even_name")).unwrap();
    let again = pool.run(["import", "--older-layout"]);
    assert!(
        again.err.contains("imported volume torn") && again.err.contains("imported volume even_name"),
        "{}",
        again.err
    );
    assert!(
        again.err.contains("volume short of the older layout") && !again.err.contains("volume shop "),
        "{}",
        again.err
    );
    again.ok();
    assert_eq!(messages(&pool, &["torn"]), ["message 4"]);
    let third = pool.run(["import", "--older-layout"]);
    assert!(third.err.contains("no more volumes"), "{}", third.err);
}

#[test]
fn the_takeover_is_whole_or_not_there_wherever_it_is_killed() {
    let mut reached = 0;
    for point in 1..200 {
        let pool = Pool::empty();
        shop(&pool);
        list(&pool, "other", "master", &[8]);
        let killed = pool.command(["list"]).env("DVOL_FAULT", format!("{point}:kill")).output().unwrap();
        let again = pool.run(["list"]);
        let listed = again.ok();
        assert!(listed.contains("shop") && listed.contains("other"), "killed at {point}: {listed}");
        assert_eq!(messages(&pool, &["dev", "shop"]).len(), 3, "killed at {point}");
        // The second copy of the metadata is made last, and may have to be made anew.
        let fsck = pool.run(["fsck", "--repair", "--yes"]);
        assert!(matches!(fsck.code, 0 | 1), "killed at {point}: {} {}", fsck.out, fsck.err);
        pool.ok(["fsck"]);
        if killed.status.code().is_some() {
            break;
        }
        reached = point;
    }
    assert!(reached > 10, "killed at {reached} points only");
}

#[test]
fn two_that_come_at_once_take_over_once() {
    let pool = Pool::empty();
    shop(&pool);
    let start = || {
        pool.command(["list"])
            .stderr(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let both: Vec<_> = (0..4).map(|_| start()).collect();
    let mut took = 0;
    for child in both {
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{err}");
        took += usize::from(err.contains("imported volume shop"));
    }
    assert_eq!(took, 1);
    pool.ok(["fsck"]);
}

#[test]
fn what_was_taken_over_once_is_not_read_again_when_metadata_is_lost() {
    let pool = Pool::empty();
    shop(&pool);
    pool.ok(["commit", "-m", "new", "shop"]);
    for name in ["metadata.redb", "records.log"] {
        fs::remove_file(pool.root().join(".dvol").join(name)).unwrap();
    }
    pool.fails(1, ["log", "shop"], "fsck --repair");
}

#[test]
fn fsck_leaves_alone_what_was_not_taken_over() {
    let pool = Pool::empty();
    shop(&pool);
    list(&pool, "torn", "master", &[4]);
    write(&pool, "torn/branches/master.json", "[");
    let fsck = pool.run(["fsck", "--repair", "--yes"]);
    assert!(fsck.out.contains("import --older-layout"), "{}", fsck.out);
    assert!(pool.root().join("torn/branches/master/file").exists());
}
