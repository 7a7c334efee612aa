//! A kill at every step of `fsck --repair`: the next one does the rest, and nothing is lost.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use crate::scene::{Run, copy, prepare, remove, told, workshop};
use crate::state::state;

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
fn rebuilding_the_metadata() {
    sweep(&|pool| fs::remove_file(pool.join(".dvol/metadata.redb")).unwrap(), &[], state);
    let noise = |pool: &Path| fs::write(pool.join(".dvol/metadata.redb"), [7; 10_000]).unwrap();
    sweep(&noise, &["--yes"], state);
}

#[test]
fn mending_a_volume() {
    let damage = |pool: &Path| {
        fs::remove_file(pool.join("db/running_point")).unwrap();
        fs::remove_dir_all(pool.join("db/branches/spare")).unwrap();
        fs::create_dir(pool.join("db/commits/mine")).unwrap();
        fs::create_dir(pool.join("strange")).unwrap();
    };
    // The working tree comes from the head of its branch, as which it was here.
    sweep(&damage, &[], state);
}
