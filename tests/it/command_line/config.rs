//! Settings.

use crate::harness::plain::Pool;

#[test]
fn a_volumes_own_setting_wins_over_the_pools() {
    let pool = Pool::with_commit();
    pool.run(&["config", "user.email", "all@example.org"]).ok();
    pool.run(&["config", "-C", "db", "user.email", "db@example.org"]).ok();
    assert_eq!(pool.run(&["config", "user.email"]).ok(), "all@example.org\n");
    assert_eq!(pool.run(&["config", "-C", "db", "user.email"]).ok(), "db@example.org\n");
    pool.run(&["config", "-C", "db", "--unset", "user.email"]).ok();
    assert_eq!(pool.run(&["config", "-C", "db", "user.email"]).ok(), "all@example.org\n");
    assert_eq!(pool.run(&["config", "--list"]).ok(), "user.email=all@example.org\n");
}

#[test]
fn unknown_keys_and_bad_values_are_refused_with_the_rule() {
    let pool = Pool::new();
    pool.run(&["config", "no.such", "x"]).fails(2, "is not a setting");
    pool.run(&["config", "trash.keep", "soon"]).fails(2, "a number with d, h or m");
    assert_eq!(pool.run(&["config", "user.name"]).code, Some(1));
    pool.run(&["config", "-C", "nosuch", "user.name", "x"]).fails(1, "does not exist");
}

#[test]
fn a_removed_volume_leaves_no_settings_to_its_namesake() {
    let pool = Pool::with_commit();
    pool.run(&["config", "-C", "db", "user.name", "Grace"]).ok();
    pool.run(&["rm", "-f", "db"]).ok();
    pool.run(&["init", "db"]).ok();
    assert_eq!(pool.run(&["config", "-C", "db", "user.name"]).code, Some(1));
}
