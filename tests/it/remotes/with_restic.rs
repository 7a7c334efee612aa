//! What dvol pushes is a repository of restic.

use std::path::Path;
use std::process::{Command, Output};

use super::Team;

/// Runs restic on the team's repository; `None` where there is no restic.
fn restic(team: &Team, words: &[&str]) -> Option<Output> {
    let run = Command::new("restic")
        .args(["--no-cache", "-r", &team.url(), "--password-file", &team.password()])
        .args(words)
        .output();
    match run {
        Ok(output) => Some(output),
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: restic cannot be run: {error}");
            None
        }
        Err(error) => panic!("restic cannot be run: {error}"),
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn restic_lists_checks_and_restores_what_was_pushed() {
    let team = Team::with_clone();
    team.there.commit("three");
    team.there.ok(["push"]);
    let Some(checked) = restic(&team, &["check", "--read-data"]) else { return };
    assert!(
        checked.status.success() && said(&checked).contains("no errors were found"),
        "{}",
        said(&checked)
    );
    let listed = restic(&team, &["snapshots", "--host", "db"]).unwrap();
    assert_eq!(said(&listed).matches("dvol,heads/master").count(), 2, "{}", said(&listed));
    let target = team.there.dir().join("restored");
    let words = ["restore", "latest", "--host", "db", "--tag", "heads/master", "--target"];
    let restored = restic(&team, &[&words[..], &[target.to_str().unwrap()]].concat()).unwrap();
    assert!(restored.status.success(), "{}", said(&restored));
    assert_eq!(std::fs::read_to_string(target.join("data/state")).unwrap(), "three");
    let manifest = std::fs::read_to_string(target.join("dvol.json")).unwrap();
    assert!(manifest.contains("\"message\": \"three\""), "{manifest}");
}

#[test]
fn restic_backs_up_beside_dvol_and_its_locks_are_honoured() {
    let team = Team::with_clone();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let Some(saved) = restic(&team, &["backup", file.to_str().unwrap()]) else { return };
    assert!(saved.status.success(), "{}", said(&saved));
    // What restic saved is none of dvol's.
    assert_eq!(team.there.ok(["ls-remote"]).lines().count(), 2);
    team.there.commit("three");
    team.there.ok(["push"]);
    let pruned = restic(&team, &["prune"]).unwrap();
    assert!(pruned.status.success(), "no lock is left: {}", said(&pruned));
    let checked = restic(&team, &["check", "--read-data"]).unwrap();
    assert!(checked.status.success(), "{}", said(&checked));
    team.here.ok(["pull"]);
    assert_eq!(team.here.read("db", "state"), "three");
}
