//! Verbs on all volumes of a compose project.

use support::fake_engine::{Container, Containers, FakeEngine, Status};
use support::scene;

use crate::sweep::{Case, Points, sweep};

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
fn a_redo_of_a_project_is_one_of_all_volumes_or_none() {
    const REDO: &[&[&str]] = &[
        PROJECT[0],
        PROJECT[1],
        PROJECT[2],
        &["reset", "--hard", "HEAD", "--project", "shop"],
        &["undo", "--project", "shop"],
    ];
    check_project(REDO, &["redo", "--project", "shop"], Points::Deaths, false);
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
