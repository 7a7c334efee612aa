//! A kill at every step of `fsck --repair`: the next one does the rest, and nothing is lost.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use support::scene::{Run, copy, prepare, remove, told, workshop};
use support::state;

fn sweep(damage: &dyn Fn(&Path), with: &[&str], expected: impl Fn(&Path) -> String) {
    let workshop = workshop();
    let template = prepare(workshop.path().join("template"));
    let right = expected(&template);
    let (pool, trace) = (workshop.path().join("pool"), workshop.path().join("trace"));
    let words = [&["fsck", "--repair"], with].concat();
    let mut killed = 0;
    for point in 1.. {
        copy(&template, &pool);
        damage(&pool);
        let fault = format!("{point}:kill");
        let (output, _) =
            Run { pool: &pool, engine: None, ids: 500_000 }.with_fault(&words, Some(&fault), &trace);
        let is_over = output.status.signal() != Some(9);
        let again = Run { pool: &pool, engine: None, ids: 600_000 }.run(&words);
        assert!(matches!(again.status.code(), Some(0 | 1)), "{fault}: {}", told(&again));
        let clean = Run { pool: &pool, engine: None, ids: 700_000 }.run(&["fsck"]);
        assert!(clean.status.success(), "{fault}: {}", told(&clean));
        assert_eq!(expected(&pool), right, "{fault}");
        remove(&pool);
        if is_over {
            break;
        }
        killed += 1;
    }
    println!("{words:?}: {killed} kills");
    assert!(killed > 5);
}

#[test]
fn metadata_are_rebuilt_whole_or_can_be_rebuilt_again() {
    sweep(&|pool| fs::remove_file(pool.join(".dvol/metadata.redb")).unwrap(), &[], state);
    let noise = |pool: &Path| fs::write(pool.join(".dvol/metadata.redb"), [7; 10_000]).unwrap();
    sweep(&noise, &["--yes"], state);
}

#[test]
fn a_volume_is_repaired_whole_or_can_be_repaired_again() {
    let damage = |pool: &Path| {
        fs::remove_file(pool.join("db/running_point")).unwrap();
        fs::remove_dir_all(pool.join("db/branches/spare")).unwrap();
        fs::create_dir(pool.join("db/commits/mine")).unwrap();
        fs::create_dir(pool.join("strange")).unwrap();
    };
    // The working tree comes from the head of its branch, as which it was here.
    sweep(&damage, &[], state);
}

/// The second copy says first that the commit holds. Its process dies before the database says so,
/// and the next one before it has said that it took the commit back; then the database is lost.
#[test]
fn what_was_taken_back_stays_so_when_the_metadata_is_rebuilt() {
    let workshop = workshop();
    let template = prepare(workshop.path().join("template"));
    let right = state(&template);
    let (pool, trace) = (workshop.path().join("pool"), workshop.path().join("trace"));
    let run = |ids| Run { pool: &pool, engine: None, ids };
    let commit = ["commit", "-m", "more", "db"];
    // The number of the first or the last step of that name.
    let number = |points: Vec<String>, name: &str, is_last: bool| {
        let mut steps = points.iter().filter(|point| !point.starts_with("redb.")).enumerate();
        let is_it = |(_, point): &(usize, &String)| *point == name;
        let found = if is_last { steps.filter(is_it).last() } else { steps.find(is_it) };
        format!("{}:kill", found.unwrap().0 + 1)
    };
    copy(&template, &pool);
    let fault = number(run(500_000).with_fault(&commit, None, &trace).1, "metadata.commit", true);
    let die = || {
        remove(&pool);
        copy(&template, &pool);
        let (output, _) = run(500_000).with_fault(&commit, Some(&fault), &trace);
        assert_eq!(output.status.signal(), Some(9));
    };
    die();
    let again = number(run(600_000).with_fault(&["fsck"], None, &trace).1, "records.add", false);
    die();
    let (output, _) = run(600_000).with_fault(&["fsck"], Some(&again), &trace);
    assert_eq!(output.status.signal(), Some(9));
    fs::remove_file(pool.join(".dvol/metadata.redb")).unwrap();
    let repaired = run(700_000).run(&["fsck", "--repair", "--yes"]);
    assert!(matches!(repaired.status.code(), Some(0 | 1)), "{}", told(&repaired));
    let clean = run(800_000).run(&["fsck"]);
    assert!(clean.status.success(), "{}", told(&clean));
    assert_eq!(state(&pool), right);
}
