//! Settings.

use crate::harness::Pool;

#[test]
fn a_volumes_own_setting_wins_over_the_pools() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["config", "user.email", "all@example.org"]);
    pool.ok(["config", "-C", "db", "user.email", "db@example.org"]);
    assert_eq!(pool.ok(["config", "user.email"]), "all@example.org\n");
    assert_eq!(pool.ok(["config", "-C", "db", "user.email"]), "db@example.org\n");
    pool.ok(["config", "-C", "db", "--unset", "user.email"]);
    assert_eq!(pool.ok(["config", "-C", "db", "user.email"]), "all@example.org\n");
    assert_eq!(pool.ok(["config", "--list"]), "user.email=all@example.org\n");
}

#[test]
fn unknown_keys_and_bad_values_are_refused_with_the_rule() {
    let pool = Pool::empty();
    pool.fails(2, ["config", "no.such", "x"], "is not a setting");
    pool.fails(2, ["config", "trash.keep", "soon"], "a number with d, h or m");
    assert_eq!(pool.run(["config", "user.name"]).code, 1);
    pool.fails(1, ["config", "-C", "nosuch", "user.name", "x"], "does not exist");
}

#[test]
fn a_removed_volume_leaves_no_settings_to_its_namesake() {
    let pool = Pool::with_commits(&["one"]);
    pool.ok(["config", "-C", "db", "user.name", "Grace"]);
    pool.ok(["rm", "-f", "db"]);
    pool.ok(["init", "db"]);
    assert_eq!(pool.run(["config", "-C", "db", "user.name"]).code, 1);
}
