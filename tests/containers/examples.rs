//! The recipes of tools/examples/speed, as they lie there: each test finds a fresh database.

use std::path::Path;

use support::containers::{Database, Engine, POSTGRES};
use support::{Outcome, skip};

#[test]
fn the_recipes_for_fast_tests_pass_on_a_real_database() {
    let Some(engine) = Engine::shared() else { return };
    let Some(database) = Database::run(engine, POSTGRES, "orders_db") else { return };
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/examples/speed");
    let sh = |line: &str| engine.sh(&format!("cd {} && {line}", home.display()));
    sh("dvol commit -C orders_db -m 'Empty database' && dvol tag -C orders_db empty").ok();
    let check = |said: Outcome, words: &str| {
        assert!(said.stdout.contains(words), "{said}");
        database.assert_well(words);
    };
    let recipes = [
        ("pytest", "/usr/bin/pytest", "-p no:cacheprovider", "3 passed"),
        ("pytest-workers", "/usr/bin/pytest", "-p no:cacheprovider -n 2", "3 passed"),
        ("node", "/usr/bin/node", "--test", "# pass 3"),
    ];
    for (directory, program, arguments, passed) in recipes {
        if !Path::new(program).exists() {
            skip(&format!("{program} is not installed"));
            continue;
        }
        check(sh(&format!("cd {directory} && PYTHONDONTWRITEBYTECODE=1 {program} {arguments} 2>&1")), passed);
    }
    check(sh("shell/test"), "ok no_test_sees_what_another_did");
    assert_eq!(sh("dvol list --format json | grep -c orders_db").ok(), "1", "the copies are gone");
    // The migrations ran once for all of them.
    assert_eq!(sh("dvol log --oneline --all orders_db | grep -c Seeded").ok(), "1");
    database.remove();
}
