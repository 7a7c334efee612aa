//! How often a store is asked: over a slow line each request takes its time.

use super::Team;
use crate::harness::Pool;

/// Runs dvol and counts its requests to the repository.
#[track_caller]
fn requests(pool: &Pool, words: &[&str]) -> usize {
    let trace = pool.dir().join("requests");
    let output = pool.command(words).env("DVOL_FAULT_TRACE", &trace).output().expect("dvol runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let steps = support::steps(&trace);
    std::fs::remove_file(&trace).expect("a trace");
    steps.iter().filter(|step| step.starts_with("remote.")).count()
}

fn packs(team: &Team) -> usize {
    let folders = std::fs::read_dir(team.repository().join("data")).expect("packs");
    folders.map(|folder| std::fs::read_dir(folder.expect("a folder").path()).expect("packs").count()).sum()
}

#[test]
fn a_fresh_clone_takes_two_requests_a_pack_and_a_fetch_of_nothing_a_handful() {
    let team = Team::new();
    // More pieces than requests are allowed, none of which is like another.
    let noise: Vec<u8> = (0..8_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (n, part) in noise.chunks(40_000).enumerate() {
        std::fs::write(team.here.root().join(format!("db/running_point/{n}")), part).unwrap();
    }
    team.here.commit("large");
    team.here.ok(["push", "-y", "-u", "origin", "master"]);
    let made = requests(&team.there, &["clone", &team.volume("db")]);
    assert!(made <= 2 * packs(&team) + 20, "{made} requests for {} packs", packs(&team));
    team.there.ok(["switch", "db"]);
    let made = requests(&team.there, &["fetch"]);
    assert!(made <= 5, "{made} requests");
    team.there.ok(["remote", "set-url", "origin", &team.url()]);
    team.there.ok(["remote", "add", "--keep-key", "kept", &team.url(), "--password-file", &team.password()]);
    team.there.ok(["fetch", "kept"]);
    let made = requests(&team.there, &["fetch", "kept"]);
    assert!(made <= 3, "{made} requests with the key kept");
}
