//! A crash at every step: each fault point of each verb that changes a pool is killed and made to
//! fail, and the pool must be as before or as after, with all containers as they were.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests set up and look at files of their own"
)]

mod driver;
mod entries;
mod gc;
mod model;
mod mount;
mod power;
mod random;
mod repair;
mod rollback;
mod sweep;
mod workshop;

use support::fake_engine::{Container, Containers, FakeEngine, Status};
use support::scene;
use sweep::{Case, Points, sweep};

fn check(before: &'static [&'static [&'static str]], words: &'static [&'static str]) {
    let runs = sweep(&Case {
        before,
        words,
        containers: Containers::new(),
        points: Points::Steps,
        deep: true,
        ready: None,
    });
    println!("{words:?}: {runs} faults");
}

/// The same for what is made of parts that are swept in full elsewhere: a death at each point, and no death in the
/// recovery from it.
fn check_deaths(before: &'static [&'static [&'static str]], words: &'static [&'static str]) {
    let runs = sweep(&Case {
        before,
        words,
        containers: Containers::new(),
        points: Points::Deaths,
        deep: false,
        ready: None,
    });
    println!("{words:?}: {runs} deaths");
}

/// The same inside the transactions of redb.
fn check_inside(words: &'static [&'static str]) {
    let points = Points::InsideTransactions;
    let runs =
        sweep(&Case { before: &[], words, containers: Containers::new(), points, deep: true, ready: None });
    println!("{words:?} inside transactions: {runs} faults");
}

/// The same with containers: one that runs, one that a person paused, one that is stopped, and one on
/// another volume. They are stopped and started.
fn check_with_containers(
    before: &'static [&'static [&'static str]],
    words: &'static [&'static str],
    deep: bool,
) {
    let container = |volume, status| Container { volume, status, auto_remove: false };
    let containers = Containers::from([
        ("runs".to_owned(), container("db", Status::Running)),
        ("paused".to_owned(), container("db", Status::Paused)),
        ("stopped".to_owned(), container("db", Status::Stopped)),
        ("elsewhere".to_owned(), container("other", Status::Running)),
    ]);
    let runs = sweep(&Case { before, words, containers, points: Points::Steps, deep, ready: None });
    println!("{words:?} with containers: {runs} faults");
}

/// The same with a container that runs and one that the engine deletes when it stops: for words that
/// ask for `--pause`, without which the second is refused.
fn check_with_frozen(before: &'static [&'static [&'static str]], words: &'static [&'static str]) {
    let container = |auto_remove| Container { volume: "db", status: Status::Running, auto_remove };
    let containers =
        Containers::from([("runs".to_owned(), container(false)), ("fleeting".to_owned(), container(true))]);
    let runs = sweep(&Case { before, words, containers, points: Points::Steps, deep: true, ready: None });
    println!("{words:?} with frozen containers: {runs} faults");
}

#[test]
fn init() {
    check(&[], &["init", "fresh"]);
}

#[test]
fn commit() {
    check(&[], &["commit", "-m", "more", "db"]);
}

#[test]
fn commit_that_takes_checksums() {
    check_deaths(&[&["config", "checksums", "commit"]], &["commit", "-m", "more", "db"]);
}

#[test]
fn reset() {
    check(&[], &["reset", "--hard", "HEAD~1", "db"]);
}

#[test]
fn checkout() {
    check(&[], &["checkout", "-f", "dev", "db"]);
}

#[test]
fn checkout_to_a_new_branch() {
    check(&[], &["checkout", "-b", "fresh", "db"]);
}

#[test]
fn delete_branch() {
    check(&[], &["branch", "-d", "spare", "db"]);
}

#[test]
fn delete_branch_with_commits() {
    check(&[], &["branch", "-D", "dev", "db"]);
}

#[test]
fn remove() {
    check(&[], &["rm", "-f", "db"]);
}

#[test]
fn config() {
    check(&[], &["config", "user.email", "ada@example.org"]);
}

#[test]
fn config_of_a_volume() {
    check(&[], &["config", "-C", "db", "user.name", "Ada"]);
}

#[test]
fn switch() {
    check(&[], &["switch", "other"]);
}

#[test]
fn commit_with_containers() {
    check_with_containers(&[], &["commit", "-m", "more", "db"], true);
}

#[test]
fn reset_with_containers() {
    // How it lets containers go, recovery learns with a commit; what it does to trees, without containers.
    check_with_containers(&[], &["reset", "--hard", "HEAD~1", "db"], false);
}

#[test]
fn checkout_with_containers() {
    check_with_containers(&[], &["checkout", "-f", "dev", "db"], false);
}

#[test]
fn commit_with_frozen_containers() {
    check_with_frozen(&[], &["commit", "--pause", "-m", "more", "db"]);
}

#[test]
fn reset_with_frozen_containers() {
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
fn config_inside_its_transaction() {
    check_inside(&["config", "user.email", "ada@example.org"]);
}

#[test]
fn delete_branch_inside_its_transactions() {
    check_inside(&["branch", "-D", "dev", "db"]);
}

#[test]
fn tag() {
    check(&[], &["tag", "-C", "db", "here"]);
}

#[test]
fn rename() {
    check(&[], &["rename", "db", "data"]);
}

#[test]
fn undo_of_a_reset() {
    check(&[&["reset", "--hard", "HEAD~1", "db"]], &["undo", "db"]);
}

#[test]
fn undo_of_an_undo() {
    check(&[&["reset", "--hard", "HEAD~1", "db"], &["undo", "db"]], &["undo", "db"]);
}

#[test]
fn undo_of_a_commit() {
    check(&[&["commit", "-m", "more", "db"]], &["undo", "db"]);
}

#[test]
fn undo_of_a_checkout() {
    check(&[&["checkout", "-b", "fresh", "db"]], &["undo", "db"]);
}

#[test]
fn undo_of_a_deleted_branch() {
    check(&[&["branch", "-D", "dev", "db"]], &["undo", "db"]);
}

#[test]
fn undo_of_rm() {
    check(&[&["rm", "-f", "db"]], &["undo", "db"]);
}

#[test]
fn undo_of_a_rename() {
    check(&[&["rename", "db", "data"]], &["undo", "data"]);
}

#[test]
fn undo_of_a_reset_with_containers() {
    check_with_containers(&[&["reset", "--hard", "HEAD~1", "db"]], &["undo", "db"], false);
}

#[test]
fn a_branch_that_is_made_holds_or_does_not() {
    check_deaths(&[], &["branch", "-C", "db", "fresh", "HEAD~1"]);
}

#[test]
fn a_branch_that_gets_another_name_has_one_of_the_two() {
    check(&[], &["branch", "-C", "db", "-m", "main"]);
}

#[test]
fn an_amended_commit_is_the_old_one_or_the_new_one() {
    check(&[], &["commit", "--amend", "-m", "better", "db"]);
}

#[test]
fn a_branch_that_is_made_anew_is_the_old_one_or_the_new_one() {
    check_deaths(&[], &["checkout", "-f", "-B", "dev", "HEAD~1", "db"]);
}

#[test]
fn a_cloned_volume_is_whole_or_not_there() {
    check_deaths(&[], &["clone", "db:HEAD~1", "fresh"]);
}

/// Two volumes of a compose project, with one commit of both, and changes in both.
const PROJECT: &[&[&str]] = &[
    &["rename", "db", "shop_db"],
    &["rename", "other", "shop_other"],
    &["commit", "--project", "shop", "-m", "both"],
];

fn check_project(
    before: &'static [&'static [&'static str]],
    words: &'static [&'static str],
    points: Points,
    deep: bool,
) {
    let container = |volume, status| Container { volume, status, auto_remove: false };
    let containers = Containers::from([
        ("on_both".to_owned(), container("shop_other shop_db", Status::Running)),
        ("on_one".to_owned(), container("shop_other", Status::Running)),
        ("paused".to_owned(), container("shop_db", Status::Paused)),
    ]);
    let runs = sweep(&Case { before, words, containers, points, deep, ready: None });
    println!("{words:?} of two volumes: {runs} faults");
}

#[test]
fn a_commit_of_a_project_is_one_of_all_volumes_or_none() {
    check_project(PROJECT, &["commit", "--project", "shop", "-m", "more"], Points::Deaths, false);
}

#[test]
fn a_reset_of_a_project_is_one_of_all_volumes_or_none() {
    check_project(PROJECT, &["reset", "--hard", "HEAD", "--project", "shop"], Points::Steps, false);
}

#[test]
fn a_new_branch_of_a_project_is_one_of_all_volumes_or_none() {
    check_project(PROJECT, &["checkout", "-b", "fresh", "--project", "shop"], Points::Deaths, false);
}

#[test]
fn an_undo_of_a_project_is_one_of_all_volumes_or_none() {
    const UNDO: &[&[&str]] =
        &[PROJECT[0], PROJECT[1], PROJECT[2], &["reset", "--hard", "HEAD", "--project", "shop"]];
    check_project(UNDO, &["undo", "--project", "shop"], Points::Deaths, false);
}

#[test]
fn containers_come_up_when_the_trees_of_all_their_volumes_are_in_order() {
    let workshop = scene::workshop();
    let (pool, trace) = (scene::prepare(workshop.path().join("pool")), workshop.path().join("trace"));
    let engine = FakeEngine::new();
    let container = Container { volume: "shop_other shop_db", status: Status::Running, auto_remove: false };
    let run = |ids| scene::Run { pool: &pool, engine: Some(&engine), ids };
    for (ids, words) in (500_000..).step_by(1000).zip(PROJECT) {
        run(ids).must(words);
    }
    engine.set(&Containers::from([("on_both".to_owned(), container)]));
    let words = ["reset", "--hard", "HEAD", "--project", "shop"];
    let last = |points: &[String], name: &str| points.iter().rposition(|point| point == name);
    let copies = ["one", "other"].map(|name| workshop.path().join(name));
    copies.iter().for_each(|copy| scene::copy(&pool, copy));
    let run = |copy, ids| scene::Run { pool: copy, ..run(ids) };
    let steps = |all: Vec<String>| -> Vec<String> {
        all.into_iter().filter(|point| !point.starts_with("redb.")).collect()
    };
    let points = steps(run(&copies[0], 600_000).with_fault(&words, None, &trace).1);
    // It dies when both working trees have changed places and nothing is published.
    let exchanged = last(&points, "disk.exchange").unwrap() + 1;
    run(&copies[1], 700_000).with_fault(&words, Some(&format!("{}:kill", exchanged + 1)), &trace);
    let points = steps(run(&copies[1], 800_000).with_fault(&["fsck"], None, &trace).1);
    let (exchanged, started) =
        (last(&points, "disk.exchange").unwrap(), last(&points, "container.start").unwrap());
    let both = points.iter().filter(|point| *point == "disk.exchange").count();
    assert!(both == 2 && exchanged < started, "{points:?}");
}

#[test]
fn undo_of_an_init() {
    check(&[&["init", "fresh"]], &["undo", "fresh"]);
}

#[test]
fn undo_of_a_clone() {
    check(&[&["clone", "db", "fresh"]], &["undo", "fresh"]);
}

#[test]
fn undo_of_a_branch_that_got_another_name() {
    check(&[&["branch", "-C", "db", "-m", "main"]], &["undo", "db"]);
}

#[test]
fn undo_of_an_amended_commit() {
    check(&[&["commit", "--amend", "-m", "better", "db"]], &["undo", "db"]);
}

#[test]
fn undo_of_a_deleted_tag() {
    check(&[&["tag", "-C", "db", "here"], &["tag", "-C", "db", "-d", "here"]], &["undo", "db"]);
}

#[test]
fn a_tag_that_alone_holds_its_commit_is_deleted() {
    check(
        &[&["tag", "-C", "db", "here"], &["reset", "--hard", "HEAD~1", "db"]],
        &["tag", "-C", "db", "-d", "here"],
    );
}

#[test]
fn a_dropped_commit_is_brought_back_by_a_reset() {
    check_deaths(&[&["reset", "--hard", "HEAD~1", "db"]], &["reset", "--hard", "ORIG_HEAD", "db"]);
}

#[test]
fn an_amended_commit_is_brought_back_by_a_tag() {
    check_deaths(
        &[&["commit", "--amend", "-m", "other words", "db"]],
        &["tag", "-C", "db", "back", "HEAD@{1}"],
    );
}

#[test]
fn undo_of_a_commit_that_was_brought_back() {
    check_deaths(
        &[&["reset", "--hard", "HEAD~1", "db"], &["branch", "back", "ORIG_HEAD", "-C", "db"]],
        &["undo", "db"],
    );
}

#[test]
fn an_archive_is_imported() {
    let (words, points) = (&["import", "ARCHIVE", "fresh"], Points::Steps);
    let runs =
        sweep(&Case { before: &[], words, containers: Containers::new(), points, deep: false, ready: None });
    println!("{words:?}: {runs} faults");
}

#[test]
fn a_volume_of_another_driver_is_imported() {
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
