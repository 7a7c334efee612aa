//! What is too old goes from trash, and not each operation looks for it.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use crate::harness::{Pool, json_lines};

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

#[test]
fn all_trash_goes_only_when_confirmed_and_that_of_one_volume_alone() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["clone", "db", "other"]);
    for volume in ["db", "other"] {
        pool.write(volume, "state", "changed");
        pool.ok(["reset", "--hard", "HEAD", volume]);
    }
    assert_eq!(entries(&pool).len(), 2);
    let said = pool.fails(1, ["gc", "--all"], "refusing to delete all trash without confirmation");
    assert!(said.contains("confirm with -f"), "{said}");
    assert_eq!(entries(&pool).len(), 2);
    let said = pool.run(["gc", "db"]);
    assert!(said.out.contains("Freed nothing\nKept ") && said.err.contains("dvol gc --all db"), "{said:?}");
    pool.ok(["gc", "--all", "-f", "db"]);
    assert_eq!(entries(&pool).len(), 1);
    pool.fails(1, ["undo", "db"], "deleted from trash for good");
    pool.ok(["undo", "other"]);
    pool.ok(["rm", "-f", "other"]);
    // Also of a volume that is deleted.
    pool.ok(["gc", "--all", "-f", "other"]);
    assert!(entries(&pool).is_empty());
    pool.fails(1, ["gc", "nothing"], "does not exist");
}

#[test]
fn a_purged_volume_leaves_nothing_in_trash_and_says_so_when_undone() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["reset", "--hard", "HEAD~1", "db"]);
    pool.fails(1, ["rm", "--purge", "db"], "refusing to delete volume db for good without confirmation");
    pool.ok(["rm", "--purge", "-f", "db"]);
    assert!(entries(&pool).is_empty() && !pool.root().join("db").exists() && pool.staging().is_empty());
    assert_eq!(pool.ok(["list", "--deleted", "--format", "json"]), "");
    pool.fails(1, ["undo", "db"], "deleted from trash for good");
    pool.ok(["fsck"]);
}

#[test]
fn trash_is_shown_wherever_space_is() {
    let pool = Pool::with_commits(&["one", "two"]);
    pool.ok(["reset", "--hard", "HEAD~1", "db"]);
    let du = pool.ok(["du", "db"]);
    assert!(du.contains("trash of 1 operation\n"), "{du}");
    pool.ok(["clone", "db", "other"]);
    let removed = pool.run(["rm", "-f", "db"]);
    assert!(
        removed.err.contains("free its disk space, so that it cannot come back: dvol gc --all db"),
        "{removed:?}"
    );
    let all = json_lines(&pool.ok(["du", "--all", "--format", "json"]));
    let [gone, other, sum] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(
        (&gone["volume"], &gone["deleted"], &gone["operations"]),
        (&"db".into(), &true.into(), &2.into())
    );
    assert_eq!((&other["branches"], &other["commits"]), (&1.into(), &1.into()));
    assert_eq!(sum["volume"], serde_json::Value::Null);
    for key in ["branch_bytes", "commit_bytes", "trash_bytes", "total_bytes"] {
        let number = |entry: &serde_json::Value| entry[key].as_u64().unwrap();
        assert_eq!(number(sum), number(gone) + number(other), "{key}");
    }
    let text = pool.ok(["du", "--all"]);
    assert!(text.contains("  db (deleted)\n") && text.contains("  all volumes\n"), "{text}");
}
