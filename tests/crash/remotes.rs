//! Verbs of remotes: the repository lies in a directory beside the pool. What a death leaves in the
//! repository, the journeys in `it` look at.

use support::fake_engine::Containers;

use crate::sweep::{Case, Points, sweep_through};

/// A pool whose `db` was pushed. The key is kept, so that no later command takes the password.
const PUSHED: &[&[&str]] = &[
    &["remote", "add", "--keep-key", "--public", "origin", "REMOTE"],
    &["push", "-y", "origin", "master", "-C", "db"],
];

/// A pool with a commit that its remote lacks.
const AHEAD: &[&[&str]] = &[PUSHED[0], PUSHED[1], &["commit", "-m", "more", "db"]];

/// A pool whose remote has a commit that is not here.
const BEHIND: &[&[&str]] = &[
    PUSHED[0],
    PUSHED[1],
    &["commit", "-m", "more", "db"],
    &["push", "origin", "master", "-C", "db"],
    &["remote", "rm", "origin"],
    &["reset", "--hard", "HEAD~1", "db"],
    &["gc", "-f", "--all"],
    PUSHED[0],
    &["ls-remote", "origin"],
];

/// Sweeps a verb by deaths, and with `deep` the recovery from each: killed.rs of `it` tries errors.
fn check(
    before: &'static [&'static [&'static str]],
    words: &'static [&'static str],
    deep: bool,
    parts: &[&[&str]],
) {
    let points = if deep { Points::FewDeaths } else { Points::Deaths };
    let case = Case { before, words, containers: Containers::new(), points, deep, ready: None };
    let runs = sweep_through(&case, parts);
    println!("{words:?}: {runs} deaths");
}

#[test]
fn a_pull_is_done_or_stops_between_its_operations() {
    let fetch: &[&str] = &["fetch", "origin", "-C", "db"];
    let data: &[&str] = &["fetch", "origin", "origin/master", "-C", "db"];
    check(BEHIND, &["pull", "origin", "master", "-C", "db"], true, &[fetch, data]);
}

#[test]
fn a_clone_of_a_remote_is_a_whole_volume_that_follows_it_or_none() {
    check(PUSHED, &["clone", "REMOTE/db", "fresh"], true, &[]);
}

#[test]
fn a_fetch_takes_all_records_over_or_none() {
    check(BEHIND, &["fetch", "origin", "-C", "db"], false, &[]);
}

#[test]
fn a_push_leaves_the_pool_as_it_was_or_knowing_what_it_pushed() {
    check(AHEAD, &["push", "origin", "master", "-C", "db"], false, &[]);
}
