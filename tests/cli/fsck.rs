//! fsck finds what is wrong and says what to do.

use std::fs;

use crate::harness::Pool;

#[test]
fn a_missing_tree_a_strange_tree_and_a_wrong_point_are_found() {
    let pool = Pool::with_commit();
    assert_eq!(pool.run(&["fsck"]).ok(), "1 volume: clean\n");
    let commit = pool.path().join("db/commits").join(&pool.ids("db")[0]);
    fs::rename(&commit, pool.path().join("db/commits/stranger")).unwrap();
    fs::remove_file(pool.path().join("db/running_point")).unwrap();
    fs::create_dir(pool.path().join("lost")).unwrap();
    let run = pool.run(&["fsck"]);
    assert_eq!(run.code, Some(4));
    for words in ["tree of this commit is missing", "stranger", "running point", "lost"] {
        assert!(run.out.contains(words), "{words}: {}", run.out);
    }
}

#[test]
fn an_open_pool_is_an_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let pool = Pool::with_commit();
    fs::set_permissions(pool.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let run = pool.run(&["fsck"]);
    assert_eq!(run.code, Some(4));
    assert!(run.out.contains("chmod 0711"), "{}", run.out);
}

#[test]
fn metadata_that_cannot_be_read_is_an_eight() {
    let pool = Pool::with_commit();
    fs::write(pool.path().join(".dvol/metadata.redb"), "not a database at all").unwrap();
    pool.run(&["fsck"]).fails(8, "metadata");
}
