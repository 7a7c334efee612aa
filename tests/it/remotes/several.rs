//! Several machines push at once.

use std::thread;

use super::Team;
use crate::harness::{Pool, json_lines};

const PUSHERS: u64 = 16;

/// Each of 16 pools has a clone with a commit of its own. All push at once, and pull and push again
/// until theirs is in: no push that was said to have succeeded is lost.
#[test]
fn sixteen_pushes_at_once_lose_no_commit() {
    let team = Team::new();
    team.here.ok(["push", "-y", "-u", "origin", "master"]);
    let pools: Vec<Pool> = (0..PUSHERS).map(|number| Pool::elsewhere(10 + number)).collect();
    let from = team.volume("db");
    let password = team.password();
    let won: Vec<(String, bool)> = thread::scope(|scope| {
        let pushers: Vec<_> = pools
            .iter()
            .map(|pool| {
                let (from, password) = (&from, &password);
                scope.spawn(move || {
                    pool.ok(["clone", from, "--password-file", password]);
                    pool.ok(["switch", "db"]);
                    pool.write("db", "state", "mine");
                    let id = pool.ok(["commit", "-m", "mine"]).trim().to_owned();
                    let said = pool.run(["push", "--lock-timeout", "120"]);
                    assert!(said.code == 0 || said.out.contains("(fetch first)"), "{said:?}");
                    (id, said.code == 0)
                })
            })
            .collect();
        pushers.into_iter().map(|pusher| pusher.join().unwrap()).collect()
    });
    let acknowledged: Vec<&String> = won.iter().filter(|(_, won)| *won).map(|(id, _)| id).collect();
    // All began from the same commit, so one of them moved the branch forward.
    assert_eq!(acknowledged.len(), 1, "{won:?}");
    let refs = json_lines(&team.there.ok(["ls-remote", "--format", "json"]));
    assert_eq!(refs.len(), 1, "{refs:?}");
    assert_eq!(refs[0]["commit"].as_str(), Some(acknowledged[0].as_str()));
    assert_eq!(refs[0]["crossed"], false);
    let left = std::fs::read_dir(team.repository().join("dvol/announce")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "announcements are left");
    let locks = std::fs::read_dir(team.repository().join("locks")).map_or(0, Iterator::count);
    assert_eq!(locks, 0, "locks are left");
}
