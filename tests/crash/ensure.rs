//! `ensure`: whatever dies when, the volume is as before, as SEED had it with what brings it back
//! at hand, or at the state of the tag; and the next `ensure` ends as the first should have.

use std::path::Path;

use crate::cases::check_deaths;
use support::random::seed;
use support::scene::{Run, copy, prepare, remove, told, workshop};
use support::tree_text;

/// Makes files that are equal only once it is over.
const SEED: &str = "set -e; unset DVOL_FAULT DVOL_FAULT_TRACE; cd $DVOL_POOL/db/running_point; \
    rm -f new; echo seeded > a; cp a one; cp a b; touch -d @1000 a b one .";
const WORDS: &[&str] = &["ensure", "schema", "db", "--from", "HEAD~1", "--", "sh", "-c", SEED];

#[test]
fn a_state_that_is_there_is_reset_to_or_the_volume_is_as_it_was() {
    check_deaths(&[&["tag", "-C", "db", "here", "HEAD~1"]], &["ensure", "here", "db", "--", "false"]);
}

fn tree(pool: &Path) -> String {
    tree_text(&pool.join("db/branches/master"))
}

/// Checks that a tag names a whole state: SEED was over.
fn check_tag(run: &Run<'_>, what: &str) {
    let tags = String::from_utf8(run.must(&["tag", "-C", "db"]).stdout).unwrap();
    if tags.lines().any(|tag| tag == "schema") {
        let copy = run.pool.with_file_name("export.tar");
        run.must(&["export", "db:schema", copy.to_str().unwrap()]);
        let listed = std::process::Command::new("tar").arg("-tf").arg(&copy).output().unwrap();
        let names = String::from_utf8(listed.stdout).unwrap();
        for name in ["a", "b", "one"] {
            assert!(names.lines().any(|line| line == format!("data/{name}")), "{what}: {names}");
        }
        std::fs::remove_file(copy).unwrap();
    }
}

/// Kills an `ensure` at these of its points, and lets the next one end what it began.
fn kill_at(points: impl Iterator<Item = usize>, kills: usize) {
    let workshop = workshop();
    let (template, pool, trace) = (
        prepare(workshop.path().join("template")),
        workshop.path().join("pool"),
        workshop.path().join("trace"),
    );
    let before = tree(&template);
    copy(&template, &pool);
    let run = |ids| Run { pool: &pool, engine: None, ids };
    assert!(run(500_000).with_fault(WORDS, None, &trace).0.status.success());
    let after = tree(&pool);
    assert_ne!(before, after);
    run(510_000).must(&["undo", "db"]);
    assert_eq!(tree(&pool), before, "the undo gives back what was there");
    let mut killed = 0;
    for point in points.take(kills) {
        let what = format!("killed at {point}");
        remove(&pool);
        copy(&template, &pool);
        let (output, _) = run(500_000).with_fault(WORDS, Some(&format!("{point}:kill")), &trace);
        killed += usize::from(!output.status.success());
        check_tag(&run(600_000), &what);
        let again = run(700_000).must(WORDS);
        assert_eq!(tree(&pool), after, "{what}: {}", told(&again));
        check_tag(&run(800_000), &what);
        let tags = run(810_000).must(&["tag", "-C", "db"]);
        let tags = String::from_utf8(tags.stdout).unwrap();
        assert!(tags.contains("schema\n") && !tags.contains("dvol-ensure/"), "{what}: {tags}");
        run(820_000).must(&["undo", "db"]);
        assert_eq!(tree(&pool), before, "{what}: after the undo");
        run(830_000).must(&["fsck"]);
    }
    assert!(killed > kills / 2, "{killed} of {kills} were killed");
}

#[test]
fn an_ensure_that_is_killed_anywhere_is_ended_by_the_next_one() {
    let workshop = workshop();
    let (pool, trace) = (prepare(workshop.path().join("pool")), workshop.path().join("trace"));
    let mut points = Run { pool: &pool, engine: None, ids: 500_000 }.with_fault(WORDS, None, &trace).1;
    // Those inside of redb's transactions are many, and swept elsewhere.
    points.retain(|point| !point.starts_with("redb."));
    let points = points.len();
    println!("ensure: {points} points");
    let step = 1 + points / 25;
    let first = usize::try_from(seed() % step as u64).unwrap();
    kill_at((1..=points).skip(first).step_by(step), points / step);
}
