//! Repositories that lie: whatever is in one, a clone is right or is not there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Team;
use crate::harness::Pool;

pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

/// Clones into a new pool. What comes of it is the volume as it was pushed, or nothing.
pub(super) fn clone_is_right_or_not_there(team: &Team, what: &str) {
    let pool = Pool::elsewhere(9);
    let said = pool.run(["clone", &team.volume("db"), "--password-file", &team.password()]);
    if said.code == 0 {
        assert!(["one", "two"].contains(&pool.read("db", "state").as_str()), "{what}");
        assert_eq!(pool.ok(["fsck", "--deep"]).lines().next(), Some("1 volume: clean"), "{what}");
    } else {
        assert_eq!(said.code, 1, "{what}: {said:?}");
        assert!(said.err.contains("error: ") && !said.err.contains("panicked"), "{what}: {said:?}");
        assert_eq!(pool.ok(["list", "--format", "json"]), "", "{what}");
        assert!(!pool.root().join("db").exists() && pool.staging().is_empty(), "{what}");
    }
}

#[test]
fn a_clone_of_a_repository_with_any_damaged_file_is_right_or_not_there() {
    let team = Team::new();
    team.here.ok(["push", "-y", "-u", "origin", "master"]);
    let all = files(&team.repository());
    assert!(all.len() > 8, "{all:?}");
    for (number, file) in all.iter().enumerate() {
        let bytes = fs::read(file).unwrap();
        let mut flipped = bytes.clone();
        if let Some(byte) = flipped.get_mut(bytes.len() * 2 / 3) {
            *byte ^= 1;
        }
        // A file of the same kind that is in the wrong place, and one that ends early.
        let other = fs::read(&all[(number + 1) % all.len()]).unwrap();
        for (how, content) in
            [("flipped", flipped), ("another's", other), ("short", bytes[..bytes.len() / 2].to_vec())]
        {
            fs::write(file, content).unwrap();
            clone_is_right_or_not_there(&team, &format!("{how}: {}", file.display()));
        }
        fs::write(file, bytes).unwrap();
    }
    clone_is_right_or_not_there(&team, "all is well again");
}

/// Anybody with the password can write any snapshot: restic makes ones with the tags of dvol.
#[test]
fn snapshots_that_only_look_like_those_of_dvol_are_passed_over() {
    let team = Team::with_clone();
    let evil = team.here.dir().join("evil");
    fs::create_dir(&evil).unwrap();
    fs::write(evil.join("state"), "evil").unwrap();
    for (host, tag) in [("../../etc", "dvol,commit"), ("db", "dvol,heads/master"), ("db", "dvol,tags/../x")] {
        let run = Command::new("restic")
            .args(["--no-cache", "-q", "-r", &team.url(), "--password-file", &team.password()])
            .args(["backup", "--host", host, "--tag", tag])
            .arg(&evil)
            .output();
        match run {
            Ok(output) => assert!(output.status.success(), "{output:?}"),
            Err(error) if std::env::var_os("CI").is_none() => {
                eprintln!("skipped: restic cannot be run: {error}");
                return;
            }
            Err(error) => panic!("restic cannot be run: {error}"),
        }
    }
    assert_eq!(team.there.ok(["ls-remote"]).lines().count(), 2);
    team.there.ok(["fetch"]);
    assert_eq!(team.there.ok(["pull"]), "Already up to date.\n");
    let said = team.there.run(["remote", "fsck", "origin"]);
    let unread = "is of dvol and has no record that this dvol reads";
    assert!(said.code == 4 && said.out.matches(unread).count() == 3, "{said:?}");
    clone_is_right_or_not_there(&team, "beside snapshots of others");
}
