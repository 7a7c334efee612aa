//! A Mount that meets what a dead operation left, while the driver serves: it clears that up before
//! it answers, and may die while it does.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use crate::driver::{CALM, Driver};
use support::scene::{Run, copy, prepare, remove, told, workshop};
use support::{difference, remains, state};

const RESET: &[&str] = &["reset", "--hard", "HEAD~1", "db"];
const MOUNT: (&str, &str) = ("Mount", r#"{"Name":"db","ID":"0123"}"#);

/// The steps of dvol's own in a trace.
fn steps(trace: &Path) -> Vec<String> {
    let text = fs::read_to_string(trace).unwrap_or_default();
    text.lines().filter(|name| !name.starts_with("redb.")).map(str::to_owned).collect()
}

/// What a pool holds once it is mounted.
fn mounted(pool: &Path, trace: &Path) -> String {
    let mut driver = Driver::start(&Run { pool, engine: None, ids: 900_000 }, None, trace);
    let answer = driver.ask(MOUNT.0, MOUNT.1).unwrap();
    assert!(answer.contains(r#""Err":"""#), "{answer}");
    driver.kill();
    state(pool)
}

/// Kills a reset at the second step named `name`, then the driver at each step that Mount takes
/// after it; gives how many.
fn sweep(name: &str, holds: bool) -> usize {
    let workshop = workshop();
    let (pool, trace) = (workshop.path().join("pool"), workshop.path().join("trace"));
    let template = prepare(workshop.path().join("template"));
    let run = |ids| Run { pool: &pool, engine: None, ids };
    Run { pool: &template, engine: None, ids: 400_000 }.must(CALM);
    copy(&template, &pool);
    let (output, points) = run(500_000).with_fault(RESET, None, &trace);
    assert!(output.status.success(), "{}", told(&output));
    let own = points.iter().filter(|point| !point.starts_with("redb.")).enumerate();
    let at = own.filter(|(_, point)| *point == name).nth(1).unwrap().0 + 1;
    if !holds {
        remove(&pool);
        copy(&template, &pool);
    }
    let right = mounted(&pool, &trace);

    let die = |fault: Option<&str>| {
        let _ = fs::remove_dir_all(&pool);
        copy(&template, &pool);
        let mut driver = Driver::start(&run(600_000), fault, &trace);
        driver.connect().unwrap();
        let before = steps(&trace).len();
        let (output, _) =
            run(500_000).with_fault(RESET, Some(&format!("{at}:kill")), &workshop.path().join("other"));
        assert_eq!(output.status.signal(), Some(9), "{}", told(&output));
        (driver, before)
    };
    let (mut driver, before) = die(None);
    let answer = driver.ask(MOUNT.0, MOUNT.1).unwrap();
    let all = steps(&trace).len();
    driver.kill();
    assert!(answer.contains(r#""Err":"""#) && answer.contains("/branches/master"), "{answer}");
    assert!(state(&pool) == right, "{answer}\n{}", difference(&right, &state(&pool)));
    assert_eq!(remains(&pool), (0, 0));
    for point in before + 1..=all {
        // The sweep of a driver may take a step of the recovery from Mount.
        let is_killed = (0..5).any(|_| {
            let (mut driver, _) = die(Some(&format!("{point}:kill")));
            match driver.ask(MOUNT.0, MOUNT.1) {
                None => driver.end().status.signal() == Some(9),
                Some(_) => driver.kill().status.success(),
            }
        });
        assert!(is_killed, "step {point} of {all} was never reached");
        // Who starts the driver again finds the volume, and may be mounted as asked for.
        let now = mounted(&pool, &trace);
        assert!(now == right, "killed at {point}\n{}", difference(&right, &now));
        assert_eq!((run(700_000).fsck().0, remains(&pool)), (0, (0, 0)), "killed at {point}");
    }
    all - before
}

#[test]
fn a_mount_undoes_a_dead_operation_that_does_not_hold() {
    let kills = sweep("metadata.commit", false);
    println!("undone by Mount: {kills} kills");
    assert!(kills > 5, "{kills}");
}

#[test]
fn a_mount_finishes_a_dead_operation_that_holds() {
    let kills = sweep("metadata.committed", true);
    println!("finished by Mount: {kills} kills");
    assert!(kills > 5, "{kills}");
}
