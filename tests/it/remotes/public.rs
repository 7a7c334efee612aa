//! A public remote: everybody knows its password, so that whoever can read its files can read its
//! volumes, and needs to write nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{is_root, skip};

use super::Team;
use crate::harness::{Pool, Said, json_lines};

/// Runs dvol where nothing can be written to the repository, in a mount namespace of its own.
fn read_only(pool: &Pool, repository: &str, words: &[&str]) -> Said {
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && exec \"$@\"";
    let dvol = pool.command(words);
    let mut command = pool.command_of("unshare");
    command.args(["--mount", "sh", "-c", script, repository]).arg(dvol.get_program()).args(dvol.get_args());
    command.output().unwrap().into()
}

fn can_mount() -> bool {
    let can = is_root()
        && Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success());
    if !can {
        skip("needs root and mount namespaces");
    }
    can
}

/// A team with a public repository, which the first of them knows as `samples`.
fn published() -> Team {
    let team = Team::without_repository();
    let said = team.here.ok(["remote", "add", "--public", "samples", &team.url()]);
    assert!(said.contains("whoever can read its files can read its volumes"), "{said}");
    team.here.fails(1, ["push", "samples", "master"], "personal data too, for all who can read its files");
    team.here.ok(["push", "-y", "samples", "master"]);
    team.there.ok(["remote", "rm", "origin"]);
    team
}

#[test]
fn what_is_public_is_cloned_without_a_password() {
    let team = published();
    let shown = json_lines(&team.here.ok(["remote", "show", "samples", "--format", "json"]));
    assert_eq!(shown[0]["password"], "public");
    let shown = team.here.ok(["remote", "show", "samples"]);
    assert!(shown.contains("Password: public, which everybody knows\n"), "{shown}");
    let there = &team.there;
    there.fails(1, ["clone", &team.volume("db")], "or --public if it is a public one");
    assert!(there.ok(["ls-remote", "--public", &team.url()]).contains("master"));
    there.ok(["clone", "--public", &team.volume("db")]);
    assert_eq!(there.read("db", "state"), "two");
    // The clone's remote keeps that it is public.
    team.here.commit("three");
    team.here.ok(["push", "samples", "master"]);
    there.ok(["pull", "-C", "db"]);
    assert_eq!(there.read("db", "state"), "three");
}

#[test]
fn a_public_remote_that_can_only_be_read_is_listed_cloned_and_pulled_from() {
    if !can_mount() {
        return;
    }
    let team = published();
    let (there, url) = (&team.there, team.url());
    let ok = |words: &[&str]| {
        let said = read_only(there, &url, words);
        assert_eq!(said.code, 0, "{words:?}: {said:?}");
        said.out
    };
    assert!(ok(&["ls-remote", "--public", &url]).contains("master"));
    ok(&["clone", "--public", &team.volume("db")]);
    team.here.commit("three");
    team.here.ok(["push", "samples", "master"]);
    ok(&["fetch", "-C", "db"]);
    ok(&["pull", "-C", "db"]);
    assert_eq!(there.read("db", "state"), "three");
    there.ok(["switch", "db"]);
    there.commit("four");
    let said = read_only(there, &url, &["push"]);
    assert!(said.code == 1 && said.err.contains("Read-only file system"), "{said:?}");
}

#[test]
fn the_public_password_is_no_secret_and_not_another_one() {
    let team = published();
    let words = ["ls-remote", "--public", &team.url()];
    for other in [["--password-file", &team.password()], ["--password-command", "echo public"]] {
        team.there.fails(2, [&words[..], &other[..]].concat(), "cannot be used with");
    }
    // restic opens it with the word that the help names.
    let file = Path::new(&team.password()).with_file_name("public");
    fs::write(&file, "public\n").unwrap();
    let file = file.to_str().unwrap();
    let listed = Command::new("restic")
        .args(["--no-cache", "--no-lock", "-r", &team.url(), "--password-file", file, "snapshots"])
        .output();
    match listed {
        Ok(listed) => assert!(String::from_utf8_lossy(&listed.stdout).contains("dvol,heads/master")),
        Err(error) => skip(&format!("restic cannot be run: {error}")),
    }
    // A repository with another password is not opened by it.
    fs::remove_dir_all(team.repository()).unwrap();
    team.here.ok(["push", "-y", "origin", "master"]);
    team.there.fails(1, words, "password");
}
