//! What is too old goes from trash, and not each operation looks for it.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use crate::harness::Pool;

/// Ten o'clock, when the harness's clock begins, in seconds since the epoch.
const FIRST_OF_MAY_2024: u64 = 1_714_557_600;

/// Drops a change, which goes to trash.
fn reset(pool: &Pool) {
    pool.write("db", "state", "two");
    pool.ok(["reset", "--hard", "HEAD"]);
}

/// What is in trash.
fn entries(pool: &Pool) -> Vec<std::path::PathBuf> {
    fs::read_dir(pool.root().join(".dvol/trash")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Makes all that is in trash as old as that, by the harness's clock.
fn age(pool: &Pool, days: u64) {
    let then = UNIX_EPOCH + Duration::from_secs(FIRST_OF_MAY_2024) - Duration::from_secs(days * 86_400);
    for entry in entries(pool) {
        fs::File::open(entry).unwrap().set_modified(then).unwrap();
    }
}

#[test]
fn an_operation_looks_through_trash_only_when_something_in_it_may_be_too_old() {
    let pool = Pool::with_commits(&["one"]);
    let next = pool.root().join(".dvol/trash.next");
    reset(&pool);
    assert_eq!(entries(&pool).len(), 1);
    // All but the bytes in trash, which the next reset adds to.
    let plan = || fs::read_to_string(&next).unwrap().rsplit_once(' ').unwrap().0.to_owned();
    let planned = plan();
    // Entries do not become older by themselves: an operation that looked would find them.
    age(&pool, 30);
    pool.ok(["commit", "-m", "Two"]);
    reset(&pool);
    assert_eq!(entries(&pool).len(), 2);
    assert_eq!(plan(), planned);

    // Without the plan it looks.
    fs::remove_file(&next).unwrap();
    pool.ok(["commit", "-m", "Three"]);
    assert_eq!(entries(&pool).len(), 1);

    // Where less is to be kept, too.
    age(&pool, 3);
    pool.ok(["config", "trash.keep", "2d"]);
    reset(&pool);
    assert_eq!(entries(&pool).len(), 1);
    pool.ok(["undo"]);
    assert_eq!(pool.read("db", "state"), "two");
}

#[test]
fn what_becomes_too_old_goes_with_the_next_operation() {
    let pool = Pool::with_commits(&["one"]);
    reset(&pool);
    age(&pool, 6);
    fs::remove_file(pool.root().join(".dvol/trash.next")).unwrap();
    pool.ok(["commit", "-m", "Two"]);
    assert_eq!(entries(&pool).len(), 1);
    // The plan is for tomorrow, when the oldest is too old.
    let plan = fs::read_to_string(pool.root().join(".dvol/trash.next")).unwrap();
    let numbers: Vec<i64> = plan.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let (looked, next) = (numbers[1], numbers[2]);
    let hours = (next - looked) / 3_600_000_000;
    assert!((23..=24).contains(&hours), "{plan}");
    // As if that time had come.
    let over = format!("{:020} {:020} {:020} {:020}\n", numbers[0], looked - 1, looked, numbers[3]);
    fs::write(pool.root().join(".dvol/trash.next"), over).unwrap();
    age(&pool, 8);
    pool.ok(["commit", "-m", "Three"]);
    assert!(entries(&pool).is_empty());
}
