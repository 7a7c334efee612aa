//! `run --rollback`: whatever dies when, the volume is as before the run, as the command left it
//! with what brings it back at hand, or as before again.

use crate::sweep::{Case, Points, sweep};
use support::fake_engine::{Container, Containers, Status};
use support::scene::{Run, copy, prepare, told, workshop};
use support::tree_text;

/// What a command begins with that shows the pool as it finds it, and ends with to show it as it
/// leaves it.
macro_rules! shown {
    ($script:literal) => {
        concat!(
            "set -e; unset DVOL_FAULT DVOL_FAULT_TRACE; stages=${DVOL_POOL%/*}/stages; ",
            "show() { test ! -d $stages || cp -a $DVOL_POOL $stages/$1; }; show 1; ",
            $script,
            "; show 2"
        )
    };
}

const CHANGE: &str = shown!("cd $DVOL_POOL/db/running_point; echo changed > one; rm new; echo x > dir/other");

fn check(
    before: &'static [&'static [&'static str]],
    script: &'static str,
    containers: Containers,
    points: Points,
) {
    let words: &[&str] = vec!["run", "--rollback", "db", "--", "sh", "-c", script].leak();
    // Its recoveries are those of other verbs, where they are swept.
    let runs = sweep(&Case { before, words, containers, points, deep: false, ready: None });
    println!("run --rollback, {script:?}: {runs} faults");
}

#[test]
fn a_run_with_uncommitted_changes_comes_back_or_can_be_brought_back() {
    check(&[], CHANGE, Containers::new(), Points::Steps);
}

#[test]
fn a_run_whose_command_commits_and_takes_the_branch_away() {
    const SCRIPT: &str = shown!(
        "dvol() { command dvol --disable-docker-integration \"$@\"; }; \
         DVOL_TEST_IDS=510000 dvol commit -m more db > /dev/null; \
         DVOL_TEST_IDS=520000 dvol checkout -b side db > /dev/null; \
         DVOL_TEST_IDS=530000 dvol branch -C db -D master > /dev/null"
    );
    check(&[], SCRIPT, Containers::new(), Points::Deaths);
}

#[test]
fn a_run_with_containers_and_nothing_uncommitted() {
    let container = |volume, status| Container { volume, status, auto_remove: false };
    let containers = Containers::from([
        ("runs".to_owned(), container("db", Status::Running)),
        ("paused".to_owned(), container("db", Status::Paused)),
        ("elsewhere".to_owned(), container("other", Status::Running)),
    ]);
    check(&[&["commit", "-m", "all", "db"]], CHANGE, containers, Points::Deaths);
}

#[test]
fn what_a_killed_run_owes_is_had_by_its_tag() {
    let workshop = workshop();
    let (template, pool, trace) = (
        prepare(workshop.path().join("template")),
        workshop.path().join("pool"),
        workshop.path().join("trace"),
    );
    let words = ["run", "--rollback", "db", "--", "sh", "-c", CHANGE];
    let text = |pool: &std::path::Path| tree_text(&pool.join("db/branches/master"));
    let before = text(&template);
    copy(&template, &pool);
    let run = |ids| Run { pool: &pool, engine: None, ids };
    let points = run(500_000).with_fault(&words, None, &trace).1;
    let steps = points.iter().filter(|point| !point.starts_with("redb.")).count();
    let mut owed = 0;
    for point in 1..=steps {
        support::scene::remove(&pool);
        copy(&template, &pool);
        run(500_000).with_fault(&words, Some(&format!("{point}:kill")), &trace);
        run(600_000).run(&["fsck"]);
        let tags = run(700_000).must(&["tag", "-C", "db"]);
        let tag = String::from_utf8(tags.stdout).unwrap();
        if !tag.is_empty() {
            // The snapshot is the last operation, and stays while it is owed.
            let refused = run(710_000).run(&["undo", "db"]);
            assert!(told(&refused).contains("still keeps its snapshot"), "{point}: {}", told(&refused));
            run(720_000).must(&["reset", "--hard", tag.trim(), "db"]);
            owed += 1;
        }
        assert_eq!(text(&pool), before, "killed at {point}");
        run(730_000).must(&["fsck"]);
    }
    assert!(owed > 10);
}
