//! Verbs that hold containers while they work.

use support::fake_engine::{Container, Containers, Status};

use crate::cases::{check_with_containers, check_with_frozen};
use crate::sweep::{Case, Points, sweep};

#[test]
fn a_commit_leaves_containers_as_they_were() {
    check_with_containers(&[], &["commit", "-m", "more", "db"], true);
}

#[test]
fn a_reset_leaves_containers_as_they_were() {
    // How it lets containers go, recovery learns with a commit; what it does to trees, without
    // containers.
    check_with_containers(&[], &["reset", "--hard", "HEAD~1", "db"], false);
}

#[test]
fn a_checkout_leaves_containers_as_they_were() {
    check_with_containers(&[], &["checkout", "-f", "dev", "db"], false);
}

#[test]
fn a_commit_leaves_no_container_frozen() {
    check_with_frozen(&[], &["commit", "--pause", "-m", "more", "db"]);
}

#[test]
fn a_reset_leaves_no_container_frozen() {
    check_with_frozen(&[], &["reset", "--pause", "--hard", "HEAD~1", "db"]);
}

#[test]
fn what_follows_a_commit_in_a_container_is_never_left_out() {
    const BEFORE: &[&str] = &["config", "-C", "db", "containers.pre-commit", "before"];
    const AFTER: &[&str] = &["config", "-C", "db", "containers.post-commit", "after"];
    let container = Container { volume: "db", status: Status::Running, auto_remove: false };
    let runs = sweep(&Case {
        before: &[BEFORE, AFTER],
        words: &["commit", "-m", "more", "db"],
        containers: Containers::from([("runs".to_owned(), container)]),
        points: Points::Steps,
        deep: false,
        ready: None,
    });
    println!("commands beside a commit: {runs} faults");
}

#[test]
fn an_imported_volume_of_another_driver_is_whole_or_not_there() {
    let container = |volume, status| Container { volume, status, auto_remove: false };
    let containers = Containers::from([
        ("runs".to_owned(), container("foreign", Status::Running)),
        ("elsewhere".to_owned(), container("db", Status::Running)),
    ]);
    let words = &["import", "--from-docker", "foreign", "fresh"];
    let runs =
        sweep(&Case { before: &[], words, containers, points: Points::Deaths, deep: false, ready: None });
    println!("{words:?} with containers: {runs} faults");
}
