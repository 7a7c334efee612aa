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
fn metadata_of_a_later_dvol_is_an_eight() {
    use redb::{Database, TableDefinition};
    let pool = Pool::with_commit();
    {
        let database = Database::open(pool.path().join(".dvol/metadata.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(TableDefinition::<&str, u64>::new("meta"))
            .unwrap()
            .insert("schema", 99)
            .unwrap();
        transaction.commit().unwrap();
    }
    pool.run(&["fsck"]).fails(8, "newer dvol");
    pool.run(&["fsck", "--repair"]).fails(8, "newer dvol");
}

/// What every reader shows.
fn all(pool: &Pool) -> String {
    ["log", "branch", "tag", "config", "reflog", "list"]
        .map(|verb| pool.run(&[verb, "--format", "json"]).ok())
        .concat()
}

#[test]
fn destroyed_metadata_is_told_and_rebuilt() {
    let pool = Pool::with_commit();
    pool.run(&["tag", "v1"]).ok();
    pool.run(&["checkout", "-b", "dev"]).ok();
    pool.run(&["commit", "-m", "more"]).ok();
    pool.run(&["config", "user.name", "Ada"]).ok();
    let file = pool.path().join(".dvol/metadata.redb");
    let destroy: [(&str, &dyn Fn()); 4] = [
        ("missing", &|| fs::remove_file(&file).unwrap()),
        ("damaged", &|| fs::write(&file, "not a database at all").unwrap()),
        ("damaged", &|| fs::write(&file, "").unwrap()),
        ("missing", &|| drop(fs::remove_file(&file).and(fs::remove_file(file.with_extension("sums"))))),
    ];
    for (what, destroy) in destroy {
        let before = all(&pool);
        destroy();
        for verb in [&["list"][..], &["log"], &["init", "other"], &["commit", "-m", "x"], &["rm", "-f", "db"]]
        {
            let run = pool.run(verb);
            assert!(run.err.contains(what), "{verb:?}: {}", run.err);
            run.fails(1, "dvol fsck --repair");
        }
        pool.run(&["fsck"]).fails(4, "");
        let run = pool.run(&["fsck", "--repair"]);
        assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
        assert!(run.out.contains("rebuilt with 1 volume(s) and 2 commit(s)"), "{}", run.out);
        assert_eq!(all(&pool), before);
        assert_eq!(pool.run(&["fsck"]).ok(), "1 volume: clean\n");
        pool.run(&["undo"]).ok();
        pool.run(&["undo"]).ok();
        assert_eq!(pool.run(&["log", "--format", "json"]).ok().lines().count(), 2);
    }
    assert!(pool.path().join(".dvol/lost+found/metadata.redb.1").is_file());
}
