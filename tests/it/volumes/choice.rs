//! Which volume a command means that names none: `DVOL_VOLUME`, the compose file's, or the current
//! one.

use std::fs;

use crate::harness::{Pool, json_lines};

/// Makes a pool with the volumes `db`, `shop_db` and `other`; the last is current.
fn pool() -> Pool {
    let pool = Pool::empty();
    for name in ["db", "shop_db", "other"] {
        pool.ok(["init", name]);
    }
    pool
}

/// Runs `dvol status` in a directory of the pool, with `DVOL_VOLUME` set to `chosen`.
fn status(pool: &Pool, directory: &str, chosen: Option<&str>, words: &[&str]) -> (i32, String) {
    let directory = pool.dir().join(directory);
    fs::create_dir_all(&directory).unwrap();
    let mut command = pool.command(words);
    command.current_dir(directory);
    if let Some(chosen) = chosen {
        command.env("DVOL_VOLUME", chosen);
    }
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn the_surroundings_choose_the_volume_before_the_current_one() {
    let pool = pool();
    fs::create_dir(pool.dir().join("shop")).unwrap();
    let compose = pool.dir().join("shop/compose.yaml");
    fs::write(&compose, "volumes: {db: {driver: dvol}, cache: {driver: dvol}}\n").unwrap();
    let of = |directory, chosen, words: &[&str]| {
        let (code, said) = status(&pool, directory, chosen, words);
        assert_eq!(code, 0, "{said}");
        said.lines().next().unwrap().strip_prefix("On branch master of volume ").unwrap().to_owned()
    };
    let plain = &["status"][..];
    assert_eq!(of("", None, plain), "other");
    // The project has one volume of dvol's, as cache is not there.
    assert_eq!(of("shop", None, plain), "shop_db");
    assert_eq!(of("shop/deep", None, plain), "shop_db");
    assert_eq!(of("", Some("db"), plain), "db");
    assert_eq!(of("shop", Some("other"), plain), "other");
    // A name in full comes before a short one.
    assert_eq!(of("shop", Some("db"), plain), "db");
    pool.ok(["rm", "-f", "db"]);
    assert_eq!(of("shop", Some("db"), plain), "shop_db");
    // What is typed comes first.
    assert_eq!(of("shop", Some("db"), &["status", "other"]), "other");
    assert_eq!(of("shop", Some("db"), &["status", "-C", "other"]), "other");
    assert_eq!(of("", Some("gone"), &["status", "other"]), "other");
    for name in ["shop_db", "other"] {
        fs::write(pool.file(name, "file"), name).unwrap();
        pool.ok(["commit", "-m", "one", name]);
    }
    let (_, said) = status(&pool, "", Some("shop_db"), &["show", "HEAD:file"]);
    assert_eq!(said, "shop_db");

    // Two volumes of a project: none is meant.
    pool.ok(["init", "shop_cache"]);
    pool.ok(["switch", "other"]);
    assert_eq!(of("shop", None, plain), "other");

    let (code, said) = status(&pool, "", Some("gone"), plain);
    assert!(code == 1 && said.contains("Volume 'gone' does not exist"), "{said}");
    let (code, said) = status(&pool, "", Some("no/name"), plain);
    assert!(code == 2 && said.contains("'no/name' is not a valid volume name"), "{said}");
    let (code, said) = status(&pool, "", Some("gone"), &["log", "other"]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_command_says_which_volume_it_meant() {
    let pool = pool();
    let said = |chosen, words: &[&str]| status(&pool, "", chosen, words).1;
    let note = "note: volume other, the current one\n";
    for words in [&["commit", "-m", "one"][..], &["log"], &["branch"], &["diff"], &["du"], &["tag", "v1"]] {
        assert!(said(None, words).contains(note), "{words:?}");
    }
    assert!(said(Some("db"), &["branch"]).contains("note: volume db, from DVOL_VOLUME\n"));
    // It was typed, the output names it, or a program reads it.
    for words in [&["log", "other"][..], &["branch", "-C", "other"], &["status"], &["-q", "log"]] {
        assert!(!said(None, words).contains("note: volume"), "{words:?}");
    }
    assert!(!said(None, &["log", "--format", "json"]).contains("note: volume"));
    for name in ["db", "shop_db"] {
        pool.ok(["rm", "-f", name]);
    }
    assert!(!said(None, &["log"]).contains("note: volume"), "there is no other");
}

#[test]
fn switch_and_init_tell_that_another_volume_comes_first_here() {
    let pool = pool();
    let note = "note: here, commands that name no volume mean another one: DVOL_VOLUME names db";
    for words in [["switch", "shop_db"], ["init", "new"]] {
        let (_, said) = status(&pool, "", Some("db"), &words);
        assert!(said.contains(note), "{said}");
    }
    assert!(!status(&pool, "", Some("db"), &["switch", "db"]).1.contains("another one"));
}

#[test]
fn list_tells_head_age_and_size_and_puts_the_project_first() {
    let pool = pool();
    fs::write(pool.root().join("shop_db/running_point/file"), [b'x'; 3000]).unwrap();
    let id = pool.ok(["commit", "-m", "one", "shop_db"]);
    fs::create_dir(pool.dir().join("shop")).unwrap();
    fs::write(pool.dir().join("shop/compose.yaml"), "volumes: {db: {}}\n").unwrap();
    let (_, listed) = status(&pool, "shop", None, &["list"]);
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["VOLUME", "BRANCH", "HEAD", "AGE", "SIZE", "PROJECT", "CONTAINERS"]);
    assert_eq!(lines[1][..3], ["shop_db", "master", &id[..8]]);
    assert!(lines[1].ends_with(&["2.9", "KiB", "shop"]), "{listed}");
    assert_eq!([lines[2][0], lines[3][1]], ["db", "other"]);
    let json = json_lines(&pool.ok(["list", "--format", "json"]));
    let ours = json.iter().find(|line| line["volume"] == "shop_db").unwrap();
    assert_eq!(ours["size"], 3000);
    assert!(ours["date"].as_str().unwrap().contains('T'), "{ours}");
    // A clone and an import know it as well.
    pool.ok(["clone", "shop_db", "copy"]);
    let archive = pool.dir().join("archive.tar");
    pool.ok(["export", "shop_db", archive.to_str().unwrap()]);
    pool.ok(["import", archive.to_str().unwrap(), "taken"]);
    let json = json_lines(&pool.ok(["list", "--format", "json"]));
    for name in ["copy", "taken"] {
        assert_eq!(json.iter().find(|line| line["volume"] == name).unwrap()["size"], 3000, "{name}");
    }
}
