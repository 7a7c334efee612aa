//! Deleting what nothing needs in a repository, and finding what is wrong with one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Team;
use crate::harness::{json, json_lines};

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes all files in a folder of the repository as old as this.
pub(super) fn age(team: &Team, folder: &str, age: Duration) {
    for file in files(&team.repository().join(folder)) {
        fs::File::options().write(true).open(file).unwrap().set_modified(SystemTime::now() - age).unwrap();
    }
}

/// Makes what dead processes left to hold others up as old as a day, so that it does not.
pub(super) fn let_pass(team: &Team) {
    ["locks", "dvol/announce"].iter().for_each(|folder| age(team, folder, DAY));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn snapshots(team: &Team) -> usize {
    files(&team.repository().join("snapshots")).len()
}

#[test]
fn what_a_push_gave_up_goes_after_a_month_and_what_branches_need_stays() {
    let team = Team::with_clone();
    let pool = &team.here;
    pool.write("db", "large", &"given up ".repeat(50_000));
    pool.commit("three");
    pool.ok(["push"]);
    let gone = pool.ids("db")[0].clone();
    pool.ok(["reset", "--hard", "HEAD~1"]);
    pool.commit("other");
    pool.ok(["push", "--force"]);
    assert_eq!(snapshots(&team), 7, "four commits, three moves");
    let swept = json(&pool.ok(["remote", "gc", "origin", "--format", "json"]));
    assert_eq!((swept["commits"].as_array().unwrap().len(), &swept["moves"]), (0, &0.into()), "{swept}");
    age(&team, "snapshots", 15 * DAY);
    let swept = json(&pool.ok(["remote", "gc", "origin", "--format", "json"]));
    assert_eq!(swept["commits"].as_array().unwrap().len(), 0, "a move of 15 days leads to it: {swept}");
    age(&team, "snapshots", 31 * DAY);
    let told = pool.ok(["remote", "gc", "-n", "origin"]);
    assert!(told.contains(&format!("Would delete commit {} of db", &gone[..8])), "{told}");
    assert_eq!(snapshots(&team), 7);
    let told = pool.ok(["remote", "gc", "origin"]);
    assert!(told.contains("Deleted 2 old moves of branches and tags"), "{told}");
    assert!(told.contains("; a run a day later deletes it"), "{told}");
    assert_eq!(snapshots(&team), 4, "three commits and the move of the branch");
    assert!(pool.ok(["remote", "gc", "origin"]).starts_with("Nothing to delete\n"));
    assert_eq!(pool.ok(["remote", "fsck", "--deep", "origin"]), "1 volume: clean\n");
    team.there.ok(["fetch"]);
    team.there.ok(["reset", "--hard", "HEAD"]);
    team.there.ok(["clone", &team.volume("db"), "again"]);
    assert_eq!(team.there.read("again", "state"), "other");
    // Who still has the commit can push it again.
    pool.ok(["undo"]);
    assert_eq!(pool.ok(["fsck"]), "1 volume: clean\n");
}

#[test]
fn a_repository_in_use_is_left_alone_until_its_user_is_dead_for_half_an_hour() {
    let team = Team::with_clone();
    team.here.commit("three");
    // Until one dies while it holds its lock.
    for step in (1..).step_by(3) {
        let fault = format!("{step}:kill");
        let killed = team.here.command(["push"]).env("DVOL_FAULT", fault).output().unwrap();
        assert_eq!(killed.status.code(), None, "no push died with its lock");
        if !files(&team.repository().join("locks")).is_empty() {
            break;
        }
    }
    let said = team.here.run(["remote", "gc", "origin", "--lock-timeout", "0"]);
    assert!(said.code == 3 && said.err.contains("has locked it since"), "{said:?}");
    team.there.ok(["fetch"]);
    age(&team, "locks", Duration::from_secs(31 * 60));
    team.here.ok(["remote", "gc", "origin"]);
    assert_eq!(files(&team.repository().join("locks")).len(), 0);
}

#[test]
fn whatever_is_missing_or_damaged_in_a_repository_is_found() {
    let team = Team::with_clone();
    let pool = &team.here;
    let copy = team.repository().with_extension("copy");
    let check = |deep: bool| {
        let words: &[&str] =
            if deep { &["remote", "fsck", "--deep", "origin"] } else { &["remote", "fsck", "origin"] };
        pool.run([words, &["--format", "json"]].concat())
    };
    let restore = || {
        fs::remove_dir_all(team.repository()).unwrap();
        assert!(
            std::process::Command::new("cp")
                .arg("-a")
                .args([&copy, &team.repository()])
                .status()
                .unwrap()
                .success()
        );
    };
    assert!(
        std::process::Command::new("cp")
            .arg("-a")
            .args([&team.repository(), &copy])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(check(true).code, 0);
    for folder in ["snapshots", "index", "data"] {
        for file in files(&team.repository().join(folder)) {
            let what = format!("{folder}: {}", file.display());
            let bytes = fs::read(&file).unwrap();
            let mut flipped = bytes.clone();
            flipped[bytes.len() / 2] ^= 1;
            fs::write(&file, flipped).unwrap();
            // What was read before is in the cache, and is right.
            fs::remove_dir_all(pool.root().join(".dvol/remotes/cache")).ok();
            let said = check(true);
            assert_eq!(said.code, 4, "a flipped bit in {what}: {said:?}");
            restore();
            fs::remove_file(&file).unwrap();
            let said = check(false);
            let is_move = folder == "snapshots" && said.code == 0;
            // Without its only move a branch is not there, and no record says that it was.
            assert!(said.code == 4 || is_move, "without {what}: {said:?}");
            restore();
        }
    }
    assert_eq!(check(true).code, 0);
}

#[test]
fn pushes_that_crossed_are_a_warning_that_says_how_to_choose() {
    let team = Team::with_clone();
    let before = team.repository().with_extension("before");
    let copy = |from: &Path, to: &Path| {
        assert!(std::process::Command::new("cp").arg("-aT").args([from, to]).status().unwrap().success());
    };
    copy(&team.repository(), &before);
    team.here.commit("three");
    team.here.ok(["push"]);
    let moved = team.repository().with_extension("moved");
    fs::rename(team.repository(), &moved).unwrap();
    copy(&before, &team.repository());
    team.there.commit("other");
    team.there.ok(["push"]);
    copy(&moved, &team.repository());
    let said = team.here.run(["remote", "fsck", "origin"]);
    assert!(said.code == 4 && said.out.contains("pushes crossed: it leads to 2 commits"), "{said:?}");
    team.here.ok(["fetch"]);
    team.here.ok(["push", "--force", "origin", "master"]);
    assert_eq!(team.here.ok(["remote", "fsck", "origin"]), "1 volume: clean\n");
    let refs = json_lines(&team.here.ok(["ls-remote", "--format", "json"]));
    assert_eq!(refs.len(), 1);
}
